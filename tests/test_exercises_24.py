"""The exercises of chapter 24: wrong answers, written otherwise, are still named."""

import math

import pytest
import torch

from transformer_lib.exercises.chapter_24 import check


def share(found, first=1, turned=False, divide=True):
    found = found.T if turned else found
    n = len(found)
    ahead = sum(found[i, j] for i in range(n) for j in range(i + first, n))
    return ahead / found.sum() if divide else ahead


def entropy(values, base=math.e, sign=-1):
    each = {v: values.count(v) / len(values) for v in set(values)}
    total = sum(p * math.log(p, base) for p in each.values())
    return torch.tensor(sign * total, dtype=torch.float64)


def kept(targets, counted):
    return [t for t, c in zip(targets.tolist(), counted.tolist(), strict=True) if c]


def lost(weights, steps, dtype=torch.bfloat16):
    still = [
        (w.to(dtype) - s.to(dtype)).item() == w.to(dtype).item()
        for w, s in zip(weights, steps, strict=True)
    ]
    return torch.tensor(sum(still) / len(still), dtype=torch.float64)


CASES = [
    (1, share, None),
    (1, lambda f: share(f, first=0), "the diagonal is counted"),
    (1, lambda f: share(f, turned=True), "this is the past"),
    (1, lambda f: share(f, divide=False), "is not divided"),
    (1, lambda f: sum(share(r[None].repeat(len(f), 1).triu(i), first=1) for i, r in enumerate(f)),
     "Not yet"),
    (2, lambda t, c: entropy(kept(t, c)), None),
    (2, lambda t, c: entropy(kept(t, c), base=2), "in bits"),
    (2, lambda t, c: entropy(kept(t, c), sign=1), "sign is missing"),
    (2, lambda t, c: entropy(t.tolist()), "all targets count"),
    (2, lambda t, c: torch.tensor(math.log(len(set(kept(t, c))))), "do not come equally often"),
    (2, lambda t, c: (p := torch.bincount(t[c]) / c.sum()) @ p.log() * -1, "which is NaN"),
    (3, lost, None),
    (3, lambda w, s: lost(w, s, torch.float32), "computed in float32"),
    (3, lambda w, s: 1 - lost(w, s), "the share that moves"),
    (3, lambda w, s: len(w) * lost(w, s), "how many"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "mine", "said"), CASES)
def test_an_answer_is_marked_by_what_it_does(number, mine, said):
    found = check(number, mine)
    assert found.startswith("Right" if said is None else "Not yet")
    assert said is None or said in found
