"""Trainings that are ill, each in one way: what `health` must name first (test_health.py)."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.masks import padding_mask_from_ids
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import SinusoidalPositions
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.training.health import Health, health

V, PAD, LENGTH = 20, 20, 24  # the last id is padding


def batch(seed: int = 0):
    """Inputs and targets: a language in which a letter depends on the one before it."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(V, (8, 1), generator=generator)
    for _ in range(LENGTH):
        jump = torch.randint(1, 5, (8, 1), generator=generator).square()
        ids = torch.cat([ids, (3 * ids[:, -1:] + jump) % V], dim=1)
    return ids[:, :-1], ids[:, 1:]


def padded(seed: int = 0):
    """The same, in rows of unequal length."""
    x, y = batch(seed)
    behind = torch.arange(LENGTH) >= torch.arange(8, 24, 2)[:, None]
    return x.masked_fill(behind, PAD), y.masked_fill(behind, PAD)


def gpt(**changes) -> GPT:
    """A healthy model."""
    torch.manual_seed(0)
    config = {"d_model": 32, "num_heads": 4, "num_layers": 2, "d_ff": 64, "dropout": 0.0}
    config |= {"positions": "rotary", "norm": "rms", "activation": "relu", "pad_id": PAD}
    return GPT(GPTConfig(V + 1, **config | changes))


def loss(model, pair, ignored=PAD):
    """Cross-entropy of the next token."""
    return F.cross_entropy(model(pair[0]).float().mT, pair[1], ignore_index=ignored)


def adam(model, lr=3e-3):
    """The optimizer of all of them."""
    return torch.optim.AdamW(model.parameters(), lr=lr)


def changed(change: Callable[[GPT], None], **config) -> GPT:
    """A model to which something was done without gradient."""
    model = gpt(**config)
    with torch.no_grad():
        change(model)
    return model


def open_to(mask: Callable[[int], torch.Tensor]) -> GPT:
    """A model with another mask than the causal one."""
    model = gpt()
    for layer in model.stack.layers:
        layer.self_attention.causal = False
    model.stack.register_forward_pre_hook(
        lambda _, args, kwargs: (args, {"mask": mask(args[0].size(1))}), with_kwargs=True
    )
    return model


class OnlyInTraining(nn.Module):
    """It hides the future in training mode alone."""

    def __init__(self):
        super().__init__()
        self.inner = gpt()

    def forward(self, ids):
        """Score the next tokens."""
        for layer in self.inner.stack.layers:
            layer.self_attention.causal = self.training
        return self.inner(ids)


class Reader(nn.Module):
    """Reads rows of unequal length, and says which of two kinds each is."""

    def __init__(self, mask=True, mean=True):
        super().__init__()
        torch.manual_seed(0)
        self.mask, self.mean = mask, mean
        self.embedding = nn.Embedding(V + 1, 32)
        layers = [EncoderLayer(MultiHeadAttention(32, 4), FeedForward(32, 64)) for _ in range(2)]
        self.encoder, self.head = Encoder(layers, final_norm=nn.LayerNorm(32)), nn.Linear(32, 2)

    def forward(self, ids):
        """Score the kinds."""
        mask = padding_mask_from_ids(ids, PAD)
        x = self.encoder(self.embedding(ids), mask=mask if self.mask else None)
        real = (ids != PAD)[..., None] if self.mean else torch.ones_like(ids)[..., None]
        return self.head((x * real).sum(1) / real.sum(1))


def kinds(model, pair):
    """Cross-entropy of the kind of a row."""
    return F.cross_entropy(model(pair[0]), pair[0][:, 0] % 2)


class Deep(nn.Module):
    """Many layers, post-norm."""

    def __init__(self, layers=24, norm_first=False):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.positions = nn.Embedding(V, 32), SinusoidalPositions(32)
        parts = (
            EncoderLayer(
                MultiHeadAttention(32, 4, causal=True), FeedForward(32, 64), norm_first=norm_first
            )
            for _ in range(layers)
        )
        self.stack, self.head = Encoder(list(parts)), nn.Linear(32, V)

    def forward(self, ids):
        """Score the next tokens."""
        return self.head(self.stack(self.positions(self.embedding(ids))))


def narrow() -> GPT:
    """Its head goes through three numbers."""
    model = gpt(tie=False)
    model.head.weight = nn.Parameter(torch.randn(V + 1, 3) @ torch.randn(3, 32) * 0.05)
    return model


def learned(steps=60, seeds=60, lr=1e-2) -> GPT:
    """A model that was trained."""
    model = gpt()
    optimizer = adam(model, lr)
    for n in range(steps):
        optimizer.zero_grad()
        loss(model, batch(n % seeds)).backward()
        optimizer.step()
    return model


def untied() -> GPT:
    """A trained model, loaded into one that has a head of its own."""
    model = gpt(tie=False)
    model.load_state_dict(learned().state_dict(), strict=False)
    return model


def noisy(model, pair):
    """Dropout that knows of no evaluation."""
    return F.cross_entropy(F.dropout(model(pair[0]), 0.1).mT, pair[1])


def all_tokens_see_one_ahead(length):
    """True = may attend."""
    return torch.ones(length, length).tril(1).bool()


def examined(model, data=None, how=loss, *, lr=3e-3, optimizer=None, **more) -> Health:
    """A check-up of a model that writes."""
    optimizer = optimizer or adam(model, lr)
    return health(model, data or batch(), how, optimizer=optimizer, **{"causal": True, **more})


def _same_row():
    """The loader gives the first input with every target."""
    inputs = batch()[0][:1].expand(64, -1)
    return inputs, torch.randint(V, inputs.shape, generator=torch.Generator().manual_seed(0))


def _without_embedding():
    model = gpt()
    some = [p for name, p in model.named_parameters() if "embedding" not in name]
    return examined(model, optimizer=torch.optim.AdamW(some, lr=3e-3))


def _at(lr):
    return examined(gpt(), lr=lr)


def _scaled(model):
    model.embedding.weight.mul_(50)


def _spoiled(model):
    model.embedding.weight[0, 0] = torch.nan


def _dead(model):
    model.stack.layers[0].feed_forward.linear1.bias.fill_(-3.0)


PATIENTS = {
    "not finite": [lambda: examined(changed(_spoiled))],
    "the future is read": [
        lambda: examined(open_to(lambda n: torch.ones(n, n).bool())),
        lambda: examined(open_to(all_tokens_see_one_ahead)),
        lambda: examined(OnlyInTraining()),
    ],
    "padding is read": [
        lambda: examined(Reader(mask=False), padded(), kinds, causal=False, pad_id=PAD),
        lambda: examined(Reader(mean=False), padded(), kinds, causal=False, pad_id=PAD),
    ],
    "padding is counted": [
        lambda: examined(gpt(), padded(), partial(loss, ignored=-100), pad_id=PAD)
    ],
    "the targets are the inputs": [lambda: examined(gpt(), (batch()[0], batch()[0]))],
    "evaluation is random": [lambda: examined(gpt(), how=noisy)],
    "these weights know nothing": [lambda: examined(untied(), trained=True)],
    "overfitting": [lambda: examined(learned(steps=120, seeds=1), held_out=batch(9), trained=True)],
    "the first loss is too high": [lambda: examined(changed(_scaled))],
    "all tokens have become alike": [lambda: examined(Deep(), lr=3e-3)],  # a third: see the check
    "a bottleneck": [lambda: examined(narrow())],
    "dead units": [lambda: examined(changed(_dead))],
    "left out of the optimizer": [_without_embedding],
    "the rate begins at 0": [
        lambda: examined(gpt(), schedule=lambda s: min(1.0, (s - 1) / 10), steps=100)
    ],
    "the warm-up is longer than the run": [
        lambda: examined(gpt(), schedule=lambda s: s / 4000, steps=100)
    ],
    "updates vanish in the rounding": [lambda: examined(gpt().bfloat16(), lr=1e-5)],
    "the rate is too high": [partial(_at, lr) for lr in (0.1, 0.3, 1.0)],
    "the rate is too low": [partial(_at, lr) for lr in (1e-6, 1e-5)],
    "nothing is learned beyond the frequencies": [lambda: examined(gpt(), _same_row())],
}
