"""The table of cosines, drawn: each number where it belongs, and the best of each name told."""

import matplotlib.pyplot as plt
import pytest
import torch

from transformer_lib.show.towers import cosine_table, rows_of_pictures

PICTURES = torch.rand(3, 1, 8, 8)
COSINES = torch.tensor([[0.9, 0.1, 0.2], [0.05, -0.3, 0.6], [0.4, 0.5, 0.45]])
NAMES = ["a box", "a hat", "a lock"]


def drawn(**changes):
    given = {"pictures": PICTURES, "names": NAMES, "cosines": COSINES} | changes
    return cosine_table(given["pictures"], given["names"], given["cosines"], width=7)


def test_all_cosines_and_names_are_there_and_the_best_is_said():
    svg = drawn().svg()
    for value in COSINES.flatten().tolist():
        assert f">{value:.2f}</text>" in svg
    for name in NAMES:
        assert f">{name}</text>" in svg
    assert svg.count('class="name">0.') == 3
    assert "a box: picture 1, a hat: picture 3, a lock: picture 2" in svg
    assert "a vector of 7 numbers" in svg


def test_a_square_is_as_large_as_its_cosine():
    svg = drawn().svg()
    assert 'width="30" height="30"' in svg  # the largest
    for cosine in (0.05, 0.2, 0.6):
        side = 30 * (cosine / 0.9) ** 0.5
        assert f'width="{side:g}" height="{side:g}"' in svg


def test_ink_stands_where_the_pixels_are():
    one = torch.zeros(1, 1, 4, 4)
    one[0, 0, 1, 2] = 1.0
    svg = drawn(pictures=one, names=["x"], cosines=torch.ones(1, 1)).svg()
    assert f'd="M{148 - 23 + 2 * 11.5:.2f} {2 + 11.5:.2f}h11.50v11.50h-11.50z"' in svg


def test_pictures_stand_in_a_row_with_their_titles():
    figure, axes = plt.subplots(1, 3)
    rows_of_pictures(axes, PICTURES, NAMES)
    assert [ax.get_title() for ax in axes] == NAMES
    for ax, picture in zip(axes, PICTURES, strict=True):
        assert (ax.images[0].get_array() == picture[0].numpy()).all()
    plt.close(figure)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": NAMES[:2]}, "as many, at most 4, got 3, 2"),
        ({"cosines": COSINES[:2]}, r"got 3, 3 and \(2, 3\)"),
        ({"pictures": PICTURES[0]}, "images must be"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        drawn(**changes)
