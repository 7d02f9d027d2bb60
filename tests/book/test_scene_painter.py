"""The scene painter in a browser: masks are torch's, and follow brush, keys and choices."""

from dataclasses import asdict

import pytest
import torch
from small_page import write_page

from transformer_lib.data.images import load_mnist_5k
from transformer_lib.data.order import random_numbers
from transformer_lib.data.scenes import BACKGROUND, MEDIUM, compose
from transformer_lib.show.scene_painter import ScenePainter
from transformer_lib.weights import load

DRAWN = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i + 3] / 255);
}"""


@pytest.fixture(scope="module")
def model():
    return load("scenes_segmenter")


@pytest.fixture(scope="module")
def scenes():
    return compose(load_mnist_5k().test, 3, random_numbers(0, 10**6), MEDIUM)


@pytest.fixture
def tab(browser, model, scenes, tmp_path):
    """A page with the painter, read from its folder; it must ask for nothing and fail nowhere."""
    painter = ScenePainter(
        asdict(model.backbone.config),
        model.state_dict(),
        scenes.images,
        [*"0123456789", "background"],
        caption="Paint digits.",
    )
    page = browser.new_page(viewport={"width": 900, "height": 900})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(write_page(tmp_path, painter))
    page.locator(".tlp-said").filter(has_text="It sees").wait_for()
    yield page
    assert errors == []
    page.close()


def canvases(tab):
    return tab.locator(".tlp-paper canvas").all()


def test_the_first_masks_are_those_that_torch_draws(tab, model, scenes):
    _, masks = canvases(tab)
    with torch.no_grad():
        said = model(scenes.images[:1])[0].argmax(dim=0)
    drawn = torch.tensor(masks.evaluate(DRAWN)).view(56, 56) > 0
    assert (drawn == (said < BACKGROUND)).double().mean() > 0.98  # weights of 8 bits
    assert "pixels" in masks.get_attribute("aria-label")


def test_a_stroke_is_painted_and_rubbed_out_and_all_is_cleared(tab):
    scene, _ = canvases(tab)
    tab.get_by_role("button", name="Clear").click()
    tab.locator(".tlp-said").filter(has_text="nothing but background").wait_for()
    assert max(scene.evaluate(DRAWN)) == 0
    box = scene.bounding_box()
    x, y, size = box["x"], box["y"], box["width"]
    tab.mouse.move(x + 0.5 * size, y + 0.3 * size)
    tab.mouse.down()
    tab.mouse.move(x + 0.5 * size, y + 0.7 * size, steps=8)
    tab.mouse.up()
    tab.locator(".tlp-said").filter(has_text="It sees").wait_for()
    inked = sum(scene.evaluate(DRAWN))
    assert inked > 30
    tab.get_by_role("radio", name="rub out").check()
    tab.mouse.move(x + 0.5 * size, y + 0.3 * size)
    tab.mouse.down()
    tab.mouse.move(x + 0.5 * size, y + 0.5 * size, steps=8)
    tab.mouse.up()
    tab.wait_for_timeout(300)
    assert sum(scene.evaluate(DRAWN)) < 0.8 * inked


def test_arrow_keys_move_the_scene_by_a_pixel(tab):
    scene, _ = canvases(tab)
    before = torch.tensor(scene.evaluate(DRAWN)).view(56, 56)
    scene.focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    tab.wait_for_timeout(300)
    after = torch.tensor(scene.evaluate(DRAWN)).view(56, 56)
    assert torch.equal(after[1:, 1:], before[:-1, :-1])
    assert after[0].max() == after[:, 0].max() == 0


def test_the_chances_of_one_class_can_be_seen(tab, model, scenes):
    _, masks = canvases(tab)
    tab.get_by_role("radio", name="7", exact=True).check()
    with torch.no_grad():
        expected = model(scenes.images[:1])[0].softmax(dim=0)[7]
    drawn = torch.tensor(masks.evaluate(DRAWN)).view(56, 56)
    assert (drawn - expected).abs().mean() < 0.02
