"""The widgets' data: right, small, the same in every run. What they do, tests/book sees."""

import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch

from transformer_lib.show.widgets import AttentionExplorer, Slideshow, slideshow

mpl.use("agg")


def figures(n: int) -> list[plt.Figure]:
    """Figures of one size, each with another line."""
    made = []
    for i in range(n):
        fig, ax = plt.subplots(figsize=(3, 2))
        ax.plot([0, i])
        made.append(fig)
    return made


@pytest.mark.parametrize("axes", [2, 3, 4])
def test_explorer_keeps_weights_in_thousandths(axes):
    w = torch.rand(2, 3, 4, 4)[(0,) * (4 - axes)].softmax(-1)
    explorer = AttentionExplorer(w, "abcd")
    kept = torch.tensor(explorer.weights) / 1000
    assert kept.shape == (2 if axes == 4 else 1, 3 if axes > 2 else 1, 4, 4)
    torch.testing.assert_close(kept.reshape(w.shape), w, atol=5.1e-4, rtol=0)
    assert explorer.key_tokens is None  # self-attention
    assert explorer.layers == ["1", "2"][: len(kept)]


def test_explorer_takes_what_collect_attention_returns():
    first, second = torch.rand(1, 2, 3, 3, requires_grad=True), torch.rand(1, 2, 3, 3).bfloat16()
    explorer = AttentionExplorer({"layers.0": first, "layers.1": second.float()}, "abc")
    assert explorer.layers == ["1", "2"]
    assert explorer.weights[0][1][2][0] == round(first[0, 1, 2, 0].item() * 1000)


def test_explorer_of_cross_attention_has_its_own_keys():
    explorer = AttentionExplorer(torch.rand(2, 3), "ab", "xyz", caption="try", query=1)
    assert (explorer.query_tokens, explorer.key_tokens) == (["a", "b"], ["x", "y", "z"])
    assert (explorer.caption, explorer.query, explorer.head, explorer.layer) == ("try", 1, 0, 0)


@pytest.mark.parametrize("kind", [AttentionExplorer, Slideshow])
def test_a_widget_carries_its_script_and_asks_for_nothing(kind):
    script, style = str(kind._esm), str(kind._css)
    assert "export default" in script
    assert not re.search(r"^\s*import|https?:|innerHTML|fetch\(", script, re.M)
    assert not re.search(r"@import|url\(", style)


@pytest.mark.parametrize(
    ("weights", "tokens", "more", "said"),
    [
        (torch.rand(3), "abc", {}, r"weights: got shape \(3,\)"),
        (torch.rand(1, 1, 1, 3, 3), "abc", {}, r"weights: got shape \(1, 1, 1, 3, 3\)"),
        ({}, "abc", {}, r"weights: got \[\]"),
        ({"a": torch.rand(2, 2, 3, 3)}, "abc", {}, "layers of one shape"),
        ({"a": torch.rand(1, 2, 3, 3), "b": torch.rand(1, 2, 3, 4)}, "abc", {}, "of one shape"),
        ({"a": torch.rand(3, 3)}, "abc", {}, "layers of one shape"),
        (torch.rand(3, 3), "ab", {}, "queries: got 2 tokens, want 3"),
        (torch.rand(3, 3), "abc", {"keys": "ab"}, "keys: got 2 tokens, want 3"),
        (torch.rand(3, 2), "abc", {}, "keys: got 3 tokens, want 2"),
        (torch.rand(3, 3), "abc", {"query": 3}, "query: got 3, want 0 to 2"),
        (torch.rand(3, 3), "abc", {"head": -1}, "head: got -1, want 0 to 0"),
        (torch.rand(3, 3), "abc", {"layer": 1}, "layer: got 1, want 0 to 0"),
        (torch.full((3, 3), torch.nan), "abc", {}, "weights: got none, or NaN, negative ones"),
        (torch.full((3, 3), torch.inf), "abc", {}, "weights: got none, or NaN, negative ones"),
        (-torch.rand(3, 3) - 0.1, "abc", {}, "weights: got none, or NaN, negative ones"),
        (torch.full((3, 3), 7.0), "abc", {}, "ones above 1, want shares"),
        (torch.rand(3, 3), "abc", {"keys": []}, "keys: got 0 tokens, want 3"),
        (torch.rand(3, 3), [1, 2, 3], {}, r"queries: got \[1, 2, 3\], want strings"),
        ("text", "abc", {}, "weights: got str, want a tensor or a dict"),
    ],
)
def test_explorer_refuses_what_does_not_fit(weights, tokens, more, said):
    with pytest.raises(ValueError, match=said):
        AttentionExplorer(weights, tokens, **more)


@pytest.mark.parametrize("control", ["slider", "dropdown"])
def test_slideshow_holds_what_its_control_shows(control):
    show = slideshow(figures(3), [0.5, 1, 2], label="t", alt="Lines", start=1, control=control)
    assert (show.labels, show.label, show.index) == (["0.5", "1", "2"], "t", 1)
    assert show.control == control
    assert len(show.pictures) == 3


def test_slideshow_pictures_differ_and_have_alternatives():
    show = slideshow(figures(2), ["a", "b"], label="case", alt='A "line" <up>')
    one, two = show.pictures
    assert one.replace("(case a)", "(case b)") != two
    assert 'aria-label="A &quot;line&quot; &lt;up&gt; (case a)"' in one
    assert 'aria-label="A &quot;line&quot; &lt;up&gt; (case b)"' in two
    assert 'width="288" height="192"' in one
    named = slideshow(figures(1), ["a"], label="x", alt=["first"])
    assert 'aria-label="first"' in named.pictures[0]


def test_slideshow_is_the_same_in_every_run_and_closes_its_figures():
    plt.close("all")
    runs = [slideshow(figures(2), "ab", label="x", alt="y").pictures for _ in range(2)]
    assert runs[0] == runs[1]
    assert plt.get_fignums() == []


def test_slideshow_wants_figures_of_one_size():
    made = [*figures(1), plt.figure(figsize=(4, 2))]
    with pytest.raises(ValueError, match=r"figures: got sizes .*4.0.* in inches, want one"):
        slideshow(made, "ab", label="x", alt="y")


@pytest.mark.parametrize(
    ("n", "more", "said"),
    [
        (0, {"labels": []}, "labels: got 0"),
        (2, {"labels": "abc"}, "labels: got 3, want one for each of 2 figures"),
        (2, {"alt": ["one"]}, "alt: got 1 texts, want one string or 2"),
        (2, {"start": 2}, "start: got 2, want 0 to 1"),
        (2, {"start": -1}, "start: got -1, want 0 to 1"),
        (2, {"control": "knob"}, "control: got 'knob', want 'slider' or 'dropdown'"),
    ],
)
def test_slideshow_refuses_what_does_not_fit(n, more, said):
    arguments = {"labels": "ab", "label": "x", "alt": "y"} | more
    made = figures(n)
    with pytest.raises(ValueError, match=said):
        slideshow(made, **arguments)
    plt.close("all")


def test_each_start_is_the_one_that_was_asked_for():
    explorer = AttentionExplorer(torch.rand(4, 3, 2, 2), "ab", layer=3, head=1, query=0)
    assert (explorer.layer, explorer.head, explorer.query) == (3, 1, 0)


def test_a_weight_of_one_is_a_thousand_thousandths():
    assert AttentionExplorer(torch.eye(2), "ab").weights == [[[[1000, 0], [0, 1000]]]]
