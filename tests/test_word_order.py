import json
import re
from html import unescape

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import ALiBi
from transformer_lib.show.word_order import WordOrder

WORDS = ["a", "<b>", "a"]


def toy(words=WORDS, *, swap=(0, 1), x=None, layer=None):
    torch.manual_seed(0)
    layer = layer or MultiHeadAttention(8, 2)
    x = torch.randn(3, 8) if x is None else x
    return WordOrder(words, x, layer, swap=swap, caption="Move <it>."), x, layer


def test_the_first_state_is_what_the_layer_gives():
    drawn, x, layer = toy()
    cells = [float(number) for number in re.findall(r"<title>(.+?)<", drawn._repr_html_())]
    seen = torch.tensor(cells).view(3, 4, 2).transpose(1, 2).flatten(1)  # drawn column by column
    assert_close(seen, layer(x[None])[0].detach(), atol=0.0051, rtol=0)


def test_a_negative_number_has_a_dash():
    drawn, x, layer = toy()
    assert drawn._repr_html_().count('h4"/>') == (layer(x[None]) < 0).sum()


def test_the_page_has_the_weights_of_the_layer():
    layer = MultiHeadAttention(8, 2)
    torch.nn.init.normal_(layer.v_proj.bias)
    drawn, x, _ = toy(layer=layer)
    state = json.loads(unescape(re.search(r'data-state="(.*?)"', drawn._repr_html_())[1]))
    assert_close(torch.tensor(state["x"]), x, atol=1e-4, rtol=0)
    assert (state["words"], state["numHeads"], state["swap"]) == (WORDS, 2, [0, 1])
    for name, part in state["layer"].items():
        for kind, numbers in part.items():
            own = getattr(getattr(layer, name), kind).detach()
            assert_close(torch.tensor(numbers), own, atol=1e-4, rtol=0)


def test_a_layer_without_biases_has_zeros():
    drawn, _, _ = toy(layer=MultiHeadAttention(8, 2, bias=False))
    state = json.loads(unescape(re.search(r'data-state="(.*?)"', drawn._repr_html_())[1]))
    assert state["layer"]["q_proj"]["bias"] == [0] * 8


def test_words_are_words_and_never_markup():
    page = toy()[0]._repr_html_()
    assert "<b>&lt;b&gt;</b>" in page
    assert "Move &lt;it&gt;." in page
    assert page.count(" disabled ") == 3  # until a script is there


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"words": "abc"}, "words must be a list of strings"),
        ({"words": ["a", "b"]}, "words must be one for each row of x"),
        ({"words": ["a"], "x": torch.ones(1, 8)}, "words must be .* two or more, got 1"),
        ({"x": torch.ones(3, 6)}, "x must be"),
        ({"swap": (1, 1)}, "swap must be two places from 0 to 2"),
        ({"swap": 5}, "swap must be two places from 0 to 2, got 5"),
        ({"swap": (0, 3)}, "swap must be two places from 0 to 2"),
        ({"layer": torch.nn.Linear(8, 8)}, "layer must be a MultiHeadAttention, got Linear"),
        ({"layer": MultiHeadAttention(8, 2, causal=True)}, "layer must see all words"),
        ({"layer": MultiHeadAttention(8, 2, alibi=ALiBi(2))}, "layer must see all words"),
        ({"layer": MultiHeadAttention(8, 8)}, "head_dim must be"),
    ],
)
def test_what_does_not_fit_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        toy(**changes)
