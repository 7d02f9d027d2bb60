"""Which picture shows this? The nearest caption's picture against a CLIP."""

from functools import partial

import torch
from torch import Tensor, nn

from transformer_lib.data.order import Endless, Shuffled
from transformer_lib.layers.contrastive import contrastive_loss
from transformer_lib.learning.data import Data
from transformer_lib.learning.fitting import Training
from transformer_lib.learning.kind import Kind, eyes, padded
from transformer_lib.learning.split import Part, Split, key
from transformer_lib.learning.tables import NearestCaption, Table
from transformer_lib.learning.tokens import UNKNOWN, Tokens, unit_of
from transformer_lib.measure.retrieval import ranks
from transformer_lib.models.clip import CLIP, BagOfWords, BagOfWordsConfig, CLIPConfig
from transformer_lib.training.optimizers import muon_and_adamw

WIDTH = 64  # of the vectors that are compared
GUESSES = 5  # a caption is missed if none of so many pictures is its own


class Search(Kind):
    """Finds pictures by words: the nearest caption's picture against a CLIP.

    No candidate reads the captions of the pictures that it searches.
    """

    measure, shares = f"missed in {GUESSES} guesses", True

    @staticmethod
    def facts_of(data: Data, split: Split) -> dict:
        """The size of the pictures, what captions are read in, and the paths."""
        channels, side, _ = data.sources[0].shape
        captions = split.train.targets
        unit = unit_of(captions, "words", once=0.6)
        path_of = {id(picture): p for picture, p in zip(data.sources, data.paths, strict=True)}
        return {
            "side": side,
            "channels": channels,
            "unit": unit,
            "symbols": Tokens.of(captions, unit).symbols,
            "paths": [path_of[id(picture)] for picture in _all_pictures(split)],
        }

    def __init__(self, facts: dict):
        super().__init__(facts)
        self.tokens = Tokens(facts["unit"], tuple(facts["symbols"]))
        words = BagOfWordsConfig(len(self.tokens), WIDTH, special=UNKNOWN + 1)
        clip = CLIP(CLIPConfig(), eyes(facts, WIDTH), BagOfWords(words))
        nearest = NearestCaption(len(self.tokens))
        self.candidates = nn.ModuleDict({"nearest": nearest, "model": clip})
        self.shelf = Table()  # all pictures of the file, to search in

    def fit_baseline(self, split: Split) -> None:
        """Keep captions and pictures."""
        self.baseline.fit(self._ids(split.train.targets), torch.stack(split.train.sources))
        self.shelf.fill(pictures=torch.stack(_all_pictures(split)))

    def make_training(self, split: Split) -> Training:
        """64 pairs at a time; at most 60 passes."""
        pairs = _Pairs(
            split.train.sources,
            self._ids(split.train.targets),
            batch_size=min(64, len(split.train)),
        )
        return Training(
            self.model,
            lambda model, batch: _surprise(model, *batch),
            pairs,
            partial(muon_and_adamw, lr=0.02, adamw_lr=5e-3, weight_decay=0.05),
            most=max(100, 60 * pairs.order.steps_per_epoch),
        )

    def score(self, name: str, part: Part) -> float:
        """Share of captions whose picture is not among the first guesses in the part."""
        scores = self._scores(name, self._ids(part.targets), torch.stack(part.sources))
        captions = list(map(key, part.targets))
        own = torch.tensor([[a == b for b in captions] for a in captions])
        best = scores.masked_fill(~own, -torch.inf).argmax(dim=1)  # of those with this caption
        return (ranks(scores, best) >= GUESSES).double().mean().item()

    @torch.no_grad()
    def look(self, part: Part) -> float:
        """Mean surprise in nats among a few pairs: finer than a share."""
        pairs = _Pairs(part.sources[:250], self._ids(part.targets[:250]), batch_size=1)
        return _surprise(self.model, *pairs.rows(range(len(pairs.ids)))).item()

    def answer(self, name: str, text: str, *, guesses: int = 1) -> str:
        """The paths of the pictures that fit best, a line each."""
        if not isinstance(text, str) or not (self.tokens.encode(text) > UNKNOWN).any():
            raise ValueError(f"text must have a word that is in the captions, got {text!r}")
        scores = self._scores(name, self._ids([text]), self.shelf.pictures)[0]
        best = scores.topk(min(guesses, len(scores))).indices
        return "\n".join(self.facts["paths"][i] for i in best.tolist())

    def _ids(self, captions: list[str]) -> list[Tensor]:
        found = [self.tokens.encode(caption) for caption in captions]
        return [ids if len(ids) else torch.tensor([UNKNOWN]) for ids in found]

    @torch.no_grad()
    def _scores(self, name: str, ids: list[Tensor], pictures: Tensor) -> Tensor:
        """How well each picture fits each caption, (captions, pictures)."""
        if name == "nearest":
            return self.baseline.scores(ids, pictures)
        seen = torch.cat([self.model.images(some / 255) for some in pictures.split(250)])
        return self.model.texts(padded(ids)) @ seen.T


def _all_pictures(split: Split) -> list[Tensor]:
    return split.train.sources + split.dev.sources + split.test.sources


def _surprise(model: CLIP, pictures: Tensor, ids: Tensor) -> Tensor:
    """The contrastive loss; pairs with the same caption share a probability."""
    same = (ids[:, None] == ids).all(dim=-1)
    return contrastive_loss(model.images(pictures), model.texts(ids), model.scale, same=same)


class _Pairs(Endless):
    """Batches of pictures and of what is said of them."""

    def __init__(self, pictures: list[Tensor], ids: list[Tensor], *, batch_size: int):
        self.pictures, self.ids = pictures, ids
        self.order = Shuffled(len(ids), batch_size=batch_size, seed=0)

    def __getitem__(self, n: int) -> tuple[Tensor, Tensor]:
        return self.rows(self.order[n].tolist())

    def rows(self, places) -> tuple[Tensor, Tensor]:
        """Pictures and ids of some rows."""
        return (
            torch.stack([self.pictures[i] for i in places]) / 255,
            padded([self.ids[i] for i in places]),
        )
