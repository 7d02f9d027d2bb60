"""What does a picture show? The nearest picture against a Vision Transformer."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib.data.order import Shuffled
from transformer_lib.learning.data import Data
from transformer_lib.learning.fitting import Training
from transformer_lib.learning.kind import Labels, eyes
from transformer_lib.learning.picture_files import open_picture
from transformer_lib.learning.split import Split
from transformer_lib.learning.tables import NearestPicture
from transformer_lib.training.optimizers import muon_and_adamw


class Pictures(Labels):
    """Says what a picture shows: the nearest picture against a Vision Transformer."""

    @staticmethod
    def facts_of(data: Data, split: Split) -> dict:
        """The size and the classes."""
        channels, side, _ = data.sources[0].shape
        classes = tuple(sorted(set(split.train.targets)))
        return {"side": side, "channels": channels, "classes": classes}

    def __init__(self, facts: dict):
        super().__init__(facts)
        classes = len(facts["classes"])
        nearest = NearestPicture(classes)
        self.candidates = nn.ModuleDict({"nearest": nearest, "model": eyes(facts, classes)})

    def fit_baseline(self, split: Split) -> None:
        """Keep the pictures."""
        self.baseline.fit(torch.stack(split.train.sources), self.numbers(split.train))

    def make_training(self, split: Split) -> Training:
        """64 pictures at a time, as they are; at most 60 passes."""
        pictures, labels = torch.stack(split.train.sources), self.numbers(split.train)
        rows = min(64, len(labels))
        return Training(
            self.model,
            lambda model, batch: F.cross_entropy(
                model(pictures[batch] / 255), labels[batch], label_smoothing=0.1
            ),
            Shuffled(len(labels), batch_size=rows, seed=0),
            partial(muon_and_adamw, lr=0.01, adamw_lr=3e-3, weight_decay=0.1),
            most=max(100, 60 * len(labels) // rows),
        )

    def one(self, picture) -> Tensor:
        """The pixels of a file, as those that were learnt from."""
        if isinstance(picture, Tensor):
            return picture
        return open_picture(picture, self.facts["side"], self.facts["channels"])

    def _probabilities(self, name: str, pictures: list[Tensor]) -> Tensor:
        stacked = torch.stack(pictures)
        if name == "nearest":
            return self.baseline.probabilities(stacked)
        return torch.cat([self.model(part / 255).softmax(-1) for part in stacked.split(250)])
