"""Going on with a text: n-grams against a GPT, on the same characters."""

from functools import partial

import torch
from torch import nn

from transformer_lib.data.text import Windows
from transformer_lib.generation import Sampler, generate
from transformer_lib.layers.kernels import has_bf16_products
from transformer_lib.learning.data import Data
from transformer_lib.learning.fitting import Training
from transformer_lib.learning.kind import Kind
from transformer_lib.learning.split import Part, Split
from transformer_lib.learning.tables import Counting
from transformer_lib.learning.tokens import PAD, UNKNOWN, Tokens
from transformer_lib.measure.bits import bits_sliding
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.training.losses import token_loss
from transformer_lib.training.optimizers import muon_and_adamw

LONG = 200_000  # characters: a text that minutes are too few to learn by heart


class Writer(Kind):
    """Goes on with a text: n-grams against a GPT, in bits a character."""

    measure = "bits a character"

    @staticmethod
    def facts_of(data: Data, split: Split) -> dict:
        """Characters, and a width that grows with the text.

        A long text is not learnt by heart in minutes. It needs no dropout, which costs half of
        the steps, and has heads of 32 features, as a short one has of 16.
        """
        text = split.train.sources[0]
        tokens, n = Tokens.of([text], "characters"), len(text)
        width = 32 if n < 20_000 else 64 if n < LONG else 96 if n < 2_000_000 else 128
        window = min(128, max(16, n // 20))
        heads = width // (16 if n < LONG else 32)
        return {
            "symbols": tokens.symbols,
            "width": width,
            "heads": heads,
            "window": window,
            "length": n,
        }

    def __init__(self, facts: dict):
        super().__init__(facts)
        self.tokens = Tokens("characters", tuple(facts["symbols"]))
        small, width = facts["length"] < LONG, facts["width"]
        gpt = GPTConfig(
            len(self.tokens),
            d_model=width,
            num_heads=facts["heads"],
            num_layers=2 if small else 3,
            d_ff=4 * width,
            activation="relu2",
            positions="rotary",
            norm="rms",
            bias=False,
            dropout=0.3 if small else 0.0,
        )
        counting = Counting(len(self.tokens))
        self.candidates = nn.ModuleDict({"counting": counting, "model": GPT(gpt)})

    def fit_baseline(self, split: Split) -> None:
        """Count."""
        train, dev = (self.tokens.encode(part.sources[0]) for part in (split.train, split.dev))
        self.baseline.fit(train, dev)

    def make_training(self, split: Split) -> Training:
        """Windows from anywhere in the text; at most 60 passes."""
        ids, window = self.tokens.encode(split.train.sources[0]), self.facts["window"]
        rows = 8 if len(ids) < 20_000 else 16
        return Training(
            self.model,
            lambda model, batch: token_loss(model(batch[0]), batch[1], pad_id=PAD),
            Windows(ids, batch_size=rows, seq_len=window),
            partial(muon_and_adamw, lr=0.02, adamw_lr=3e-3, weight_decay=0.1),
            most=max(100, 60 * len(ids) // (rows * window)),
            autocast=len(ids) >= LONG and has_bf16_products("cpu"),
        )

    def score(self, name: str, part: Part, *, most: int = 20_000) -> float:
        """Bits a character of the first `most`: the same ones for both, all but the first."""
        ids = self.tokens.encode(part.sources[0])[:most]
        if name == "counting":
            return -self.baseline.counts.probabilities(ids)[1:].log2().mean().item()
        window = self.facts["window"]
        return bits_sliding(self.model, ids, window=window, stride=window // 2).mean().item()

    def look(self, part: Part) -> float:
        """The score on a piece that costs little."""
        return self.score("model", part, most=4_000)

    def answer(self, name: str, text: str, *, length: int = 100, seed: int = 0) -> str:
        """Go on from a text, at temperature 0.7."""
        ids = self.tokens.encode(text or "\n")
        choose = Sampler(temperature=0.7, generator=torch.Generator().manual_seed(seed))
        if name == "counting":
            for _ in range(length):
                p = self.baseline.counts.next(ids)
                p[: UNKNOWN + 1] = 0.0  # no text holds them
                ids = torch.cat([ids, choose(p.log()[None])])
            written = ids[-length:]
        else:
            window = self.facts["window"]
            prompt = ids[None, -window:]
            written = generate(
                self.model, prompt, max_new_tokens=length, choose=choose, window=window
            )[0]
        return self.tokens.decode(written.tolist())
