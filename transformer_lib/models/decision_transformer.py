"""The Decision Transformer: to act is to go on with a sequence that begins with a wish.

A step of an episode is three tokens: the return that is still to come, the state that is seen, and
the action that is taken. Trained to say the actions of episodes that others played, the model is
asked for a return, and says what would have led there.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.dropout import Dropout
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import ACTIVATIONS, FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention


@dataclass(frozen=True)
class DecisionTransformerConfig:
    """What a `DecisionTransformer` is made of; by default the paper's for continuous control.

    Args:
        state_dim: numbers that describe a state.
        num_actions: number of different actions.
        max_steps: most steps of an episode: there is a position for each.
        return_scale: returns are divided by this, so that they are numbers near one.
        d_model: width of the features between layers.
        num_heads: attention heads in every layer.
        num_layers: depth.
        d_ff: width inside the feed-forward blocks.
        activation: of the feed-forward blocks, see `FeedForward`.
        dropout: on the embeddings, attention weights and every sublayer's output, in training only.
        eps: keeps the norms from dividing by zero.

    Raises:
        ValueError: if the values do not go together.
    """

    state_dim: int
    num_actions: int
    max_steps: int
    return_scale: float = 1.0
    d_model: int = 128
    num_heads: int = 1
    num_layers: int = 3
    d_ff: int = 512
    activation: str = "relu"
    dropout: float = 0.1
    eps: float = 1e-5

    def __post_init__(self):
        checks.at_least(
            1,
            state_dim=self.state_dim,
            num_actions=self.num_actions,
            max_steps=self.max_steps,
            num_layers=self.num_layers,
            d_ff=self.d_ff,
        )
        checks.positive(return_scale=self.return_scale)
        checks.heads(self.d_model, self.num_heads)
        checks.one_of(ACTIVATIONS, activation=self.activation)
        checks.probability(dropout=self.dropout)
        checks.positive(eps=self.eps)


class DecisionTransformer(nn.Module):
    """Which action leads to the return that is asked for, after all that was seen?

        logits = model(returns, states, actions, steps)

    The three tokens of a step share one position, that of the step. A causal stack reads them in
    the order in which they happen, R₀ s₀ a₀ R₁ s₁ a₁ …, and the action is read at the state's
    token: that sees the wish and the state, and not yet the action.

    Tables start from N(0, 0.02²), the maps of returns and states as torch's, all others from the
    uniform distribution of Glorot and Bengio.

    Args:
        config: what it is made of.

    Raises:
        ValueError: if `config` has sizes that no layer can have.

    Source: Chen et al. 2021, "Decision Transformer: Reinforcement Learning via Sequence Modeling",
    §3. The released code knows continuous actions, and predicts states and returns too.
    """

    def __init__(self, config: DecisionTransformerConfig):
        super().__init__()
        checks.a(DecisionTransformerConfig, config=config)
        self.config = config
        d_model = config.d_model
        self.return_proj = nn.Linear(1, d_model)
        self.state_proj = nn.Linear(config.state_dim, d_model)
        self.action_embedding = nn.Embedding(config.num_actions, d_model)
        self.positions = nn.Embedding(config.max_steps, d_model)
        norm = partial(nn.LayerNorm, eps=config.eps)
        self.norm, self.dropout = norm(d_model), Dropout(config.dropout)
        attention = partial(MultiHeadAttention, dropout=config.dropout, causal=True)
        layers = [
            EncoderLayer(
                attention(d_model, config.num_heads),
                FeedForward(d_model, config.d_ff, activation=config.activation),
                dropout=config.dropout,
                norm=norm,
            )
            for _ in range(config.num_layers)
        ]
        self.stack = Encoder(layers, final_norm=norm(d_model))
        self.head = nn.Linear(d_model, config.num_actions)
        for table in (self.action_embedding, self.positions):
            nn.init.normal_(table.weight, std=0.02)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, returns: Tensor, states: Tensor, actions: Tensor, steps: Tensor) -> Tensor:
        """Score every action at every step.

        Args:
            returns: what is still to be gained, this step's reward included, (batch, seq_len).
            states: what is seen, (batch, seq_len, state_dim).
            actions: ids (batch, seq_len). The last one is never looked at.
            steps: since when the episode goes on, (batch, seq_len), from 0.

        Returns:
            Logits (batch, seq_len, num_actions).

        Raises:
            ValueError: if an input has another shape, type or device, an action is none of
                `num_actions`, or a step is not in 0 … `max_steps` - 1.
        """
        x = self.embed(returns, states, actions, steps)  # (batch, 3 · seq_len, d_model)
        x = self.stack(self.dropout(x))
        return self.head(x[:, 1::3])  # at the states: (batch, seq_len, num_actions)

    def embed(self, returns: Tensor, states: Tensor, actions: Tensor, steps: Tensor) -> Tensor:
        """Make the tokens that the stack reads, (batch, 3 · seq_len, d_model)."""
        self._check(returns, states, actions, steps)
        tokens = [
            self.return_proj(returns[..., None] / self.config.return_scale),
            self.state_proj(states),
            self.action_embedding(actions),
        ]
        x = torch.stack(tokens, dim=2)  # (batch, seq_len, 3, d_model)
        x = x + self.positions(steps)[:, :, None]
        return self.norm(x.flatten(1, 2))

    def _check(self, returns: Tensor, states: Tensor, actions: Tensor, steps: Tensor) -> None:
        config, weight = self.config, self.state_proj.weight
        checks.ids("actions", actions, config.num_actions, of="num_actions", like=weight)
        checks.ids("steps", steps, config.max_steps, of="max_steps", like=weight)
        for name, value, shape in (
            ("returns", returns, actions.shape),
            ("states", states, (*actions.shape, config.state_dim)),
            ("steps", steps, actions.shape),
        ):
            if not isinstance(value, Tensor) or value.shape != shape:
                got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(
                    f"{name} must be {tuple(shape)}, as actions are {tuple(actions.shape)}, "
                    f"got {got}"
                )
        checks.features("states", states, config.state_dim, like=weight)
        checks.features("returns", returns[..., None], 1, like=weight)
