"""The refusals themselves: what each says, and what it lets through."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from transformer_lib import checks

META = torch.ones(2, 3, device="meta")


@pytest.mark.parametrize(
    ("refuse", "message"),
    [
        (lambda: checks.a(dict, config=[1]), "config must be a dict, got list"),
        (lambda: checks.module(model=5), "model must be a module, got int"),
        (lambda: checks.module(model=nn.Linear), "model must be a module, got type"),
        (lambda: checks.function(norm="layer"), "norm must be a function, got str"),
        (lambda: checks.several(ids=5), "ids must be several, as in a list, got 5"),
        (lambda: checks.several(ids="abc"), "ids must be several, as in a list, got 'abc'"),
        (lambda: checks.rows(rows=5), "rows must be several, as in a list, got 5"),
        (lambda: checks.rows(rows=iter([torch.tensor([1])])), "rows must be a sequence, as a list"),
        (lambda: checks.rows(rows=[torch.tensor([1]), 5]), "rows.1. must be a tensor, got int"),
        (lambda: checks.mapping(held=[1]), "held must be a dict, got list"),
        (lambda: checks.path(folder=None), "folder must be a path, got NoneType"),
        (lambda: checks.finite(dropping=True), "dropping must be a finite number, got True"),
        (lambda: checks.finite(dropping=-np.inf), "dropping must be a finite number, got -inf"),
        (lambda: checks.tensor(x=[1.0]), "x must be a tensor, got list"),
        (lambda: checks.floating("x", META), r"x must be of .* got \(2, 3\) .* on meta"),
        (lambda: checks.floating("x", META.long(), meta=True), "x must be of floating point"),
        (
            lambda: checks.like("q", torch.ones(2), k=torch.ones(2).double()),
            "k must be torch.float32, as q is, got torch.float64",
        ),
        (lambda: checks.like("q", torch.ones(2), k=META), "k must be on cpu, as q is, got meta"),
        (lambda: checks.indices("rows", torch.tensor([[0]])), r"rows must be \(number,\) of int64"),
        (lambda: checks.indices("rows", torch.tensor([0.0])), "got .* torch.float32"),
        (
            lambda: checks.indices("rows", torch.tensor([0, 2]), like=torch.ones(2, 3)),
            "rows must be in 0 … 1, got 2",
        ),
        (
            lambda: checks.indices("rows", torch.tensor([0, -1]), like=torch.ones(2, 3)),
            "rows must be in 0 … 1, got -1",
        ),
        (
            lambda: checks.indices("rows", torch.tensor([0]), like=META),
            "rows must be on meta, got cpu",
        ),
        (lambda: checks.at_least(1, least=0), "least must be at least 1, got 0"),
    ],
)
def test_a_refusal_names_the_argument_what_it_got_and_what_it_wants(refuse, message):
    with pytest.raises(ValueError, match=message):
        refuse()


def test_what_is_fit_passes():
    checks.module(model=nn.Linear(1, 1))
    checks.function(norm=nn.LayerNorm)
    checks.several(a=[], b=(1,), c=torch.ones(2), d=iter(()), e={1: 2})
    checks.mapping(held={})
    checks.path(a="x", b=Path("x"))
    checks.finite(a=-1, b=Fraction(1, 2), c=np.float32(0.5))
    checks.floating("x", META, dims=2, meta=True)
    checks.indices("rows", torch.tensor([1, 1, 0]), like=torch.ones(2, 3))
    checks.indices("rows", torch.tensor([10**6]))


def test_autocast_casts_what_is_of_another_type():
    with torch.autocast("cpu", torch.bfloat16):
        checks.like("q", torch.ones(2), k=torch.ones(2).bfloat16())
        with pytest.raises(ValueError, match=r"k must be torch\.float32, as q is"):
            checks.like("q", torch.ones(2), k=torch.ones(2).long())


@pytest.mark.parametrize("count", [1, 64, 65, 500])
@pytest.mark.parametrize("wrong", [-1, 7])
def test_one_wrong_id_is_seen_among_few_and_among_many(count, wrong):
    ids = torch.zeros(1, count, dtype=torch.int64)
    ids[0, -1] = 6
    checks.ids("ids", ids, 7)
    ids[0, -1] = wrong
    with pytest.raises(ValueError, match=f"ids must be in 0 … vocab_size - 1 = 6, got {wrong}"):
        checks.ids("ids", ids, 7)
