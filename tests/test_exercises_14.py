"""The exercises of chapter 14: wrong answers, written otherwise, are still named."""

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_14 import check


def by_slices(images, size, down_first=False, turned=False):
    """Patch by patch, as the chapter cuts at first."""
    steps = range(0, images.size(-1), size)
    places = [(r, c) for r in steps for c in steps]
    if down_first:
        places = [(r, c) for c, r in places]
    patches = [images[..., r : r + size, c : c + size] for r, c in places]
    return torch.stack([(p.mT if turned else p).flatten(1) for p in patches], dim=1)


def stripes(images, size):
    return torch.stack(images.flatten(1).split(images.size(1) * size**2, dim=1), dim=1)


def moved(table, order, back=False):
    new = torch.zeros_like(table)
    for place, patch in enumerate(order.tolist()):
        new[patch if back else place] = table[place if back else patch]
    return new


def places(rows, columns, swap=False, down_first=False):
    pairs = [(r, c) for r in rows for c in columns]
    if down_first:
        pairs = [(r, c) for c in columns for r in rows]
    return torch.stack([torch.cat([c, r] if swap else [r, c]) for r, c in pairs])


ANSWERS = [
    (1, by_slices, None),
    (1, stripes, "these are stripes"),
    (1, lambda i, s: by_slices(i, s, down_first=True), "the patches stand column by column"),
    (1, lambda i, s: by_slices(i, s, turned=True), "within a patch the pixels stand column"),
    (2, moved, None),
    (2, lambda t, o: moved(t, o, back=True), "that is the inverse"),
    (2, lambda t, o: t * 1, "the table is as it was"),
    (3, places, None),
    (3, lambda r, c: places(r, c, swap=True), "the column's half stands first"),
    (3, lambda r, c: places(r, c, down_first=True), "the places stand column by column"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda i, s: by_slices(i, s) + 1, "Each pixel must stand there once"),
        (1, lambda i, s: by_slices(i, s).mT.reshape_as(by_slices(i, s)), "must stand in one row"),
        (2, lambda t, o: t[o] + 1, "the sum of patch and position"),
        (
            3,
            lambda r, c: places(r, c) * torch.arange(len(r) * len(c))[:, None],
            "Places of one row",
        ),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer)
