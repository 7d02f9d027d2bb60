"""What came before: an LSTM that reads, and another that writes, with or without attention.

It has the interface of `models.transformer`, so that the same training and the same generation
serve both.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from transformer_lib import checks
from transformer_lib.layers.dropout import Dropout
from transformer_lib.layers.masks import check_mask, padding_mask_from_ids


@dataclass(frozen=True)
class RecurrentConfig:
    """What a `Recurrent` model is made of.

    Args:
        source_vocab_size: number of different tokens that the encoder reads.
        target_vocab_size: number of different tokens that the decoder writes.
        d_model: width of embeddings and states; even, half of it for each reading direction.
        num_layers: LSTMs on top of each other, in the encoder and in the decoder.
        attention: whether the decoder looks back at the source before each token. Without, it has
            the summary of the source that the encoder ends with, and no more.
        dropout: on embeddings, between layers and on features, in training only.
        max_len: longest source or target, in tokens; None for any length.
        pad_id: fills the rows of a batch behind their ends.
        bos_id: the token that every target starts with.
        eos_id: the token that every target ends with.

    Raises:
        ValueError: if the values do not go together.
    """

    source_vocab_size: int
    target_vocab_size: int
    d_model: int = 256
    num_layers: int = 1
    attention: bool = True
    dropout: float = 0.1
    max_len: int | None = None
    pad_id: int = 0
    bos_id: int = 1
    eos_id: int = 2

    def __post_init__(self):
        checks.vocabularies(self)
        checks.even(d_model=self.d_model)
        checks.at_least(1, num_layers=self.num_layers)
        checks.flag(attention=self.attention)
        checks.probability(dropout=self.dropout)


class AdditiveAttention(nn.Module):
    """Attention by a small network instead of a product.

        score(s, h) = vᵀ tanh(W s + U h),  look = Σ softmax(score) h

    Args:
        d_model: width of queries and context.

    Source: Bahdanau et al. 2015, §3.1, A.1.2.
    """

    def __init__(self, d_model: int):
        super().__init__()
        checks.at_least(1, d_model=d_model)
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model)
        self.score = nn.Linear(d_model, 1, bias=False)

    def forward(
        self, query: Tensor, keys: Tensor, context: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Look up one query.

        Args:
            query: (batch, d_model).
            keys: `k_proj(context)`, computed once for all queries.
            context: (batch, k_len, d_model), the encoder's output.
            mask: boolean (batch, k_len), True = may attend, at least once in each row.

        Returns:
            What the query finds (batch, d_model), which the paper calls the context vector, and the
            weights (batch, k_len).

        Raises:
            ValueError: if they are not of such shapes and of one type, or a row may attend to
                nothing.
        """
        self._check(query, keys, context, mask)
        scores = self.score(torch.tanh(self.q_proj(query)[:, None] + keys)).squeeze(-1)
        weights = scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)  # (batch, k_len)
        return (weights[:, None] @ context).squeeze(1), weights

    def _check(self, query: Tensor, keys: Tensor, context: Tensor, mask: Tensor) -> None:
        width = self.score.in_features
        checks.features("context", context, width, like=self.score.weight)
        batch, k_len = context.shape[:2]
        checks.like("the context", context, query=query, keys=keys)
        check_mask(mask, (batch, k_len), context.device)
        wanted = {"query": (batch, width), "keys": (batch, k_len, width), "mask": (batch, k_len)}
        for (name, shape), value in zip(wanted.items(), (query, keys, mask), strict=True):
            if value.shape != shape:
                raise ValueError(f"{name} must be {shape}, got {tuple(value.shape)}")
        if not torch.compiler.is_compiling() and not mask.any(dim=1).all():
            raise ValueError("mask must have a True in each row, got one without")


@dataclass
class RecurrentState:
    """The source as read, and the decoder's state after the tokens so far."""

    context: Tensor  # (batch, source_len, d_model), the encoder's output
    mask: Tensor  # (batch, source_len)
    keys: Tensor  # (batch, source_len, d_model), what attention compares with
    summary: Tensor  # (batch, d_model), the source in one vector
    hidden: Tensor  # (num_layers, batch, d_model)
    cell: Tensor  # (num_layers, batch, d_model)

    def reorder(self, rows: Tensor) -> None:
        """Keep the sequences `rows` (new_batch,) of the batch, in that order."""
        for name in ("context", "mask", "keys", "summary"):
            setattr(self, name, getattr(self, name).index_select(0, rows))
        self.hidden = self.hidden.index_select(1, rows)
        self.cell = self.cell.index_select(1, rows)


class Recurrent(nn.Module):
    """LSTM encoder and decoder: p(target | source), one target token after another.

        logits = model(source, target[:, :-1])  # to be compared with target[:, 1:]

    The encoder reads in both directions. The decoder's state starts from what the encoder ends
    with; beside the embedding of each token it gets, with attention, a fresh look at the source,
    without it the same summary every time.

    Args:
        config: what it is made of.

    Source: Bahdanau et al. 2015; without attention Cho et al. 2014. Both have another gated unit
    in place of the LSTM of Hochreiter & Schmidhuber 1997, which is used as in Sutskever et al.
    2014.
    """

    def __init__(self, config: RecurrentConfig):
        super().__init__()
        checks.a(RecurrentConfig, config=config)
        self.config = config
        self.pad_id, self.max_len = config.pad_id, config.max_len
        self.eos_id: int | None = config.eos_id
        d_model, num_layers = config.d_model, config.num_layers
        between = config.dropout if num_layers > 1 else 0.0
        self.source_embedding = nn.Embedding(config.source_vocab_size, d_model)
        self.target_embedding = nn.Embedding(config.target_vocab_size, d_model)
        self.dropout = Dropout(config.dropout)
        self.encoder = nn.LSTM(
            d_model,
            d_model // 2,
            num_layers,
            batch_first=True,
            dropout=between,
            bidirectional=True,
        )
        self.decoder = nn.LSTM(2 * d_model, d_model, num_layers, batch_first=True, dropout=between)
        self.attention = AdditiveAttention(d_model) if config.attention else None
        self.merge = nn.Linear(2 * d_model, d_model)
        self.head = nn.Linear(d_model, config.target_vocab_size)

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
                `max_len`, the batches differ, or a source is empty or has padding before its end.
        """
        features, _ = self.decode(target, self.encode(source))
        return self.head(features)

    def encode(self, source: Tensor) -> RecurrentState:
        """Read the source, token ids (batch, source_len) with `pad_id` behind the end."""
        size, table = self.config.source_vocab_size, self.source_embedding.weight
        checks.ids("source", source, size, max_len=self.max_len, like=table)
        checks.padded_behind("source", source, self.pad_id)
        mask = padding_mask_from_ids(source, self.pad_id)[:, 0, 0]  # (batch, source_len)
        packed = pack_padded_sequence(  # skips the padding: its last states are the real ones
            self.dropout(self.source_embedding(source)),
            mask.sum(dim=1).cpu(),
            batch_first=True,
            enforce_sorted=False,
        )
        packed, last = self.encoder(packed)
        context, _ = pad_packed_sequence(packed, batch_first=True, total_length=source.size(1))
        # Both directions of a layer side by side: (2 · num_layers, batch, d_model / 2) → this.
        hidden, cell = (
            x.unflatten(0, (-1, 2)).transpose(1, 2).flatten(2) for x in last
        )  # (num_layers, batch, d_model)
        keys = context if self.attention is None else self.attention.k_proj(context)
        return RecurrentState(context, mask, keys, hidden[-1], hidden, cell)

    def decode(self, target: Tensor, state: RecurrentState) -> tuple[Tensor, Tensor | None]:
        """Read the target so far, and move `state` on.

        Args:
            target: token ids (batch, target_len), those that `state` has not seen.
            state: from `encode`, or as the tokens before left it.

        Returns:
            Features (batch, target_len, d_model), which `head` turns into scores, and the
            attention weights (batch, target_len, source_len), None for a model without.
        """
        size, table = self.config.target_vocab_size, self.target_embedding.weight
        checks.ids("target", target, size, max_len=self.max_len, like=table)
        if target.size(0) != len(state.context):
            raise ValueError(
                f"target must have the batch size of source, {len(state.context)}, "
                f"got {target.size(0)}"
            )
        embedded = self.dropout(self.target_embedding(target))  # (batch, target_len, d_model)
        if self.attention is None:
            weights, looks = None, state.summary[:, None].expand_as(embedded)
            out = self._advance(embedded, looks, state)
        else:
            steps = []
            for x in embedded.split(1, dim=1):  # each look depends on the state before it
                look, weights = self.attention(
                    state.hidden[-1], state.keys, state.context, state.mask
                )
                out = self._advance(x, look[:, None], state)
                steps.append((out, look[:, None], weights[:, None]))
            out, looks, weights = (torch.cat(x, dim=1) for x in zip(*steps, strict=True))
        return self.dropout(torch.tanh(self.merge(torch.cat([out, looks], dim=-1)))), weights

    def start(self, source: Tensor) -> tuple[Tensor, RecurrentState]:
        """Read the source and be ready to write (see `writers.Writer`)."""
        state = self.encode(source)
        return source.new_full((source.size(0), 1), self.config.bos_id), state

    def step(self, tokens: Tensor, state: RecurrentState) -> Tensor:
        """Read new tokens and score the next one (see `writers.Writer`)."""
        features, _ = self.decode(tokens, state)
        return self.head(features[:, -1])  # (batch, target_vocab_size)

    def _advance(self, x: Tensor, looks: Tensor, state: RecurrentState) -> Tensor:
        """Read tokens and looks (batch, len, d_model) → decoder outputs, the same shape."""
        out, (state.hidden, state.cell) = self.decoder(
            torch.cat([x, looks], dim=-1), (state.hidden, state.cell)
        )
        return out
