"""Chapter 16's exercises: right answers are right, and each known mistake is told from the rest."""

import pytest
import torch

from transformer_lib.exercises.chapter_16 import check
from transformer_lib.exercises.marking import Mark


def loops(patches, size):
    """Patches put back, number by number."""
    grid = round(len(patches) ** 0.5)
    picture = torch.empty(grid * size, grid * size, dtype=patches.dtype)
    for y in range(grid * size):
        for x in range(grid * size):
            patch = patches[(y // size) * grid + x // size]
            picture[y, x] = patch[(y % size) * size + x % size]
    return picture


def counted(said, true):
    """IoU by sets of places."""
    found = []
    for k in range(3):
        a, b = ({tuple(at) for at in (x == k).nonzero().tolist()} for x in (said, true))
        found.append(len(a & b) / len(a | b) if a | b else float("nan"))
    return torch.tensor(found, dtype=torch.float64)


def averaged(logits, classes, weight):
    losses = -logits.log_softmax(1)[range(len(classes)), classes]
    return ((weight[classes] * losses).sum() / weight[classes].sum()).view(1)


def confusion(said, true):
    """As readers write it: from a table of pairs, per picture, absent classes left out."""
    rows = torch.stack([counted(a[None], b[None]) for a, b in zip(said, true, strict=True)])
    return rows.nanmean(0)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, loops, None),
        (1, lambda p, s: p.view(round(p.numel() ** 0.5), -1), "a picture of stripes"),
        (1, lambda p, s: loops(p, s).T, "The first patch|is not the function"),
        (2, counted, None),
        (2, confusion, "it is a mean over pictures. Sum"),
        (2, lambda a, b: counted(a, b).nan_to_num(0.0), "class that is nowhere counts as 0"),
        (2, lambda a, b: counted(a, b) * 2 / (1 + counted(a, b)), "the Dice score"),
        (2, lambda a, b: counted(a, b) / 2, "A perfect answer must have 1"),
        (3, averaged, None),
        (3, lambda x, y, w: averaged(x, y, w) * w[y].mean(), "divided by the number of pixels"),
        (3, lambda x, y, w: averaged(x, y, torch.ones(3)), "weights are not used"),
        (3, lambda x, y, w: averaged(x, y, w) + w.sum(), "All weights times five"),
    ],
)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    mark = check(number, answer)
    if said is None:
        assert mark == Mark("Right, on 12 random inputs.")
    else:
        assert mark.startswith("Not yet")
        assert any(part in mark for part in said.split("|"))
