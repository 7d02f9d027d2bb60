"""Class tokens: a question for each class, put to all patches at once."""

import torch
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.encoder import Encoder


class ClassTokens(nn.Module):
    """A token for each class looks at the patches, and then each pixel is compared with it.

        x = reader([patches; tokens])
        logits[patch, class, pixel] = features(x[patch])[pixel] · key(x[class]) / √num_features

    A linear map compares a pixel with one vector for each class, the same in every picture. Here
    that vector has seen the picture first. So it stands where a linear map
    `nn.Linear(d_model, num_classes · pixels)` could stand.

    Tokens start from N(0, 0.02²), linear maps from the uniform distribution of Glorot and Bengio,
    biases at zero.

    Args:
        reader: the layers in which tokens and patches look at each other.
        num_classes: number of tokens.
        pixels: of a patch, each with features of its own; 1 for one answer to a patch.
        num_features: by how many numbers a pixel and a class are compared.

    Raises:
        ValueError: if a number is not positive, or `reader` is no `Encoder`.

    Source: Strudel et al. 2021, "Segmenter", §3.2, the mask transformer, with pixels = 1. There
    features and keys have length 1, and a norm follows over the classes.
    """

    def __init__(
        self, reader: Encoder, num_classes: int, *, pixels: int = 1, num_features: int = 32
    ):
        super().__init__()
        checks.at_least(1, num_classes=num_classes, pixels=pixels, num_features=num_features)
        checks.a(Encoder, reader=reader)
        self.pixels = pixels
        self.reader = reader
        self.tokens = nn.Embedding(num_classes, reader.d_model)
        self.features = nn.Linear(reader.d_model, pixels * num_features)
        self.keys = nn.Linear(reader.d_model, num_features)
        nn.init.normal_(self.tokens.weight, std=0.02)
        for linear in (self.features, self.keys):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, patches: Tensor) -> Tensor:
        """Score every class at every pixel of every patch.

        Args:
            patches: (batch, patches, d_model).

        Returns:
            Logits (batch, patches, num_classes · pixels): all pixels of the first class, then of
            the second, …, as `unpatchify` takes them.

        Raises:
            ValueError: if `patches` have another shape, width, type or device.
        """
        tokens = self._tokens_beside(patches)  # (batch, num_classes, d_model)
        x = self.reader(torch.cat([patches, tokens], dim=1))
        patches, tokens = x.split([patches.size(1), tokens.size(1)], dim=1)
        features = self.features(patches).unflatten(2, (self.pixels, -1))
        keys = self.keys(tokens)[:, None]  # (batch, 1, num_classes, num_features)
        logits = keys @ features.mT / keys.size(-1) ** 0.5
        return logits.flatten(2)  # from (batch, patches, num_classes, pixels)

    def _tokens_beside(self, patches: Tensor) -> Tensor:
        """Those of all classes for each picture, once the patches are found to be such."""
        checks.features("patches", patches, self.reader.d_model, like=self.tokens.weight)
        return self.tokens.weight.expand(len(patches), -1, -1)
