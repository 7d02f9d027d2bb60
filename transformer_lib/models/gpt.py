"""GPT: a stack of causal layers that writes, and nothing else.

GPT-2 and a recent model of its kind are one class; what sets them apart are arguments:

    GPT(GPT2)  # learned positions, LayerNorm, biases, tanh GELU: 124,439,808 parameters
    GPT(GPTConfig(66, positions="rotary", norm="rms", bias=False, activation="relu2"))

and so is a Llama, with fewer heads of keys and a gate in its feed-forward blocks:

    GPTConfig(49_152, num_heads=9, num_kv_heads=3, d_model=576, num_layers=30, d_ff=1536,
              activation="swiglu", positions="rotary", norm="rms", bias=False, …)
"""

from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.cache import KVCache, check_cache
from transformer_lib.layers.dropout import Dropout
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import ACTIVATIONS, FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import LearnedPositions, Rotary


@dataclass(frozen=True)
class GPTConfig:
    """What a `GPT` is made of; by default everything but the vocabulary and window of GPT-2.

    Args:
        vocab_size: number of different tokens.
        max_len: most tokens that it reads, the window. None, for any number, is not possible with
            learned positions.
        d_model: width of the features between layers.
        num_heads: attention heads in every layer.
        num_kv_heads: of keys and values, a divisor of `num_heads`; None for as many.
        num_layers: depth.
        d_ff: width inside the feed-forward blocks.
        activation: of the feed-forward blocks, see `FeedForward`.
        positions: "learned" (GPT-2's, added to the embeddings) or "rotary" (in the attention).
        rotary_base: see `Rotary`.
        norm: "layer" or "rms".
        bias: whether linear maps and LayerNorms have biases.
        tie: the embedding matrix is the head too; otherwise that has one of its own.
        dropout: on embeddings, attention weights and every sublayer's output, in training only.
        eps: keeps the norms from dividing by zero.
        eos_id: the token that ends a text; None where there is no such token.
        pad_id: fills the rows of a generated batch behind their ends.

    Raises:
        ValueError: if the values do not go together.
    """

    vocab_size: int
    max_len: int | None = None
    d_model: int = 768
    num_heads: int = 12
    num_kv_heads: int | None = None
    num_layers: int = 12
    d_ff: int = 3072
    activation: str = "gelu_tanh"
    positions: str = "learned"
    rotary_base: float = 10000.0
    norm: str = "layer"
    bias: bool = True
    tie: bool = True
    dropout: float = 0.1
    eps: float = 1e-5
    eos_id: int | None = None
    pad_id: int = 0

    def __post_init__(self):
        checks.at_least(1, vocab_size=self.vocab_size, num_layers=self.num_layers, d_ff=self.d_ff)
        checks.at_least_or_none(1, max_len=self.max_len)
        checks.heads(self.d_model, self.num_heads)
        checks.one_of(ACTIVATIONS, activation=self.activation)
        checks.one_of(("learned", "rotary"), positions=self.positions)
        checks.one_of(("layer", "rms"), norm=self.norm)
        checks.flag(bias=self.bias, tie=self.tie)
        checks.probability(dropout=self.dropout)
        checks.positive(eps=self.eps)
        checks.token(self.vocab_size, pad_id=self.pad_id)
        if self.eos_id is not None:
            checks.token(self.vocab_size, eos_id=self.eos_id)
        checks.key_heads(self.num_heads, self.num_kv_heads)
        checks.positive(rotary_base=self.rotary_base)
        if self.max_len is None and self.positions == "learned":
            raise ValueError("max_len must be given with learned positions, got None")
        if self.positions == "rotary":
            checks.even(head_dim=self.head_dim)

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.num_heads


GPT2 = GPTConfig(50_257, max_len=1024, eos_id=50_256, pad_id=50_256)
"""The smallest GPT-2 as it was published: 124,439,808 parameters."""


class GPT(nn.Module):
    """A decoder-only Transformer: p(next token | all tokens so far).

        logits = model(ids)  # those at position t are for the token at t + 1

    Linear maps and embeddings start from N(0, 0.02²), biases at zero; the last matrix of every
    sublayer, whose output is added to the residual stream, gets 0.02 / √(2 · num_layers), so that
    the sum does not grow with the depth.

    A batch may be padded behind the ends of its rows: what comes later changes nothing.

    Args:
        config: what it is made of.

    Raises:
        ValueError: if `config` has sizes that no layer can have.

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", §2.3; for
    the initialisation also Radford et al. 2018, §4.1.
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        checks.a(GPTConfig, config=config)
        self.config = config
        self.pad_id, self.eos_id, self.max_len = config.pad_id, config.eos_id, config.max_len
        d_model, bias = config.d_model, config.bias
        self.embedding = nn.Embedding(config.vocab_size, d_model)
        learned = config.positions == "learned"
        self.positions = LearnedPositions(config.max_len, d_model) if learned else None
        self.dropout = Dropout(config.dropout)

        norm = partial(nn.RMSNorm, eps=config.eps)
        if config.norm == "layer":
            norm = partial(nn.LayerNorm, eps=config.eps, bias=bias)
        attention = partial(
            MultiHeadAttention,
            d_model,
            config.num_heads,
            num_kv_heads=config.num_kv_heads,
            dropout=config.dropout,
            bias=bias,
            causal=True,
            rotary=None if learned else Rotary(config.head_dim, base=config.rotary_base),
        )
        think = partial(FeedForward, d_model, config.d_ff, activation=config.activation, bias=bias)
        layers = [
            EncoderLayer(attention(), think(), dropout=config.dropout, norm=norm)
            for _ in range(config.num_layers)
        ]
        self.stack = Encoder(layers, final_norm=norm(d_model))
        self.head = None if config.tie else nn.Linear(d_model, config.vocab_size, bias=False)
        self._draw_weights()

    def forward(self, ids: Tensor, *, cache: KVCache | None = None) -> Tensor:
        """Score every next token.

        Args:
            ids: (batch, seq_len); with a cache those that it has not seen.
            cache: keys and values of earlier tokens.

        Returns:
            Logits (batch, seq_len, vocab_size).

        Raises:
            ValueError: if `ids` are not (batch, seq_len) of the vocabulary, or there are more than
                `max_len`, those in the cache included.
        """
        return self.logits(self.features(ids, cache=cache))

    def features(self, ids: Tensor, *, cache: KVCache | None = None) -> Tensor:
        """Read ids as `forward` does, but stop before the head.

        Returns:
            Features (batch, seq_len, d_model), which `logits` turns into scores.
        """
        check_cache(cache)
        offset = 0 if cache is None else cache.length
        size, table = self.config.vocab_size, self.embedding.weight
        checks.ids("ids", ids, size, max_len=self.max_len, offset=offset, like=table)
        x = self.embedding(ids)  # (batch, seq_len, d_model)
        if self.positions is not None:
            x = self.positions(x, offset)
        return self.stack(self.dropout(x), cache=cache)

    def logits(self, features: Tensor) -> Tensor:
        """Score every token of the vocabulary: (…, d_model) → (…, vocab_size).

        Raises:
            ValueError: if the features have another width, type or device than the weights.
        """
        weight = (self.embedding if self.head is None else self.head).weight
        checks.features("features", features, self.config.d_model, like=weight, dims=None)
        return F.linear(features, weight)

    def start(self, prompt: Tensor) -> tuple[Tensor, KVCache]:
        """Be ready to go on from a prompt (batch, length), read at the first step.

        All rows are of one length, without padding (see `writers.Writer`).

        Raises:
            ValueError: if the prompt is empty or longer than `max_len`.
        """
        size, table = self.config.vocab_size, self.embedding.weight
        checks.ids("prompt", prompt, size, max_len=self.max_len, empty=False, like=table)
        return prompt, KVCache()

    def step(self, tokens: Tensor, state: KVCache) -> Tensor:
        """Read new tokens and score the next one (see `writers.Writer`)."""
        return self.logits(self.features(tokens, cache=state)[:, -1])  # (batch, vocab_size)

    def _draw_weights(self) -> None:
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            elif weight.dim() == 2:
                adds = name.endswith(("out_proj.weight", "linear2.weight"))
                scale = (2 * self.config.num_layers) ** -0.5 if adds else 1.0
                nn.init.normal_(weight, std=0.02 * scale)
