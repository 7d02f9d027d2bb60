"""Writing with a cache against Hugging Face's `generate`, with the same weights."""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from measure import cells, side_by_side
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, MarianConfig, MarianMTModel

from transformer_lib.generation import State, generate
from transformer_lib.pretrained.gpt2 import load_gpt2

sys.path.insert(0, str(Path(__file__).parents[1]))
from torch_weights import like_marian

PAD, BOS, EOS, VOCAB_SIZE, INPUT_LEN = 0, 1, 2, 1000, 32

TITLE = "Speed of generation against Hugging Face `generate`"
NOTE = (
    f"Greedy, with the key/value cache, float32, the same random weights in both; 4 heads, "
    f"d_ff 4 · d_model, vocabulary {VOCAB_SIZE:,}, a source or prompt of {INPUT_LEN} tokens. "
    "Encoder-decoder: Marian, with as many encoder as decoder layers. Decoder-only: GPT-2. "
    '"Equal" rows all end with the last token. "Spread" rows end one after another, evenly from an '
    "eighth of the length up to the whole, as sentences of different lengths would: both are told "
    "where. Above 1.00 ours is faster. Ratio of neighbouring calls: median (quartiles). "
    '"Same" is the share of tokens on which both agree.'
)
HEAD = (
    "model", "d_model, layers", "batch", "new tokens", "ends", "ours, ms", "Hugging Face, ms",
    "Hugging Face / ours", "same",
)  # fmt: skip


def rows(quick: bool):
    """Time each model and batch."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    sizes = [(16, 1, 8)] if quick else [(256, 4, 128), (128, 3, 256)]
    for d_model, num_layers, length in sizes:
        for name, make in {"encoder-decoder": _marian, "decoder-only": _gpt2}.items():
            ours, theirs = make(d_model, num_layers)
            for batch, ends in ((1, "equal"), (16, "equal"), (16, "spread")):
                first = length / 8 if ends == "spread" else length
                lengths = torch.linspace(first, length, batch).round().long()
                lengths = lengths[torch.randperm(batch)]
                inputs = torch.randint(3, VOCAB_SIZE, (batch, INPUT_LEN))
                calls = _ours(ours, inputs, lengths), _theirs(theirs, inputs, lengths)
                same = f"{100 * (calls[0]() == calls[1]()).double().mean():.0f} %"
                times = side_by_side(*calls, seconds=0.1 if quick else 9.0)
                size = f"{d_model}, {num_layers}"
                yield name, size, batch, length, ends, *cells(times), same


def _marian(d_model: int, num_layers: int):
    config = MarianConfig(
        vocab_size=VOCAB_SIZE, d_model=d_model, encoder_layers=num_layers,
        decoder_layers=num_layers, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=4 * d_model, decoder_ffn_dim=4 * d_model, activation_function="relu",
        scale_embedding=True, pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=BOS,
        forced_eos_token_id=None, max_position_embeddings=1024, init_std=0.2,
    )  # fmt: skip
    theirs = MarianMTModel(config).eval()
    return like_marian(theirs), theirs


def _gpt2(d_model: int, num_layers: int):
    config = GPT2Config(
        vocab_size=VOCAB_SIZE, n_embd=d_model, n_layer=num_layers, n_head=4, n_positions=1024,
        bos_token_id=BOS, eos_token_id=EOS, initializer_range=0.2,
    )  # fmt: skip
    theirs = GPT2LMHeadModel(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        return load_gpt2(folder), theirs


@dataclass
class TimedState:
    """A model's state, and how many tokens each row has still to write."""

    state: State
    left: Tensor

    def reorder(self, rows: Tensor) -> None:
        """Keep the sequences `rows` of the batch."""
        self.state.reorder(rows)
        self.left = self.left[rows]


class Timed(nn.Module):
    """A model whose rows end where they are told to, and nowhere else."""

    pad_id, eos_id = PAD, EOS

    def __init__(self, model: nn.Module, lengths: Tensor):
        super().__init__()
        self.model, self.lengths, self.max_len = model, lengths, model.max_len

    def start(self, inputs: Tensor) -> tuple[Tensor, TimedState]:
        """Start the model."""
        tokens, state = self.model.start(inputs)
        return tokens, TimedState(state, self.lengths)

    def step(self, tokens: Tensor, state: TimedState) -> Tensor:
        """Score the next token; where it is the last, let it be EOS."""
        state.left = state.left - 1
        return _end(self.model.step(tokens, state.state), state.left == 0)


def _end(scores: Tensor, now: Tensor) -> Tensor:
    surely = torch.finfo(scores.dtype).max
    scores[:, EOS] = torch.where(now, surely, -surely)
    return scores


def _ours(model: nn.Module, inputs: Tensor, lengths: Tensor):
    timed, longest = Timed(model, lengths).eval(), int(lengths.max())
    return lambda: generate(timed, inputs, max_new_tokens=longest)


def _theirs(model: nn.Module, inputs: Tensor, lengths: Tensor):
    read = 1 if model.config.is_encoder_decoder else inputs.size(1)

    def end(ids: Tensor, scores: Tensor) -> Tensor:
        return _end(scores, lengths == ids.size(1) - read + 1)

    def call() -> Tensor:
        return model.generate(
            inputs, attention_mask=torch.ones_like(inputs), logits_processor=[end],
            do_sample=False, num_beams=1, max_new_tokens=int(lengths.max()), pad_token_id=PAD,
        )[:, read:]  # fmt: skip

    return call
