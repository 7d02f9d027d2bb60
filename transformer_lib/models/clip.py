"""CLIP: a tower for pictures, a tower for texts, and one space in which both of them end.

    clip = CLIP(CLIPConfig(), ViT(…), TextTower(TextTowerConfig(…)))
    clip.images(pictures) @ clip.texts(ids).T  # cosines: which text fits which picture?

A tower is any module that gives a vector for each thing it reads; nothing here asks what it reads.
"""

import math
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.contrastive import contrastive_loss
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import ACTIVATIONS, FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import LearnedPositions


@dataclass(frozen=True)
class TextTowerConfig:
    """What a `TextTower` is made of; by default that of the smallest published CLIP.

    Args:
        vocab_size: number of different tokens.
        width: of the vector that stands for a text.
        max_len: most tokens that it reads.
        d_model: width of the features between layers.
        num_heads: attention heads in every layer.
        num_layers: depth.
        d_ff: width inside the feed-forward blocks.
        activation: of the feed-forward blocks, see `FeedForward`.
        eps: keeps the norms from dividing by zero.
        end_id: where it first stands, a text ends, and is read.

    Raises:
        ValueError: if the values do not go together.
    """

    vocab_size: int = 49_408
    width: int = 512
    max_len: int = 77
    d_model: int = 512
    num_heads: int = 8
    num_layers: int = 12
    d_ff: int = 2048
    activation: str = "quick_gelu"
    eps: float = 1e-5
    end_id: int = 49_407

    def __post_init__(self):
        checks.at_least(
            1,
            vocab_size=self.vocab_size,
            width=self.width,
            max_len=self.max_len,
            num_layers=self.num_layers,
            d_ff=self.d_ff,
        )
        checks.heads(self.d_model, self.num_heads)
        checks.one_of(ACTIVATIONS, activation=self.activation)
        checks.positive(eps=self.eps)
        checks.token(self.vocab_size, end_id=self.end_id)


class TextTower(nn.Module):
    """A vector for each text: a causal stack, read at the token that ends the text.

        vectors = tower(ids)

    Only there has a causal stack seen all of the text, and what stands behind it changes nothing.

    Args:
        config: what it is made of.

    Source: Radford et al. 2021, "CLIP", §2.4.
    """

    def __init__(self, config: TextTowerConfig):
        super().__init__()
        checks.a(TextTowerConfig, config=config)
        self.config = config
        d_model = config.d_model
        norm = partial(nn.LayerNorm, eps=config.eps)
        self.embedding = nn.Embedding(config.vocab_size, d_model)
        self.positions = LearnedPositions(config.max_len, d_model)
        layers = [
            EncoderLayer(
                MultiHeadAttention(d_model, config.num_heads, causal=True),
                FeedForward(d_model, config.d_ff, activation=config.activation),
                norm=norm,
            )
            for _ in range(config.num_layers)
        ]
        self.encoder = Encoder(layers, final_norm=norm(d_model))
        self.head = nn.Linear(d_model, config.width, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.head.weight, std=d_model**-0.5)

    def forward(self, ids: Tensor) -> Tensor:
        """Read a batch of texts.

        Args:
            ids: token ids (batch, seq_len), an `end_id` in each row; what stands behind the first
                is not looked at.

        Returns:
            (batch, width).

        Raises:
            ValueError: if `ids` are not such ids.
        """
        config = self.config
        table = self.embedding.weight
        checks.ids("ids", ids, config.vocab_size, max_len=config.max_len, like=table)
        ends = ids == config.end_id  # (batch, seq_len)
        looks = ids.device.type == "cpu" and not torch.compiler.is_compiling()
        if looks and not ends.any(dim=1).all():
            raise ValueError(f"ids must have end_id = {config.end_id} in each row, got one without")
        x = self.encoder(self.positions(self.embedding(ids)))  # (batch, seq_len, d_model)
        end = ends.int().argmax(dim=1)  # the first
        return self.head(x[torch.arange(len(x), device=x.device), end])


@dataclass(frozen=True)
class BagOfWordsConfig:
    """What a `BagOfWords` is made of.

    Args:
        vocab_size: number of different tokens.
        width: of the vector that stands for a text.
        special: the ids below it, padding and marks, are no words.

    Raises:
        ValueError: if the values do not go together.
    """

    vocab_size: int
    width: int
    special: int = 3

    def __post_init__(self):
        checks.at_least(1, vocab_size=self.vocab_size, width=self.width)
        checks.at_least(0, special=self.special)
        checks.token(self.vocab_size, special=self.special)


class BagOfWords(nn.Module):
    """A vector for each text that knows no order: the sum of one vector for each word.

    Args:
        config: what it is made of.
    """

    def __init__(self, config: BagOfWordsConfig):
        super().__init__()
        checks.a(BagOfWordsConfig, config=config)
        self.config = config
        self.words = nn.Embedding(config.vocab_size, config.width)
        nn.init.normal_(self.words.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        """Sum the words: ids (batch, seq_len) → (batch, width).

        Raises:
            ValueError: if `ids` are not such ids.
        """
        checks.ids("ids", ids, self.config.vocab_size, like=self.words.weight)
        words = ids >= self.config.special  # (batch, seq_len)
        return (self.words(ids) * words[..., None]).sum(dim=1)


@dataclass(frozen=True)
class CLIPConfig:
    """How a `CLIP` compares, apart from the towers it compares with.

    Args:
        temperature: by what the cosines are divided at the start.
        max_scale: they are never multiplied by more.

    Raises:
        ValueError: if they are not positive.
    """

    temperature: float = 0.07
    max_scale: float = 100.0

    def __post_init__(self):
        checks.positive(temperature=self.temperature, max_scale=self.max_scale)


class CLIP(nn.Module):
    """Which text fits which picture? Two towers, and a temperature that is learned.

        scores = scale · images(pictures) texts(ids)ᵀ

    Args:
        config: how it compares.
        image_tower: makes of pictures vectors (batch, width).
        text_tower: makes of texts vectors of the same width. Both are taken as they are.

    Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
    Supervision", §2.3 to §2.5 and Figure 3.
    """

    def __init__(self, config: CLIPConfig, image_tower: nn.Module, text_tower: nn.Module):
        super().__init__()
        checks.a(CLIPConfig, config=config)
        checks.module(image_tower=image_tower, text_tower=text_tower)
        self.config = config
        self.image_tower, self.text_tower = image_tower, text_tower
        self.log_scale = nn.Parameter(torch.tensor(-math.log(config.temperature)))

    @property
    def scale(self) -> Tensor:
        """What the cosines are multiplied by: a number above 0, whatever is learned."""
        return self.log_scale.exp().clamp(max=self.config.max_scale)

    def images(self, pictures: Tensor) -> Tensor:
        """Vectors of length 1 for what the image tower reads, (batch, width)."""
        return unit_vectors(self.image_tower(pictures))

    def texts(self, ids: Tensor) -> Tensor:
        """Vectors of length 1 for what the text tower reads, (batch, width)."""
        return unit_vectors(self.text_tower(ids))

    def forward(self, pictures: Tensor, ids: Tensor) -> Tensor:
        """Score each picture with each text.

        Args:
            pictures: as the image tower takes them.
            ids: as the text tower takes them.

        Returns:
            Logits (pictures, texts).

        Raises:
            ValueError: as the towers do; or if their vectors differ in width.
        """
        a, b = self.images(pictures), self.texts(ids)
        if a.shape[1:] != b.shape[1:]:
            raise ValueError(f"the towers must agree in width, got {a.size(-1)}, {b.size(-1)}")
        return self.scale * a @ b.T

    def loss(self, pictures: Tensor, ids: Tensor) -> Tensor:
        """How badly the pairs of a batch are found, in nats, see `contrastive_loss`."""
        return contrastive_loss(self.images(pictures), self.texts(ids), self.scale)


def unit_vectors(x: Tensor) -> Tensor:
    """Bring vectors to length 1, in float32 at least: (…, width) → (…, width).

    Raises:
        ValueError: if they are no numbers with a point.
    """
    checks.floating("x", x, meta=True)
    x = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    return F.normalize(x, dim=-1)
