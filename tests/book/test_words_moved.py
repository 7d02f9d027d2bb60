"""Words in another order, in a browser: the page's numbers are those of torch."""

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import ALiBi, Rotary, SinusoidalPositions
from transformer_lib.show.word_order import KINDS, STARTS, WordOrder

torch.manual_seed(0)
WORDS = ["who", "spoke", "to", "whom", "then"]
X = torch.randn(5, 16)
LAYER = MultiHeadAttention(16, 2)
torch.nn.init.normal_(LAYER.v_proj.bias)
ORDER = [0, 3, 1, 2, 4]  # the fourth word stands second


@pytest.fixture(scope="module")
def toy():
    """Five words."""
    return WordOrder(WORDS, X, LAYER, swap=(0, 3), caption="Move.")


@pytest.fixture
def tab(toy_tab):
    """The toy, on a page of its own."""
    return toy_tab


def by_torch(kind, order, start):
    """What the layer gives to each word, in the words' first order."""
    inside = {"rotary": {"rotary": Rotary(8)}, "ALiBi": {"alibi": ALiBi(2)}}.get(kind, {})
    layer = MultiHeadAttention(16, 2, causal=kind == "causal mask alone", **inside)
    layer.load_state_dict(LAYER.state_dict())
    x = X[None, order]
    if kind == "sinusoidal":
        x = SinusoidalPositions(16)(x, start)
    with torch.no_grad():
        return layer(x)[0][torch.tensor(order).argsort()]


def shown(tab):
    """The numbers under each word."""
    cells = tab.locator(".tlw-word title").all_text_contents()
    return torch.tensor(list(map(float, cells))).view(5, 4, 4).transpose(1, 2).flatten(1)


def changes(tab):
    return torch.tensor(list(map(float, tab.locator(".tlw-change").all_text_contents())))


def said(tab):
    return tab.locator(".tlw-said").text_content()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_computes_what_torch_computes(tab, kind):
    tab.select_option(".tlw-kind", kind)
    for _ in range(2):
        tab.locator(".tlw-word").nth(3).press("ArrowLeft")
    tab.locator(".tlw-start").focus()
    for _ in range(4):
        tab.keyboard.press("ArrowRight")
    assert tab.locator(".tlw-at").text_content() == "10" == str(STARTS[4])
    expected = by_torch(kind, ORDER, 10)
    assert_close(shown(tab), expected, atol=0.006, rtol=0)
    change = (expected - by_torch(kind, [0, 1, 2, 3, 4], 0)).abs().amax(-1)
    assert_close(changes(tab), change, atol=0.006, rtol=0)


def test_a_pointer_carries_a_word_to_another_place(tab):
    first, last = (tab.locator(".tlw-word").nth(i).bounding_box() for i in (0, 2))
    tab.mouse.move(first["x"] + 20, first["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(last["x"] + last["width"] / 2, last["y"] + last["height"] / 2, steps=5)
    tab.mouse.up()
    assert said(tab) == "spoke to who whom then: no word has changed."


def test_buttons_swap_two_words_and_put_all_back(tab):
    tab.select_option(".tlw-kind", "rotary")
    tab.click(".tlw-swap")
    assert said(tab).startswith("whom spoke to who then: 5 of 5 words changed, most of all “")
    tab.click(".tlw-back")
    assert said(tab) == "who spoke to whom then: no word has changed."
