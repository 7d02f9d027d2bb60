"""The Vision Transformer: a picture is cut into patches, and read like a sentence of them.

Apart from the first layer, which turns patches into tokens, nothing here knows of pictures: the
stack is the encoder of chapter 5, pre-norm.
"""

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.dropout import Dropout
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import ACTIVATIONS, FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.patches import GridPositions, PatchEmbedding, SequencePositions


@dataclass(frozen=True)
class ViTConfig:
    """What a `ViT` is made of; by default ViT-Base/16.

    Args:
        image_size: height and width of the pictures, in pixels.
        patch_size: height and width of a patch, in pixels; it divides `image_size`.
        in_channels: numbers to a pixel: 1 for grey, 3 for colour.
        num_classes: number of classes.
        d_model: width of the features between layers.
        num_heads: attention heads in every layer.
        num_layers: depth.
        d_ff: width inside the feed-forward blocks.
        activation: of the feed-forward blocks, see `FeedForward`.
        dropout: on the embeddings and every sublayer's output, in training only.
        pooling: where the class is read: "class", at a token of its own that stands before the
            patches, or "mean", the mean of all patches.
        positions: "learned", a vector for every place in the sequence; "learned_2d", half a vector
            for every row and half for every column; "none".
        embedding_norm: a norm more, on the tokens before the first layer, as CLIP's have it.
        eps: keeps the norms from dividing by zero. (The published code has 1e-6, Hugging Face's
            1e-12.)

    Raises:
        ValueError: if the values do not go together.
    """

    image_size: int = 224
    patch_size: int = 16
    in_channels: int = 3
    num_classes: int = 1000
    d_model: int = 768
    num_heads: int = 12
    num_layers: int = 12
    d_ff: int = 3072
    activation: str = "gelu"
    dropout: float = 0.0
    pooling: str = "class"
    positions: str = "learned"
    embedding_norm: bool = False
    eps: float = 1e-6

    def __post_init__(self):
        checks.at_least(
            1,
            image_size=self.image_size,
            patch_size=self.patch_size,
            in_channels=self.in_channels,
            num_classes=self.num_classes,
            num_layers=self.num_layers,
            d_ff=self.d_ff,
        )
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size must be a multiple of patch_size, "
                f"got image_size = {self.image_size}, patch_size = {self.patch_size}"
            )
        checks.heads(self.d_model, self.num_heads)
        checks.one_of(ACTIVATIONS, activation=self.activation)
        checks.one_of(("class", "mean"), pooling=self.pooling)
        checks.one_of(("learned", "learned_2d", "none"), positions=self.positions)
        if self.positions == "learned_2d":
            checks.even(d_model=self.d_model)
        checks.flag(embedding_norm=self.embedding_norm)
        checks.probability(dropout=self.dropout)
        checks.positive(eps=self.eps)

    @property
    def grid(self) -> int:
        """Number of patches along one side of the picture."""
        return self.image_size // self.patch_size


VIT_BASE_16 = ViTConfig()
"""The base model with patches of 16 pixels and 1,000 classes: 86,567,656 parameters."""


class ViT(nn.Module):
    """Which class is the picture? Patches, a stack that reads them, one linear map at the end.

        logits = model(images)

    Linear maps start from the uniform distribution of Glorot and Bengio, biases at zero; the class
    token, positions and the head from N(0, 0.02²). (The published code starts the class token and
    the head at zero. The first norm then divides by nothing but eps, and a fresh model gives the
    same answer to every picture, which would hide mistakes from tests.)

    Args:
        config: what it is made of.

    Raises:
        ValueError: if `config` has sizes that no layer can have.

    Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", §3.1.
    """

    def __init__(self, config: ViTConfig):
        super().__init__()
        checks.a(ViTConfig, config=config)
        self.config = config
        d_model = config.d_model
        self.patches = PatchEmbedding(config.patch_size, config.in_channels, d_model)
        self.class_token = None
        if config.pooling == "class":
            self.class_token = nn.Parameter(torch.empty(d_model))
            nn.init.normal_(self.class_token, std=0.02)
        self.positions = None
        if config.positions == "learned":
            before = int(config.pooling == "class")
            self.positions = SequencePositions(config.grid, d_model, before=before)
        elif config.positions == "learned_2d":
            self.positions = GridPositions(config.grid, d_model)
        norm = partial(nn.LayerNorm, eps=config.eps)
        self.embedding_norm = norm(d_model) if config.embedding_norm else nn.Identity()
        self.dropout = Dropout(config.dropout)
        layers = [
            EncoderLayer(
                MultiHeadAttention(d_model, config.num_heads),
                FeedForward(d_model, config.d_ff, activation=config.activation),
                dropout=config.dropout,
                norm=norm,
            )
            for _ in range(config.num_layers)
        ]
        self.encoder = Encoder(layers, final_norm=norm(d_model))
        self.head = nn.Linear(d_model, config.num_classes)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Score every class.

        Args:
            images: (batch, in_channels, image_size, image_size).

        Returns:
            Logits (batch, num_classes).

        Raises:
            ValueError: if the images have another shape, type or device.
        """
        features = self.encode(images)
        pooled = features.mean(dim=1) if self.class_token is None else features[:, 0]
        return self.head(pooled)

    def encode(self, images: Tensor) -> Tensor:
        """Read the pictures, but do not decide.

        Args:
            images: (batch, in_channels, image_size, image_size).

        Returns:
            Features (batch, tokens, d_model), after the final norm: of the class token if there is
            one, then of the patches, row by row from the top left.
        """
        return self.encoder(self.dropout(self.embedding_norm(self.embed(images))))

    def embed(self, images: Tensor) -> Tensor:
        """Make the tokens that the stack reads, (batch, tokens, d_model), positions included."""
        config = self.config
        weight = self.patches.proj.weight
        checks.pictures("images", images, config.in_channels, config.image_size, like=weight)
        x = self.patches(images)  # (batch, patches, d_model)
        if self.class_token is not None:
            x = torch.cat([self.class_token.expand(len(x), 1, -1), x], dim=1)
        return x if self.positions is None else self.positions(x)

    def without_head(self) -> "ViT":
        """Copy the model to see with: it encodes as before, and its head decides nothing.

        What is built on the copy has no weight that would never learn.
        """
        new = deepcopy(self)
        new.head = nn.Identity()
        return new

    def resized(self, image_size: int) -> "ViT":
        """Copy the model for pictures of another size.

        All weights stay as they are. There are more patches, or fewer, of the size they had, and
        the learned positions are interpolated to the new grid; the class token's is left alone.

        Args:
            image_size: of the pictures that the copy reads, in pixels.

        Returns:
            A new model.

        Raises:
            ValueError: if `image_size` is not a multiple of the patch size.

        Source: Dosovitskiy et al. 2021, §3.2.
        """
        new = deepcopy(self)
        new.config = replace(self.config, image_size=image_size)
        if self.positions is not None:
            new.positions = self.positions.resized(new.config.grid)
        return new
