"""How a model learns to grant wishes: it says the actions of episodes, given what came of them.

Chapter 18 trains here what it shows, its studies what they compare. Nothing of it ships.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib.data.episodes import Episodes, EpisodeWindows, Window
from transformer_lib.models.decision_transformer import DecisionTransformerConfig
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train


def action_loss(model: nn.Module, window: Window) -> Tensor:
    """Mean cross-entropy of the actions that were taken, in nats, without the filling."""
    logits = model(window.returns, window.states, window.actions, window.steps)
    return F.cross_entropy(logits[window.real].float(), window.actions[window.real])


def fit(
    model: nn.Module,
    episodes: Episodes,
    *,
    steps: int,
    context: int,
    lr: float = 0.02,
    batch_size: int = 64,
    seed: int = 0,
) -> nn.Module:
    """Train a model on episodes, and return it, ready to be asked."""
    windows = EpisodeWindows(episodes, context=context, batch_size=batch_size, seed=seed)
    optimizers = muon_and_adamw(model, lr=lr, adamw_lr=lr / 7, weight_decay=0.01)
    schedule = trapezoid_schedule(steps, warmup=min(50, steps // 10), decay=steps // 2)
    train(
        model, action_loss, windows, optimizer=optimizers, schedule=schedule, steps=steps,
        autocast=True,
    )  # fmt: skip
    return model.eval()


class OneStep(nn.Module):
    """The sceptic's model: the return and the state of one step, two hidden layers, no attention.

    It is asked as a `DecisionTransformer` is, and never looks at another step.

    Args:
        config: of the `DecisionTransformer` beside it; `d_ff` is the width inside.
    """

    def __init__(self, config: DecisionTransformerConfig):
        super().__init__()
        self.config = config
        width = 1 + config.state_dim
        self.layers = nn.Sequential(
            nn.Linear(width, config.d_ff), nn.GELU(),
            nn.Linear(config.d_ff, config.d_ff), nn.GELU(),
            nn.Linear(config.d_ff, config.num_actions),
        )  # fmt: skip

    def forward(self, returns: Tensor, states: Tensor, actions: Tensor, steps: Tensor) -> Tensor:
        """Logits (batch, seq_len, num_actions)."""
        returns = returns[..., None] / self.config.return_scale
        return self.layers(torch.cat([returns, states], dim=-1))


class Cloning(nn.Module):
    """Imitation without a wish (behaviour cloning): the model is told the same return, always 0."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, returns: Tensor, states: Tensor, actions: Tensor, steps: Tensor) -> Tensor:
        """Logits (batch, seq_len, num_actions)."""
        return self.model(torch.zeros_like(returns), states, actions, steps)
