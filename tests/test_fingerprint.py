"""A run is known by what one changes by accident: each change shows, by its name, and no other."""

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from transformer_lib.training.fingerprint import differences, digest, fingerprint


def square(model, batch):
    return model(batch).square().mean()


def made(loss=square, optimizers=None, model=None, **settings):
    model = model or nn.Linear(2, 2)
    first, second = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3))
    if optimizers is None:
        groups = [{"params": [first]}, {"params": [second], "lr": 0.2}]
        optimizers = [torch.optim.SGD(groups, lr=0.1), torch.optim.AdamW([first], lr=0.3)]
    return fingerprint(model, loss, optimizers, **settings)


def test_the_same_run_made_twice_is_one():
    assert differences(made(clip=1.0), made(clip=1.0)) == []


@pytest.mark.parametrize(
    ("optimizer", "group", "name", "value"),
    [(0, 0, "lr", 0.15), (0, 1, "lr", 0.25), (0, 1, "momentum", 0.9), (1, 0, "weight_decay", 0.5)],
)
def test_a_setting_of_any_group_of_any_optimizer_is_seen(optimizer, group, name, value):
    first, second = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3))
    groups = [{"params": [first]}, {"params": [second], "lr": 0.2}]
    both = [torch.optim.SGD(groups, lr=0.1), torch.optim.AdamW([first], lr=0.3)]
    before = made(optimizers=both)
    both[optimizer].param_groups[group][name] = value
    (said,) = differences(before, made(optimizers=both))
    assert said.startswith(f"{name} of optimizer {optimizer}, group {group} was ")
    assert said.endswith(f"is {value}")


def test_a_parameter_that_moved_to_another_group_is_seen():
    a, b, c = (nn.Parameter(torch.ones(2)) for _ in range(3))
    one = torch.optim.SGD([{"params": [a, b]}, {"params": [c]}], lr=0.1)
    other = torch.optim.SGD([{"params": [a]}, {"params": [b, c]}], lr=0.1)
    said = differences(made(optimizers=[one]), made(optimizers=[other]))
    assert said == ["groups of optimizer 0 was [2, 1], is [1, 2]"]


def test_what_a_scheduler_notes_in_a_group_does_not_count():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1)
    optimizer.param_groups[0]["initial_lr"] = 0.1
    before = made(optimizers=[optimizer])
    optimizer.param_groups[0]["initial_lr"] = 0.2
    assert differences(before, made(optimizers=[optimizer])) == []


def test_another_config_of_the_same_parts_is_seen():
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    one.config, other.config = "window 3", "window 4"
    (said,) = differences(made(model=one), made(model=other))
    assert said == "model was 'window 3', is 'window 4'"


def test_the_first_line_that_differs_is_said_the_old_one_first():
    one, other = (
        nn.Sequential(nn.Linear(2, 3), nn.ReLU()),
        nn.Sequential(nn.Linear(2, 4), nn.ReLU()),
    )
    (said,) = differences(made(model=one), made(model=other))
    was, _, now = said.partition(", is ")
    assert "out_features=3" in was
    assert "out_features=4" in now


def keyword(*, factor):
    def loss(model, batch, *, factor=factor):
        return factor * square(model, batch)

    return loss


def closed(factor):
    def loss(model, batch):
        return factor * square(model, batch)

    return loss


class Loss:
    def __init__(self, factor):
        self.factor = factor

    def __repr__(self):
        return f"Loss({self.factor}, {object.__repr__(self.factor)})"

    def __call__(self, model, batch):
        return self.factor * square(model, batch)


def scaled(factor, model, batch, *, power=1):
    return (factor * square(model, batch)) ** power


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (keyword(factor=1), keyword(factor=2)),
        (closed(1), closed(2)),
        (partial(scaled, 1), partial(scaled, 2)),
        (partial(scaled, 1, power=1), partial(scaled, 1, power=2)),
        (lambda m, b: m(b).sum() * 2, lambda m, b: m(b).sum() * 3),
        (lambda m, b: m(b).sum(), lambda m, b: m(b).mean()),
        (lambda m, b: sum(x + 1 for x in m(b)), lambda m, b: sum(x + 2 for x in m(b))),
        (lambda m, b: sum(x.abs() for x in m(b)), lambda m, b: sum(x.exp() for x in m(b))),
        (Loss(1), Loss(2)),
    ],
)
def test_another_number_or_name_in_a_loss_is_seen(one, other):
    for loss in (one, other):
        if hasattr(loss, "__code__"):
            loss.__qualname__ = "loss"
    assert differences(made(one), made(one)) == []
    assert differences(made(one), made(other))


def test_where_a_loss_lies_in_memory_does_not_count():
    assert differences(made(Loss(SimpleNamespace)), made(Loss(SimpleNamespace))) == []
    assert " at 0x" not in made(Loss(nn.Linear))["loss"]


@dataclass
class Batch:
    ids: torch.Tensor
    said: str = "a"


def test_a_digest_differs_with_anything_in_it():
    x = torch.arange(6.0)
    things = [
        x, x.view(2, 3), x.int(), x + 1, x.numpy(), x.numpy() + 1, "a", "b", 1, 1.0, None, True,
        [x], [x, x], (x, "a"), (x, "b"), {"a": x}, {"b": x}, Batch(x), Batch(x + 1), Batch(x, "b"),
        np.arange(3), np.arange(4),
    ]  # fmt: skip
    names = [digest(thing) for thing in things]
    assert names == [digest(thing) for thing in things]
    assert len(set(names)) == len(things)
    assert digest(x, "a") != digest("a", x)
