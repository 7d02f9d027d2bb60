"""The Transformer of the paper, whole: it reads one sequence and writes another.

Embeddings, an encoder, a decoder, and the embedding matrix once more to turn features into
logits. What to train it on and how to generate from it are matters of `training` and
`generation`.
"""

import math
from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.adaptive import embedding
from transformer_lib.layers.blocks import DecoderLayer, EncoderLayer
from transformer_lib.layers.cache import KVCache, check_cache
from transformer_lib.layers.decoder import Decoder
from transformer_lib.layers.dropout import Dropout
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import ACTIVATIONS, FeedForward
from transformer_lib.layers.masks import padding_mask_from_ids
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import LearnedPositions, Rotary, SinusoidalPositions


@dataclass(frozen=True)
class TransformerConfig:
    """What a `Transformer` is made of; by default the paper's base model, but pre-norm.

    Args:
        source_vocab_size: number of different tokens that the encoder reads.
        target_vocab_size: number of different tokens that the decoder writes.
        d_model: width of the features between layers.
        num_heads: attention heads in every layer.
        num_encoder_layers: depth of the encoder.
        num_decoder_layers: depth of the decoder.
        d_ff: width inside the feed-forward blocks.
        activation: of the feed-forward blocks, see `FeedForward`.
        dropout: after every sublayer and on the embeddings, in training only (§5.4).
        norm_first: pre-norm, with a final norm on both stacks. False: the paper's post-norm.
        positions: "sinusoidal" (the paper's), "learned" or "rotary".
        max_len: longest source or target, in tokens. None, for any length, is not possible with
            learned positions.
        pad_id: fills the rows of a batch behind their ends.
        bos_id: the token that every target starts with.
        eos_id: the token that every target ends with.
        share_embeddings: one matrix for source, target and output (§3.4); target and output share
            theirs in any case.

    Raises:
        ValueError: if the values do not go together.
    """

    source_vocab_size: int
    target_vocab_size: int
    d_model: int = 512
    num_heads: int = 8
    num_encoder_layers: int = 6
    num_decoder_layers: int = 6
    d_ff: int = 2048
    activation: str = "relu"
    dropout: float = 0.1
    norm_first: bool = True
    positions: str = "sinusoidal"
    max_len: int | None = None
    pad_id: int = 0
    bos_id: int = 1
    eos_id: int = 2
    share_embeddings: bool = False

    def __post_init__(self):
        checks.vocabularies(self)
        checks.heads(self.d_model, self.num_heads)
        checks.at_least(
            1,
            num_encoder_layers=self.num_encoder_layers,
            num_decoder_layers=self.num_decoder_layers,
            d_ff=self.d_ff,
        )
        checks.one_of(ACTIVATIONS, activation=self.activation)
        checks.one_of(("sinusoidal", "learned", "rotary"), positions=self.positions)
        checks.probability(dropout=self.dropout)
        checks.flag(norm_first=self.norm_first, share_embeddings=self.share_embeddings)
        if self.positions == "sinusoidal":
            checks.even(d_model=self.d_model)
        if self.positions == "rotary":
            checks.even(head_dim=self.head_dim)
        if self.max_len is None and self.positions == "learned":
            raise ValueError("max_len must be given with learned positions, got None")
        if self.share_embeddings and self.source_vocab_size != self.target_vocab_size:
            raise ValueError(
                f"share_embeddings needs one vocabulary, got source_vocab_size = "
                f"{self.source_vocab_size}, target_vocab_size = {self.target_vocab_size}"
            )

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.num_heads


BASE = TransformerConfig(37_000, 37_000, norm_first=False, share_embeddings=True)
"""The paper's base model. Table 3 says 65 million parameters; by §3 and §5.1 they are 63.1."""


@dataclass
class TransformerState:
    """What generation keeps between two tokens: the source as read, and the decoder's cache."""

    context: Tensor
    context_mask: Tensor | None
    cache: KVCache

    def reorder(self, rows: Tensor) -> None:
        """Keep the sequences `rows` (new_batch,) of the batch, in that order."""
        self.context = self.context.index_select(0, rows)
        if self.context_mask is not None:
            self.context_mask = self.context_mask.index_select(0, rows)
        self.cache.reorder(rows)


class Transformer(nn.Module):
    """Encoder and decoder: p(target | source), one target token at a time.

        logits = model(source, target[:, :-1])  # to be compared with target[:, 1:]

    Weights start as in the paper's released code: embeddings from N(0, 1 / d_model), which become
    of unit variance by the factor √d_model (§3.4), linear maps from the uniform distribution of
    Glorot and Bengio, biases at zero.

    Args:
        config: what it is made of.

    Raises:
        ValueError: if `config` has sizes that no layer can have.

    Source: Vaswani et al. 2017.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        checks.a(TransformerConfig, config=config)
        self.config = config
        self.pad_id, self.max_len = config.pad_id, config.max_len
        self.eos_id: int | None = config.eos_id
        self.target_embedding = embedding(config.target_vocab_size, config.d_model)
        self.source_embedding = None  # shared: the target's serves both
        if not config.share_embeddings:
            self.source_embedding = embedding(config.source_vocab_size, config.d_model)
        self.source_positions, self.target_positions = _positions(config), _positions(config)
        self.dropout = Dropout(config.dropout)

        attention = partial(MultiHeadAttention, config.d_model, config.num_heads)
        think = partial(FeedForward, config.d_model, config.d_ff, activation=config.activation)
        rotary = Rotary(config.head_dim) if config.positions == "rotary" else None
        style = {"dropout": config.dropout, "norm_first": config.norm_first}
        norm = partial(nn.LayerNorm, config.d_model) if config.norm_first else nn.Identity
        encoder_layers = [
            EncoderLayer(attention(rotary=rotary), think(), **style)
            for _ in range(config.num_encoder_layers)
        ]
        decoder_layers = [
            DecoderLayer(attention(causal=True, rotary=rotary), attention(), think(), **style)
            for _ in range(config.num_decoder_layers)
        ]
        self.encoder = Encoder(encoder_layers, final_norm=norm())
        self.decoder = Decoder(decoder_layers, final_norm=norm())

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Score every next token, given the source and the tokens before it (teacher forcing).

        Args:
            source: token ids (batch, source_len), `pad_id` behind the end.
            target: token ids (batch, target_len), `bos_id` first, `pad_id` behind the end.

        Returns:
            Logits (batch, target_len, target_vocab_size): those at position t are for the token
            at t + 1.

        Raises:
            ValueError: if ids are not (batch, length) of the two vocabularies, there are more than
                `max_len`, or a source is empty or has padding before its end.
        """
        context, context_mask = self.encode(source)
        return self.logits(self.decode(target, context, context_mask))

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Read the source.

        Args:
            source: token ids (batch, source_len), `pad_id` behind the end.

        Returns:
            Context (batch, source_len, d_model) and its padding mask (batch, 1, 1, source_len).

        Raises:
            ValueError: if the source is not such ids, too long, empty, or padded before its end.
        """
        table = self.target_embedding if self.source_embedding is None else self.source_embedding
        size = self.config.source_vocab_size
        checks.ids("source", source, size, max_len=self.max_len, like=table.weight)
        checks.padded_behind("source", source, self.pad_id)
        mask = padding_mask_from_ids(source, self.pad_id)
        x = self._embed(source, table, self.source_positions, offset=0)
        return self.encoder(x, mask=mask), mask

    def decode(
        self,
        target: Tensor,
        context: Tensor,
        context_mask: Tensor | None = None,
        *,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Read the target so far, in sight of the context.

        Args:
            target: token ids (batch, target_len); with a cache those that it has not seen.
            context: (batch, source_len, d_model), from `encode`.
            context_mask: its padding mask, from `encode`.
            cache: keys and values of earlier tokens.

        Returns:
            Features (batch, target_len, d_model), which `logits` turns into scores.
        """
        check_cache(cache)
        offset = 0 if cache is None else cache.length
        size, table = self.config.target_vocab_size, self.target_embedding.weight
        checks.ids("target", target, size, max_len=self.max_len, offset=offset, like=table)
        x = self._embed(target, self.target_embedding, self.target_positions, offset)
        return self.decoder(x, context, context_mask=context_mask, cache=cache)

    def logits(self, features: Tensor) -> Tensor:
        """Score every token of the vocabulary: (…, d_model) → (…, target_vocab_size).

        Raises:
            ValueError: if the features have another width, type or device than the weights.
        """
        weight = self.target_embedding.weight
        checks.features("features", features, self.config.d_model, like=weight, dims=None)
        return F.linear(features, weight)

    def start(self, source: Tensor) -> tuple[Tensor, TransformerState]:
        """Read the source and be ready to write (see `writers.Writer`)."""
        context, mask = self.encode(source)
        bos = source.new_full((source.size(0), 1), self.config.bos_id)
        return bos, TransformerState(context, None if mask.all() else mask, KVCache())

    def step(self, tokens: Tensor, state: TransformerState) -> Tensor:
        """Read new tokens and score the next one (see `writers.Writer`)."""
        features = self.decode(tokens, state.context, state.context_mask, cache=state.cache)
        return self.logits(features[:, -1])  # (batch, target_vocab_size)

    def _embed(self, ids: Tensor, table: nn.Embedding, positions: nn.Module | None, offset: int):
        x = table(ids) * math.sqrt(self.config.d_model)  # (batch, length, d_model)
        return self.dropout(x if positions is None else positions(x, offset))


def _positions(config: TransformerConfig) -> nn.Module | None:
    """What is added to the embeddings; nothing where positions act inside the attention."""
    if config.positions == "sinusoidal":
        return SinusoidalPositions(config.d_model)
    if config.positions == "learned":
        return LearnedPositions(config.max_len, config.d_model)
    return None
