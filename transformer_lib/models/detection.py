"""Detection as a set: so many queries ask a picture, and each answers with one object or none.

No order, no grid of candidates, no removal of duplicates: the queries see each other, and the
loss (`measure.sets`) gives every object to one of them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.feed_forward import ACTIVATIONS, FeedForward
from transformer_lib.layers.places import (
    PlacedAttention,
    PlacedDecoderLayer,
    PlacedEncoderLayer,
    sine_places,
)
from transformer_lib.models.vit import ViT


@dataclass(frozen=True)
class DETRConfig:
    """What a `DETR` is made of, apart from the eyes it sees with; by default as published.

    Args:
        num_classes: number of classes, 0 … num_classes - 1.
        num_queries: most objects that it can find in a picture; a square number of anchors.
        d_model: width of the features between layers, a multiple of 4.
        num_heads: attention heads in every layer.
        num_encoder_layers: layers that look at the features once more; 0 where what made them has
            looked around itself.
        num_decoder_layers: layers of queries.
        d_ff: width inside the feed-forward blocks.
        activation: of the feed-forward blocks, see `FeedForward`.
        dropout: on every sublayer's output, in training only.
        norm_first: pre-norm; otherwise post-norm.
        queries: "learned", a vector for each query, which must find out what places are; or
            "anchors", a box for each, at first a grid of them: the query looks from its middle,
            and its answer starts from there.
        refine: with anchors, whether each layer looks from the box of the one before.
        base: of the waves that describe places, see `sine_places`.
        no_object: whether "no object" is one more class, the last, so that the classes share one
            probability; otherwise each is asked by itself, yes or no.

    Raises:
        ValueError: if the values do not go together.
    """

    num_classes: int
    num_queries: int = 100
    d_model: int = 256
    num_heads: int = 8
    num_encoder_layers: int = 6
    num_decoder_layers: int = 6
    d_ff: int = 2048
    activation: str = "relu"
    dropout: float = 0.1
    norm_first: bool = False
    queries: str = "learned"
    refine: bool = False
    base: float = 10000.0
    no_object: bool = True

    def __post_init__(self):
        checks.at_least(
            1,
            num_classes=self.num_classes,
            num_queries=self.num_queries,
            num_decoder_layers=self.num_decoder_layers,
            d_ff=self.d_ff,
        )
        checks.at_least(0, num_encoder_layers=self.num_encoder_layers)
        checks.heads(self.d_model, self.num_heads)
        checks.multiple(4, d_model=self.d_model)
        checks.one_of(ACTIVATIONS, activation=self.activation)
        checks.probability(dropout=self.dropout)
        checks.flag(norm_first=self.norm_first, refine=self.refine, no_object=self.no_object)
        checks.one_of(("learned", "anchors"), queries=self.queries)
        checks.positive(base=self.base)
        if self.queries == "anchors" and round(self.num_queries**0.5) ** 2 != self.num_queries:
            raise ValueError(
                f"num_queries must be a square number of anchors, got {self.num_queries}"
            )
        if self.refine and self.queries != "anchors":
            raise ValueError(f"refine must be False where queries are {self.queries!r}, got True")


class Guesses(NamedTuple):
    """What the queries say: classes, and boxes as (centre x, centre y, width, height) in 0 … 1."""

    logits: Tensor  # (batch, num_queries, num_classes + 1), "no object" last; or without it
    boxes: Tensor  # (batch, num_queries, 4), as fractions of the picture


class DETR(nn.Module):
    """Which objects are in the picture, and where? As many answers as queries, all at once.

        guesses = model(images)[-1]

    A backbone describes the picture patch by patch, an encoder looks at that, and a decoder's
    queries, which hold nothing at first, ask it. Places are added to queries and keys in every
    layer and never to values. Two heads read each query, after every layer: the loss teaches all
    of them.

    Linear maps start from the uniform distribution of Glorot and Bengio, biases at zero; the map
    of the classes from N(0, 0.02²), learned queries from N(0, 1). With anchors, the last map of
    the boxes starts at zero, so that the first answers are the anchors. Without "no object", every
    class starts with a probability of about 0.01. Where the backbone is as wide as the model, the
    map between them starts as the identity.

    Args:
        config: what it is made of.
        backbone: sees the pictures; a copy of it, without its head, is trained along.

    Raises:
        ValueError: if `backbone` is not a `ViT`.

    Source: Carion et al. 2020, "End-to-End Object Detection with Transformers", §3.2; anchors: Liu
    et al. 2022, "DAB-DETR", §4; a box that every layer refines, and classes without "no object":
    Zhu et al. 2021, "Deformable DETR".
    """

    def __init__(self, config: DETRConfig, backbone: ViT):
        super().__init__()
        checks.a(DETRConfig, config=config)
        if not isinstance(backbone, ViT):
            raise ValueError(f"backbone must be a ViT, got {type(backbone).__name__}")
        self.config = config
        self.backbone = backbone.without_head()
        d_model = config.d_model
        self.input_proj = nn.Linear(backbone.config.d_model, d_model)
        self.encoder = nn.ModuleList(
            PlacedEncoderLayer(self._attention(), self._feed_forward(), **self._around())
            for _ in range(config.num_encoder_layers)
        )
        # Post-norm layers end with a norm, and so does a backbone that no encoder follows.
        wants_norm = config.norm_first and config.num_encoder_layers > 0
        self.encoder_norm = nn.LayerNorm(d_model) if wants_norm else nn.Identity()
        self.decoder = nn.ModuleList(
            PlacedDecoderLayer(
                self._attention(), self._attention(), self._feed_forward(), **self._around()
            )
            for _ in range(config.num_decoder_layers)
        )
        self.decoder_norm = nn.LayerNorm(d_model)
        self.class_head = nn.Linear(d_model, config.num_classes + config.no_object)
        self.box_head = nn.Sequential(
            nn.Linear(d_model, d_model), nn.ReLU(), nn.Linear(d_model, d_model), nn.ReLU(),
            nn.Linear(d_model, 4),
        )  # fmt: skip
        self.anchors = self.place_proj = None
        if config.queries == "learned":
            self.query_places = nn.Parameter(torch.randn(config.num_queries, d_model))
        else:
            self.anchors = nn.Parameter(_grid_of_boxes(config.num_queries).logit())
            self.place_proj = nn.Linear(d_model, d_model)
        self._start()

    def forward(self, images: Tensor) -> list[Guesses]:
        """Look at pictures.

        Args:
            images: as the backbone takes them (batch, in_channels, image_size, image_size).

        Returns:
            The guesses of every decoder layer, the last one's last.

        Raises:
            ValueError: if the images have another shape, type or device.
        """
        grid = self.backbone.config.grid
        patches = self.backbone.encode(images)[:, -(grid**2) :]  # a class token stands before them
        return self.detect(patches.unflatten(1, (grid, grid)))

    def detect(self, features: Tensor) -> list[Guesses]:
        """Find objects in pictures that something else has seen.

        Args:
            features: (batch, rows, columns, width of the backbone), row by row from the top left.

        Returns:
            As `forward`.

        Raises:
            ValueError: if the features have another shape, type or device.
        """
        width = self.input_proj.in_features
        checks.features("features", features, width, like=self.input_proj.weight, dims=4)
        context = self.input_proj(features).flatten(1, 2)  # (batch, patches, d_model)
        points = self._points(*features.shape[1:3], like=context)
        places = sine_places(points, self.config.d_model, base=self.config.base)
        for layer in self.encoder:
            context = layer(context, places)
        return list(self._decode(self.encoder_norm(context), places))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of each class, as the model's logits (…) say it; "no object" is left out.

        Returns:
            (…, num_classes).

        Raises:
            ValueError: if the last axis is of another width.
        """
        checks.floating("logits", logits)
        if logits.size(-1) != self.class_head.out_features:
            raise ValueError(
                f"logits must be (…, {self.class_head.out_features}), got {tuple(logits.shape)}"
            )
        return logits.softmax(dim=-1)[..., :-1] if self.config.no_object else logits.sigmoid()

    def _decode(self, context: Tensor, context_places: Tensor) -> Iterator[Guesses]:
        """Ask layer by layer; the two heads, and the norm before them, are the same for all."""
        x = context.new_zeros(len(context), self.config.num_queries, self.config.d_model)
        start = self.anchors  # of the boxes, before the sigmoid: (…, num_queries, 4), or None
        for layer in self.decoder:
            x = layer(x, context, self._query_places(start, context), context_places)
            found = self.decoder_norm(x)
            boxes = self.box_head(found)  # (batch, num_queries, 4)
            boxes = boxes if start is None else boxes + start
            yield Guesses(self.class_head(found), boxes.sigmoid())
            if self.config.refine:
                start = boxes.detach()  # each layer learns its own step alone

    def _query_places(self, start: Tensor | None, like: Tensor) -> Tensor:
        """Where the queries look from, (…, num_queries, d_model)."""
        if start is None:
            return self.query_places.to(like)
        centres = start[..., :2].sigmoid().to(like)
        return self.place_proj(sine_places(centres, self.config.d_model, base=self.config.base))

    def _points(self, rows: int, columns: int, like: Tensor) -> Tensor:
        """Where the patches are, x and y of each (rows · columns, 2).

        The published code counts rows and columns from 1 and divides by the last. Beside anchors,
        which are boxes, a patch stands where its middle is.
        """
        first = 1.0 if self.anchors is None else 0.5
        y, x = (
            (torch.arange(n, dtype=like.dtype, device=like.device) + first) / (n + 1e-6)
            for n in (rows, columns)
        )
        return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).flatten(0, 1)

    def _attention(self) -> PlacedAttention:
        config = self.config
        return PlacedAttention(config.d_model, config.num_heads, dropout=config.dropout)

    def _feed_forward(self) -> FeedForward:
        config = self.config
        return FeedForward(config.d_model, config.d_ff, activation=config.activation)

    def _around(self) -> dict:
        return {"dropout": self.config.dropout, "norm_first": self.config.norm_first}

    def _start(self) -> None:
        linears = [self.input_proj, *self.box_head[::2]]
        for linear in linears:
            nn.init.xavier_uniform_(linear.weight)
        nn.init.normal_(self.class_head.weight, std=0.02)
        if self.input_proj.in_features == self.input_proj.out_features:
            nn.init.eye_(self.input_proj.weight)
        if self.place_proj is not None:
            nn.init.eye_(self.place_proj.weight)
            nn.init.zeros_(self.box_head[-1].weight)
            linears.append(self.place_proj)
        for linear in (*linears, self.class_head):
            nn.init.zeros_(linear.bias)
        if not self.config.no_object:  # else the many "no" would be all that is learnt at first
            nn.init.constant_(self.class_head.bias, -math.log(99))


def _grid_of_boxes(count: int) -> Tensor:
    """Boxes side by side that cover the picture, each a little more than its share: (count, 4)."""
    side = round(count**0.5)
    middles = (torch.arange(side) + 0.5) / side
    x, y = torch.meshgrid(middles, middles, indexing="xy")
    size = torch.full((side, side), min(1.4 / side, 0.9))
    return torch.stack([x, y, size, size], dim=-1).flatten(0, 1)
