"""Transformer-XL: a language model that reads segment by segment and remembers the last ones.

    memory = None
    for ids in segments:
        logits, memory = model(ids, memory)

The model holds no state of its own: what it remembers goes in and comes out, like the state of a
recurrent network.
"""

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.adaptive import AdaptiveEmbedding, embedding
from transformer_lib.layers.cache import MemoryCache
from transformer_lib.layers.feed_forward import ACTIVATIONS, FeedForward
from transformer_lib.layers.memory import MemoryLayer
from transformer_lib.layers.positions import RelativePositions
from transformer_lib.layers.relative import RelativeAttention

Memory = tuple[Tensor, ...]
IGNORED = -100  # a target that does not count, as in torch


def _check_reach(mem_len: int, same_length: bool, clamp_len: int | None) -> None:
    if mem_len < 0 or (same_length and mem_len < 1):
        least = "1 with same_length (a token sees itself)" if same_length else "0"
        raise ValueError(f"mem_len must be at least {least}, got {mem_len}")
    if clamp_len is not None and clamp_len < 1:
        raise ValueError(f"clamp_len must be None or at least 1, got {clamp_len}")


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
        mem_len: number of positions that are remembered; 0 for no memory.
        same_length: every query attends to exactly the last `mem_len` positions, its own
            included. Otherwise to the whole memory, however late in the segment it stands.
        clamp_len: distances beyond count as this one; None for no limit.
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
        checks.at_least_or_none(1, max_len=self.max_len, clamp_len=self.clamp_len)
        checks.even(d_model=self.d_model)
        checks.heads(self.d_model, self.num_heads)
        checks.one_of(ACTIVATIONS, activation=self.activation)
        checks.probability(dropout=self.dropout, attention_dropout=self.attention_dropout)
        checks.flag(
            norm_first=self.norm_first,
            same_length=self.same_length,
            share_biases=self.share_biases,
        )
        checks.at_least(0, mem_len=self.mem_len)
        _check_reach(self.mem_len, self.same_length, self.clamp_len)
        checks.at_least(0, **{f"cutoffs[{n}]": at for n, at in enumerate(self.cutoffs)})
        if any(a >= b for a, b in pairwise([0, *self.cutoffs, self.vocab_size])):
            raise ValueError(
                f"cutoffs must rise, between 1 and vocab_size - 1 = {self.vocab_size - 1}, "
                f"got {self.cutoffs}"
            )
        checks.positive(div_value=self.div_value)
        if self.div_value < 1 or self.d_model // self.div_value ** len(self.cutoffs) < 1:
            raise ValueError(
                f"div_value must be at least 1 and leave the last group's embeddings a feature, "
                f"got {self.div_value} with {len(self.cutoffs)} cutoffs"
            )
        if self.eos_id is not None:
            checks.token(self.vocab_size, eos_id=self.eos_id)

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.num_heads


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
        self.config = config
        self.pad_id, self.eos_id = 0, config.eos_id  # without rows that end nothing is padded
        self.max_len = None  # of a text; that of a segment is the config's
        d_model = config.d_model
        if config.cutoffs:
            self.embedding = AdaptiveEmbedding(
                config.vocab_size, d_model, config.cutoffs, config.div_value
            )
            self.output = nn.AdaptiveLogSoftmaxWithLoss(
                d_model, config.vocab_size, config.cutoffs, div_value=config.div_value
            )
            for table, tail in zip(self.embedding.tables[1:], self.output.tail, strict=True):
                tail[1].weight = table.weight  # most of all weights, needed once
        else:
            self.embedding = embedding(config.vocab_size, d_model)
            self.output_bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.dropout = nn.Dropout(config.dropout)
        u = v = None
        if config.share_biases:
            u, v = (nn.Parameter(torch.empty(d_model).normal_(std=0.02)) for _ in "uv")
        make_attention = partial(
            RelativeAttention,
            d_model,
            config.num_heads,
            dropout=config.attention_dropout,
            position_dropout=config.dropout,
            content_bias=u,
            position_bias=v,
            positions=RelativePositions(d_model),
        )
        make_feed_forward = partial(
            FeedForward,
            d_model,
            config.d_ff,
            activation=config.activation,
            dropout=config.dropout,
        )
        self.layers = nn.ModuleList(
            MemoryLayer(
                make_attention(),
                make_feed_forward(),
                dropout=config.dropout,
                norm_first=config.norm_first,
            )
            for _ in range(config.num_layers)
        )
        self.final_norm = nn.LayerNorm(d_model) if config.norm_first else nn.Identity()

    def forward(
        self,
        ids: Tensor,
        memory: Memory | None = None,
        *,
        targets: Tensor | None = None,
        mem_len: int | None = None,
        same_length: bool | None = None,
        clamp_len: int | None = None,
    ) -> tuple[Tensor, Memory]:
        """Read a segment: score every next token, and remember.

        The memory is what the attention of each layer has read: `num_layers` tensors. (The
        released code keeps the output of the last layer too, which no layer ever reads.)

        Args:
            ids: token ids (batch, seq_len), what comes after that which `memory` remembers.
            memory: a tensor (batch, any length, d_model) for each layer, as the last call returned
                it; None at the start of a text.
            targets: the next tokens (batch, seq_len), -100 where one does not count; see below.
            mem_len: as in the config, which holds where it is None. No weight depends on it or on
                the next two, so that each call may have its own.
            same_length: as in the config.
            clamp_len: as in the config.

        Returns:
            Logits (batch, seq_len, vocab_size), and the new memory, of at most `mem_len` positions
            and without gradient. With `targets`, in place of logits: -log p of each target in nats,
            (batch, seq_len), 0 where one does not count. (Adaptive softmax never computes the
            logits then; without targets it returns log p, which are logits too.)

        Raises:
            ValueError: if `ids` are not (batch, seq_len) integers or more than `max_len`, `memory`
                is of another batch size, width, number of layers or device, `targets` of another
                shape, `mem_len` negative or `clamp_len < 1`.
        """
        mem_len, options = self._reach(mem_len, same_length, clamp_len)
        checks.ids("ids", ids, self.config.vocab_size, max_len=self.config.max_len)
        if memory is not None:
            self._check_memory(memory, ids)
        features, new = self._features(ids, memory, **options)
        old = [None] * len(new) if memory is None else memory
        memory = tuple(_remember(m, x, mem_len) for m, x in zip(old, new, strict=True))
        return self._score(features, targets), memory

    @torch.no_grad()
    def read(
        self,
        ids: Tensor,
        cache: MemoryCache | None = None,
        *,
        targets: Tensor | None = None,
        mem_len: int | None = None,
        same_length: bool | None = None,
        clamp_len: int | None = None,
    ) -> tuple[Tensor, MemoryCache]:
        """Read a segment as `forward` does, but faster, with a model that is not being trained.

        What the layers remember stays in the cache as keys and values, so that nothing of it is
        projected again. The result is the same, but for rounding.

        Args:
            ids: token ids (batch, seq_len).
            cache: as the last call returned it; None at the start of a text. It is changed in
                place.
            targets: as in `forward`.
            mem_len: as in `forward`.
            same_length: as in `forward`.
            clamp_len: as in `forward`.

        Returns:
            Logits (batch, seq_len, vocab_size) or, with `targets`, -log p (batch, seq_len); and the
            cache.

        Raises:
            ValueError: as `forward`.
        """
        if mem_len is None and cache is not None:
            mem_len = cache.mem_len
        mem_len, options = self._reach(mem_len, same_length, clamp_len)
        checks.ids("ids", ids, self.config.vocab_size, max_len=self.config.max_len)
        if cache is None:
            cache = MemoryCache(mem_len)
        cache.mem_len = mem_len
        return self._score(self._features(ids, None, cache=cache, **options)[0], targets), cache

    def start(self, prompt: Tensor) -> tuple[Tensor, MemoryCache]:
        """Be ready to go on from a prompt (batch, length), read at the first step.

        All rows are of one length, without padding (see `generation.Writer`).

        Raises:
            ValueError: if the prompt is empty, or not (batch, length) integers.
        """
        checks.ids("prompt", prompt, self.config.vocab_size, empty=False)
        return prompt, MemoryCache(self.config.mem_len)

    def step(self, tokens: Tensor, state: MemoryCache) -> Tensor:
        """Read new tokens and score the next one (see `generation.Writer`).

        More than `max_len` of them are read as several segments.
        """
        for segment in tokens.split(self.config.max_len or tokens.size(1), dim=1):
            logits = self.read(segment, state)[0][:, -1]  # (batch, vocab_size)
        return logits

    def _reach(
        self, mem_len: int | None, same_length: bool | None, clamp_len: int | None
    ) -> tuple[int, dict[str, int | None]]:
        """Take what is not given from the config: the memory's length, and the layers' options."""
        config = self.config
        mem_len = config.mem_len if mem_len is None else mem_len
        same_length = config.same_length if same_length is None else same_length
        clamp_len = config.clamp_len if clamp_len is None else clamp_len
        _check_reach(mem_len, same_length, clamp_len)
        return mem_len, {"window": mem_len if same_length else None, "clamp_len": clamp_len}

    def _features(
        self, ids: Tensor, memory: Memory | None, **options
    ) -> tuple[Tensor, list[Tensor]]:
        """What the output layer reads, (batch, seq_len, d_model), and what each attention does."""
        x = self.dropout(self.embedding(ids) * math.sqrt(self.config.d_model))
        reads = []
        for n, layer in enumerate(self.layers):
            x, read = layer(x, None if memory is None else memory[n], **options)
            reads.append(read)
        return self.dropout(self.final_norm(x)), reads

    def _score(self, features: Tensor, targets: Tensor | None) -> Tensor:
        """Logits (batch, seq_len, vocab_size), or -log p of the targets (batch, seq_len)."""
        adaptive = bool(self.config.cutoffs)
        if targets is None:
            if adaptive:
                return self.output.log_prob(features.flatten(0, 1)).unflatten(0, features.shape[:2])
            return F.linear(features, self.embedding.weight, self.output_bias)
        if targets.shape != features.shape[:2]:
            raise ValueError(
                f"targets must have the shape of ids, {tuple(features.shape[:2])}, "
                f"got {tuple(targets.shape)}"
            )
        if adaptive:
            counts = targets != IGNORED
            log_p = torch.zeros_like(targets, dtype=features.dtype)
            return log_p.masked_scatter(counts, -self.output(features[counts], targets[counts])[0])
        logits = F.linear(features, self.embedding.weight, self.output_bias)
        return F.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
        ).view_as(targets)

    def _check_memory(self, memory: Memory, ids: Tensor) -> None:
        if len(memory) != len(self.layers):
            raise ValueError(
                f"memory must have a tensor for each of num_layers = {len(self.layers)} layers, "
                f"got {len(memory)}"
            )
        wanted = (ids.size(0), memory[0].size(1), self.config.d_model)
        for n, x in enumerate(memory):
            if x.shape != wanted:
                raise ValueError(
                    f"memory[{n}] must be (batch = {wanted[0]}, mem_len = {wanted[1]}, "
                    f"d_model = {wanted[2]}), got {tuple(x.shape)}"
                )
            if x.device != ids.device:
                raise ValueError(f"memory[{n}] must be on {ids.device}, as ids, got {x.device}")


def _remember(old: Tensor | None, x: Tensor, mem_len: int) -> Tensor:
    """The last `mem_len` positions of what was and what came, (batch, …, d_model) each: a copy."""
    x = x[:, max(0, x.size(1) - mem_len) :]
    room = mem_len - x.size(1)
    parts = [x] if old is None else [old[:, max(0, old.size(1) - room) :], x]
    return torch.cat([part.detach() for part in parts], dim=1)  # the stop-gradient SG of the paper
