"""Masks on pictures, and the journey of a patch: drawn from what a model computed."""

import matplotlib.pyplot as plt
import pytest
import torch
from oracles import redraw

from transformer_lib.models.segmentation import Segmenter, SegmenterConfig
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.show.masks import HUES, masks_on, patch_journey

IMAGE = torch.rand(6, 5)
CLASSES = torch.tensor([[2] * 5] * 5 + [[0, 0, 1, 2, 2]])


@pytest.fixture
def ax():
    _, ax = plt.subplots()
    yield ax
    plt.close("all")


def segmenter(detail="pixels"):
    torch.manual_seed(0)
    eyes = ViT(ViTConfig(8, 4, 1, 5, d_model=8, num_heads=2, num_layers=1, d_ff=12))
    return redraw(Segmenter(SegmenterConfig(3, detail), eyes)).float().eval()


def test_every_pixel_has_the_colour_of_its_class_and_every_class_its_name(ax):
    masks_on(ax, IMAGE, CLASSES, "ab", title="So")
    drawn = ax.images[0].get_array()
    for x, k in ((0, 0), (1, 0), (2, 1)):
        assert drawn[5, x].tolist() == pytest.approx(plt.matplotlib.colors.to_rgb(HUES[k]))
    assert drawn[2, 3].tolist() == pytest.approx([1 - 0.25 * IMAGE[2, 3].item()] * 3)
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
    assert ax.get_title(loc="center") == "So"


def test_there_are_ten_colours_and_all_differ():
    assert len({*HUES}) == 10


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ax": None}, "ax must be matplotlib's Axes, got None"),
        ({"image": IMAGE[None]}, "image must be"),
        ({"classes": CLASSES[:2]}, r"classes must be of the picture's size \(6, 5\)"),
        ({"classes": CLASSES + 1}, "classes must be in 0"),
        ({"names": "abcdefghijk"}, "names must be at most 10, got 11"),
    ],
)
def test_what_is_no_mask_is_refused(ax, change, said):
    given = {"ax": ax, "image": IMAGE, "classes": CLASSES, "names": "ab"} | change
    with pytest.raises(ValueError, match=said):
        masks_on(**given)


def test_a_journey_shows_the_shapes_and_numbers_of_the_run():
    model, image = segmenter(), torch.rand(1, 1, 8, 8)
    svg = patch_journey(model, image, 3, [2, 0]).svg()
    for said in ("(1, 1, 8, 8)", "(8)", "(1, 4, 8)", "(48) = 3 × 4 × 4", "(1, 3, 8, 8)", "patch 3"):
        assert said in svg, said
    with torch.no_grad():
        scores = model(image)[0, :, 4:, 4:]
    for k in (2, 0):
        assert f"<title>{scores[k, 1, 2]:.2f}</title>" in svg
    assert f"<title>{image[0, 0, 5, 7]:.2f}</title>" in svg


@pytest.mark.parametrize(("detail", "patch"), [("pixels", 4), ("bilinear", 0)])
def test_a_journey_needs_a_patch_whose_pixels_are_scored(detail, patch):
    with pytest.raises(
        ValueError, match=f"patch must be one of 4 whose pixels are scored, {patch}"
    ):
        patch_journey(segmenter(detail), torch.rand(1, 1, 8, 8), patch, [0])
