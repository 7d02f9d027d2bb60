"""The exercises of chapter 25: wrong answers, written otherwise, are still named."""

import math

import pytest
import torch

from transformer_lib.exercises.chapter_25 import check


def of_all(means, counts, divide=True, weigh=True):
    total = sum(m * (c if weigh else 1) for m, c in zip(means, counts, strict=True))
    return total / (sum(counts) if divide else len(counts))


def scattered(x, divide=1, step=False):
    processes, width = x.shape
    part = width // processes
    sums = [sum(row[i] for row in x) / divide for i in range(width)]
    rows = [sums[r::processes] if step else sums[r * part : (r + 1) * part]
            for r in range(processes)]  # fmt: skip
    return torch.stack([torch.stack(row) for row in rows])


def fitted(sizes, losses, floor, target, add=True, subtract=True):
    x = torch.stack([torch.ones_like(sizes), sizes.log()], dim=1)
    y = (losses - floor if subtract else losses).log()
    height, slope = torch.linalg.lstsq(x, y[:, None]).solution.flatten()
    return math.exp(height) * target**slope + (floor if add else 0)


CASES = [
    (1, of_all, None),
    (1, lambda m, c: of_all(m, c, weigh=False, divide=False), "the mean of means"),
    (1, lambda m, c: of_all(m, c, divide=False), "by the number of batches"),
    (1, lambda m, c: of_all(m / c, torch.ones_like(c)) * len(c) / c.sum(), "is the sum again"),
    (1, lambda m, c: m.max(), "Not yet"),
    (2, scattered, None),
    (2, lambda x: scattered(x, divide=len(x)), "this is the mean"),
    (2, lambda x: x.sum(0, keepdim=True).repeat(len(x), 1), "an all-reduce"),
    (2, lambda x: scattered(x, step=True), "like cards"),
    (2, lambda x: torch.stack(list(x.view(len(x), len(x), -1).diagonal().mT)), "nothing is summed"),
    (3, fitted, None),
    (3, lambda *given: fitted(*given, add=False), "never added again"),
    (3, lambda *given: fitted(*given, add=False, subtract=False), "as if there were no floor"),
    (3, lambda s, y, floor, target: y.min(), "Not yet"),
]


@pytest.mark.parametrize(("number", "mine", "said"), CASES)
def test_an_answer_is_marked_by_what_it_does(number, mine, said):
    found = check(number, mine)
    assert found.startswith("Right" if said is None else "Not yet")
    assert said is None or said in found
