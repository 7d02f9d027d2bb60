"""BERT: an encoder that reads from both sides, and the heads that ask it something.

    bert = Bert(BertConfig(30_522))
    MaskedWords(bert)(ids)  # which word stands here?            pre-training
    Classifier(bert, 2)(ids)  # what is the sentence?            one answer a row
    Classifier(bert, 2, pool=None)(ids)  # and what each word?   one answer a token

What is learnt in the first question is used in the others: the heads hold the same `Bert`.
"""

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.dropout import Dropout
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import ACTIVATIONS, FeedForward
from transformer_lib.layers.masks import padding_mask_from_ids
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import LearnedPositions, Rotary


@dataclass(frozen=True)
class BertConfig:
    """What a `Bert` is made of; by default everything but the vocabulary of BERT-Base.

    Args:
        vocab_size: number of different tokens.
        max_len: most tokens that it reads. None, for any number, is not possible with learned
            positions.
        d_model: width of the features between layers.
        num_heads: attention heads in every layer.
        num_layers: depth.
        d_ff: width inside the feed-forward blocks.
        activation: of the feed-forward blocks, see `FeedForward`.
        positions: "learned" (added to the embeddings) or "rotary" (in the attention).
        num_segments: kinds of text that stand in one row, as question and answer; each has a
            vector that is added to its tokens. 0: none is added.
        norm_first: pre-norm, with one more norm at the end; BERT is post-norm.
        dropout: on embeddings, attention weights and every sublayer's output, in training only.
        eps: keeps the norms from dividing by zero.
        pad_id: fills the rows of a batch; nothing attends to it.

    Raises:
        ValueError: if the values do not go together.
    """

    vocab_size: int
    max_len: int | None = 512
    d_model: int = 768
    num_heads: int = 12
    num_layers: int = 12
    d_ff: int = 3072
    activation: str = "gelu"
    positions: str = "learned"
    num_segments: int = 2
    norm_first: bool = False
    dropout: float = 0.1
    eps: float = 1e-12
    pad_id: int = 0

    def __post_init__(self):
        checks.at_least(1, vocab_size=self.vocab_size, num_layers=self.num_layers, d_ff=self.d_ff)
        checks.at_least(0, num_segments=self.num_segments)
        checks.at_least_or_none(1, max_len=self.max_len)
        checks.heads(self.d_model, self.num_heads)
        checks.one_of(ACTIVATIONS, activation=self.activation)
        checks.one_of(("learned", "rotary"), positions=self.positions)
        checks.flag(norm_first=self.norm_first)
        checks.probability(dropout=self.dropout)
        checks.positive(eps=self.eps)
        checks.token(self.vocab_size, pad_id=self.pad_id)
        if self.max_len is None and self.positions == "learned":
            raise ValueError("max_len must be given with learned positions, got None")
        if self.positions == "rotary":
            checks.even(head_dim=self.d_model // self.num_heads)


BERT_BASE = BertConfig(30_522)
"""The smaller of the two published models, uncased: 109,482,240 parameters with its pooler."""


class Bert(nn.Module):
    """An encoder-only Transformer: for each token, features that know both sides of it.

        features = bert(ids)

    Linear maps and embeddings start from N(0, 0.02²), biases at zero.

    Args:
        config: what it is made of.

    Source: Devlin et al. 2018, "BERT", §3.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        checks.a(BertConfig, config=config)
        self.config = config
        d_model = config.d_model
        norm = partial(nn.LayerNorm, eps=config.eps)
        learned = config.positions == "learned"
        self.embedding = nn.Embedding(config.vocab_size, d_model)
        self.positions = LearnedPositions(config.max_len, d_model) if learned else None
        self.segments = nn.Embedding(config.num_segments, d_model) if config.num_segments else None
        self.norm, self.dropout = norm(d_model), Dropout(config.dropout)
        layers = [
            EncoderLayer(
                MultiHeadAttention(
                    d_model,
                    config.num_heads,
                    dropout=config.dropout,
                    rotary=None if learned else Rotary(d_model // config.num_heads),
                ),
                FeedForward(d_model, config.d_ff, activation=config.activation),
                dropout=config.dropout,
                norm_first=config.norm_first,
                norm=norm,
            )
            for _ in range(config.num_layers)
        ]
        self.encoder = Encoder(layers, final_norm=norm(d_model) if config.norm_first else None)
        self.apply(_initialise)

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """Read a batch of texts, each token in the light of all others.

        Args:
            ids: token ids (batch, seq_len), rows filled with `pad_id` behind their ends.
            segments: which kind of text each token belongs to, (batch, seq_len); by default 0.

        Returns:
            Features (batch, seq_len, d_model); those at padding mean nothing.

        Raises:
            ValueError: if `ids` or `segments` are not such ids.
        """
        config = self.config
        table = self.embedding.weight
        checks.ids("ids", ids, config.vocab_size, max_len=config.max_len, like=table)
        x = self.embedding(ids)  # (batch, seq_len, d_model)
        if self.segments is not None:
            x = x + self.segments(self._segments(ids, segments))
        if self.positions is not None:
            x = self.positions(x)
        x = self.dropout(self.norm(x))
        return self.encoder(x, mask=padding_mask_from_ids(ids, config.pad_id))

    def _segments(self, ids: Tensor, segments: Tensor | None) -> Tensor:
        if segments is None:
            return torch.zeros_like(ids)
        checks.ids("segments", segments, self.config.num_segments, like=ids)
        if segments.shape != ids.shape:
            raise ValueError(
                f"segments must have the shape of ids, {tuple(ids.shape)}, "
                f"got {tuple(segments.shape)}"
            )
        return segments


class MaskedWords(nn.Module):
    """Which word stands here? The question that BERT is pre-trained with.

    Features go through a linear map, the activation function of the blocks (GELU where that has a
    gate) and a norm of their own, and are compared with the embedding of every token: the
    embedding matrix is the last layer too.

    Args:
        bert: reads; its embedding is shared.

    Source: Devlin et al. 2018, §3.1, task 1, and the released code.
    """

    def __init__(self, bert: Bert):
        super().__init__()
        checks.a(Bert, bert=bert)
        self.bert = bert
        d_model, eps = bert.config.d_model, bert.config.eps
        self.transform, self.norm = nn.Linear(d_model, d_model), nn.LayerNorm(d_model, eps=eps)
        activation = bert.config.activation
        self.activation = F.gelu if activation == "swiglu" else ACTIVATIONS[activation]
        self.head_bias = nn.Parameter(torch.zeros(bert.config.vocab_size))
        self.transform.apply(_initialise)

    def forward(
        self, ids: Tensor, chosen: Tensor | None = None, segments: Tensor | None = None
    ) -> Tensor:
        """Score every token of the vocabulary, at all places or at the chosen ones.

        Args:
            ids: token ids (batch, seq_len), some of them hidden.
            chosen: boolean (batch, seq_len): where an answer is wanted. Answers elsewhere cost as
                much and teach nothing.
            segments: as in `Bert.forward`.

        Returns:
            Logits (batch, seq_len, vocab_size), or (number chosen, vocab_size), row by row.

        Raises:
            ValueError: as `Bert.forward`, and if `chosen` is no such mask.
        """
        x = self.bert(ids, segments)
        if chosen is not None:
            checks.tensor(chosen=chosen)
            alike = chosen.shape == ids.shape and chosen.device == ids.device
            if not alike or chosen.dtype != torch.bool:
                raise ValueError(
                    f"chosen must be a boolean mask of the shape of ids, {tuple(ids.shape)}, "
                    f"got {tuple(chosen.shape)} of {chosen.dtype}"
                )
            x = x[chosen]  # (number chosen, d_model)
        x = self.norm(self.activation(self.transform(x)))
        return F.linear(x, self.bert.embedding.weight, self.head_bias)


class Classifier(nn.Module):
    """What is it? One answer for each row, or for each token.

    Args:
        bert: reads.
        num_classes: number of possible answers.
        pool: where the answer to a row is read. "first": at its first token, which in BERT is a
            token made for it, through a linear map and tanh; "mean": at the mean of all tokens
            but padding; None: an answer for each token.
        dropout: on what the last linear map reads, in training only.

    Raises:
        ValueError: if `pool` is none of these or `num_classes < 1`.

    Source: Devlin et al. 2018, §4 and §5.3.
    """

    def __init__(
        self, bert: Bert, num_classes: int, *, pool: str | None = "first", dropout: float = 0.1
    ):
        super().__init__()
        checks.a(Bert, bert=bert)
        checks.at_least(1, num_classes=num_classes)
        checks.one_of(("first", "mean", None), pool=pool)
        checks.probability(dropout=dropout)
        self.bert, self.pool = bert, pool
        d_model = bert.config.d_model
        self.pooler = nn.Linear(d_model, d_model) if pool == "first" else None
        self.dropout, self.head = Dropout(dropout), nn.Linear(d_model, num_classes)
        for module in (self.pooler, self.head):
            if module is not None:
                module.apply(_initialise)

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """Score every class.

        Args:
            ids: token ids (batch, seq_len).
            segments: as in `Bert.forward`.

        Returns:
            Logits (batch, num_classes), or (batch, seq_len, num_classes) without pooling.
        """
        x = self.bert(ids, segments)
        if self.pool == "first":
            x = self.pooler(x[:, 0]).tanh()  # (batch, d_model)
        elif self.pool == "mean":
            x = mean_of_tokens(x, ids != self.bert.config.pad_id)
        return self.head(self.dropout(x))


def mean_of_tokens(features: Tensor, real: Tensor) -> Tensor:
    """A vector for each text: the mean of the features of its tokens, without padding.

    Args:
        features: (batch, seq_len, d_model).
        real: boolean (batch, seq_len), False at padding.

    Returns:
        (batch, d_model); zeros for a row that is all padding.

    Raises:
        ValueError: if `features` are no such numbers, or `real` is no such mask.

    Source: Reimers and Gurevych 2019, "Sentence-BERT", §3.
    """
    checks.floating("features", features, dims=3)
    mask = isinstance(real, Tensor) and real.dtype == torch.bool
    if not mask or real.shape != features.shape[:2] or real.device != features.device:
        found = (tuple(real.shape), real.dtype) if isinstance(real, Tensor) else real
        raise ValueError(f"real must be a boolean mask {tuple(features.shape[:2])}, got {found}")
    weights = real.to(features.dtype)[..., None]  # (batch, seq_len, 1)
    return (features * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
