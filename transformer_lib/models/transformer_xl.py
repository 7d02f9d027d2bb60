"""Transformer-XL: a language model that reads segment by segment and remembers the last ones.

    memory = None
    for ids in segments:
        logits, memory = model(ids, memory)

The model holds no state of its own: what it remembers goes in and comes out, like the state of a
recurrent network.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers import adaptive
from transformer_lib.layers.adaptive import AdaptiveEmbedding, AdaptiveOutput
from transformer_lib.layers.cache import MemoryCache
from transformer_lib.layers.dropout import Dropout
from transformer_lib.layers.feed_forward import ACTIVATIONS, FeedForward
from transformer_lib.layers.memory import MemoryLayer, Reach, check_memory, remember
from transformer_lib.layers.positions import RelativePositions
from transformer_lib.layers.relative import RelativeAttention

Memory = tuple[Tensor, ...]


@dataclass(frozen=True)
class TransformerXLConfig:
    """What a `TransformerXL` is made of; by default the paper's 12 layers for enwik8.

    Args:
        vocab_size: number of different tokens.
        d_model: width of the features between layers, even.
        num_heads: attention heads in every layer.
        num_layers: depth.
        d_ff: width inside the feed-forward blocks.
        activation: of the feed-forward blocks, see `FeedForward`.
        dropout: on embeddings, on R, in the feed-forward blocks, after every sublayer and on the
            features, in training only.
        attention_dropout: on attention weights.
        norm_first: pre-norm, with a final norm. False: the paper's post-norm.
        mem_len, same_length, clamp_len: see `Reach`; every call may have its own.
        share_biases: one u and one v for all layers. False: each layer has its own.
        cutoffs: for vocabularies of words, sorted from frequent to rare: where the next, rarer
            group begins. Rare words get narrower embeddings, and an output layer that seldom
            looks at them (adaptive embedding and softmax). Empty: one group, and an embedding
            matrix that is the output layer too.
        div_value: how many times narrower each group's embeddings are than those before.
        max_len: longest segment, in tokens; None for any length.
        eos_id: the token that ends a text; None where there is no such token.

    Raises:
        ValueError: if the values do not go together.
    """

    vocab_size: int
    d_model: int = 512
    num_heads: int = 8
    num_layers: int = 12
    d_ff: int = 2048
    activation: str = "relu"
    dropout: float = 0.1
    attention_dropout: float = 0.0
    norm_first: bool = False
    mem_len: int = 512
    same_length: bool = False
    clamp_len: int | None = None
    share_biases: bool = True
    cutoffs: tuple[int, ...] = ()
    div_value: float = 1.0
    max_len: int | None = None
    eos_id: int | None = None

    def __post_init__(self):
        checks.at_least(1, vocab_size=self.vocab_size, num_layers=self.num_layers, d_ff=self.d_ff)
        checks.at_least_or_none(1, max_len=self.max_len)
        checks.even(d_model=self.d_model)
        checks.heads(self.d_model, self.num_heads)
        checks.one_of(ACTIVATIONS, activation=self.activation)
        checks.probability(dropout=self.dropout, attention_dropout=self.attention_dropout)
        checks.flag(norm_first=self.norm_first, share_biases=self.share_biases)
        _ = self.reach  # is checked where it is made
        adaptive.check_groups(self.vocab_size, self.d_model, self.cutoffs, self.div_value)
        if self.eos_id is not None:
            checks.token(self.vocab_size, eos_id=self.eos_id)

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.num_heads

    @property
    def reach(self) -> Reach:
        """How far it looks back where a call does not say otherwise."""
        return Reach(self.mem_len, self.same_length, self.clamp_len)


ENWIK8 = TransformerXLConfig(204)
"""The paper's 12 layers for enwik8, 41 million parameters (Table 2), as trained: segments of 512.

It was evaluated with `mem_len=2100, clamp_len=820, same_length=True`, in segments of 80.
"""


class TransformerXL(nn.Module):
    """A decoder-only Transformer with a memory: p(next token | segment and memory).

        logits, memory = model(ids, memory)

    Embeddings start from N(0, 1 / d_model), which become of unit variance by the factor √d_model,
    u and v from N(0, 0.02²), linear maps from the uniform distribution of Glorot and Bengio.

    Args:
        config: what it is made of.

    Raises:
        ValueError: if `config` has sizes that no layer can have.

    Source: Dai et al. 2019, §3, and the released code.
    """

    def __init__(self, config: TransformerXLConfig):
        super().__init__()
        checks.a(TransformerXLConfig, config=config)
        self.config = config
        self.pad_id, self.eos_id = 0, config.eos_id  # without rows that end nothing is padded
        self.max_len: int | None = None  # of a text; that of a segment is the config's
        d_model = config.d_model
        if config.cutoffs:
            groups = config.vocab_size, d_model, config.cutoffs, config.div_value
            self.embedding = AdaptiveEmbedding(*groups)
            self.output = AdaptiveOutput(*groups, tables=self.embedding.tables)
        else:
            self.embedding = adaptive.embedding(config.vocab_size, d_model)
            self.output_bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.dropout = Dropout(config.dropout)
        u = v = None
        if config.share_biases:
            u, v = (nn.Parameter(torch.empty(d_model).normal_(std=0.02)) for _ in "uv")
        attention = partial(
            RelativeAttention,
            d_model,
            config.num_heads,
            dropout=config.attention_dropout,
            position_dropout=config.dropout,
            content_bias=u,
            position_bias=v,
            positions=RelativePositions(d_model),
        )
        inside = {"activation": config.activation, "dropout": config.dropout}
        think = partial(FeedForward, d_model, config.d_ff, **inside)
        around = {"dropout": config.dropout, "norm_first": config.norm_first}
        self.layers = nn.ModuleList(
            MemoryLayer(attention(), think(), **around) for _ in range(config.num_layers)
        )
        self.final_norm = nn.LayerNorm(d_model) if config.norm_first else nn.Identity()

    def forward(
        self,
        ids: Tensor,
        memory: Memory | MemoryCache | None = None,
        *,
        targets: Tensor | None = None,
        **reach,
    ) -> tuple[Tensor, Memory | MemoryCache]:
        """Read a segment: score every next token, and remember.

        The memory is what the attention of each layer has read: `num_layers` tensors. (The
        released code keeps the output of the last layer too, which no layer ever reads.)

        Args:
            ids: token ids (batch, seq_len), what comes after that which `memory` remembers.
            memory: a tensor (batch, any length, d_model) for each layer, as the last call returned
                it; or a cache, see `read`; None at the start of a text.
            targets: the next tokens (batch, seq_len), -100 where one does not count; see below.
            reach: `mem_len`, `same_length` and `clamp_len`, see `Reach`; the config's where one is
                None or missing.

        Returns:
            Logits (batch, seq_len, vocab_size), and the new memory, of at most `mem_len` positions
            and without gradient. With `targets`, in place of logits: -log p of each target in nats,
            (batch, seq_len), 0 where one does not count. (Adaptive softmax never computes the
            logits then; without targets it returns log p, which are logits too.)

        Raises:
            ValueError: if `ids` are not (batch, seq_len) integers or more than `max_len`, `memory`
                is of another batch size, width, number of layers or device, `targets` of another
                shape, or the reach is none.
        """
        reach = self.config.reach.but(**reach)
        self._check(ids, memory, targets)
        x = self.dropout(self.embedding(ids) * math.sqrt(self.config.d_model))
        reads = []
        for layer, old in zip(self.layers, self._by_layer(memory, reach), strict=True):
            x, read = layer(x, old, **reach.options)  # (batch, seq_len, d_model) each
            reads.append(read)
        score = self._score(self.dropout(self.final_norm(x)), targets)
        return score, remember(memory, reads, reach.mem_len)

    @torch.no_grad()
    def read(
        self,
        ids: Tensor,
        cache: MemoryCache | None = None,
        *,
        mem_len: int | None = None,
        **options,
    ) -> tuple[Tensor, MemoryCache]:
        """Read a segment as `forward` does, but faster, with a model that is not being trained.

        What the layers remember stays in the cache as keys and values, so that nothing of it is
        projected again. The result is the same, but for rounding.

        Args:
            ids: token ids (batch, seq_len).
            cache: as the last call returned it; None at the start of a text. It is changed in
                place.
            mem_len: as in `forward`, and the cache's from then on; by default what it has been.
            options: further arguments of `forward`.

        Returns:
            As `forward`, with the cache for a memory.

        Raises:
            ValueError: as `forward`.
        """
        cache = MemoryCache(self.config.mem_len) if cache is None else cache
        checks.a(MemoryCache, cache=cache)
        mem_len = cache.mem_len if mem_len is None else mem_len
        return self(ids, cache, mem_len=mem_len, **options)

    def start(self, prompt: Tensor) -> tuple[Tensor, MemoryCache]:
        """Be ready to go on from a prompt (batch, length), read at the first step.

        All rows are of one length, without padding (see `writers.Writer`).

        Raises:
            ValueError: if the prompt is empty, or not (batch, length) integers.
        """
        table = next(self.parameters())
        checks.ids("prompt", prompt, self.config.vocab_size, empty=False, like=table)
        return prompt, MemoryCache(self.config.mem_len)

    def step(self, tokens: Tensor, state: MemoryCache) -> Tensor:
        """Read new tokens and score the next one (see `writers.Writer`).

        More than `max_len` of them are read as several segments.
        """
        for segment in tokens.split(self.config.max_len or tokens.size(1), dim=1):
            logits = self.read(segment, state)[0][:, -1]  # (batch, vocab_size)
        return logits

    def _by_layer(self, memory: Memory | MemoryCache | None, reach: Reach) -> Sequence:
        """What each layer is given: its own tensor, or the cache that serves them all."""
        if isinstance(memory, MemoryCache):
            memory.mem_len = reach.mem_len
        shared = memory is None or isinstance(memory, MemoryCache)
        return [memory] * len(self.layers) if shared else memory

    def _score(self, features: Tensor, targets: Tensor | None) -> Tensor:
        """Logits (batch, seq_len, vocab_size), or -log p of the targets (batch, seq_len)."""
        if self.config.cutoffs:
            return self.output(features, targets)
        logits = F.linear(features, self.embedding.weight, self.output_bias)
        if targets is None:
            return logits
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return losses.view_as(targets)

    def _check(
        self, ids: Tensor, memory: Memory | MemoryCache | None, targets: Tensor | None
    ) -> None:
        size, weight = self.config.vocab_size, next(self.parameters())
        checks.ids("ids", ids, size, max_len=self.config.max_len, like=weight)
        if targets is not None:
            checks.ids("targets", targets, like=weight)
        if targets is not None and targets.shape != ids.shape:
            raise ValueError(
                f"targets must have the shape of ids, {tuple(ids.shape)}, "
                f"got {tuple(targets.shape)}"
            )
        if memory is not None and not isinstance(memory, MemoryCache):
            check_memory(memory, len(self.layers), ids, self.config.d_model)
