"""The figures: they show what they are given, in the book's style, and refuse what does not fit."""

import builtins
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from transformer_lib.show import plots

mpl.use("agg")


@pytest.fixture(autouse=True)
def _clean():
    """Each test starts from matplotlib's own style and leaves no figure open."""
    with mpl.rc_context():
        yield
    plt.close("all")


def test_style_is_transparent_and_as_wide_as_the_text():
    plots.use_style()
    assert mpl.rcParams["figure.dpi"] == 200
    assert mpl.rcParams["figure.figsize"][0] == plots.WIDTH
    assert mpl.rcParams["savefig.facecolor"] == mpl.rcParams["axes.facecolor"] == "none"


def test_style_in_a_notebook_sets_the_inline_backend(monkeypatch):
    set_to = {}

    class Shell:
        def run_line_magic(self, *command):
            assert command == ("matplotlib", "inline")
            mpl.rcParams["figure.dpi"] = 72  # what the real one does, once a session

    monkeypatch.setattr(builtins, "get_ipython", Shell, raising=False)
    monkeypatch.setattr(
        "matplotlib_inline.backend_inline.set_matplotlib_formats",
        lambda *formats, **options: set_to.update(formats=formats, **options),
    )
    plots.use_style()
    assert set_to["formats"] == ("svg",)
    assert set_to["metadata"]["Date"] is None
    assert mpl.rcParams["figure.dpi"] == 200


def test_palette_can_be_told_apart():
    colors = [mpl.colors.to_rgb(color) for color in plots.COLORS.values()]
    apart = [np.abs(np.subtract(a, b)).sum() for a in colors for b in colors if a != b]
    assert len(colors) == 8
    assert min(apart) > 0.3


def test_map_shows_weights_labels_and_numbers():
    w = torch.tensor([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])
    ax = plots.attention_map(w, ["a", "b"], ["x", "y", "z"], title="head 1")
    np.testing.assert_array_equal(ax.images[0].get_array(), w)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["x", "y", "z"]
    assert [t.get_text() for t in ax.texts] == ["0.25", "0.75", "0.00", "1.00", "0.00", "0.00"]
    assert ax.get_title(loc=mpl.rcParams["axes.titlelocation"]) == "head 1"
    assert ax.texts[3].get_color() == "white" != ax.texts[2].get_color()  # legible on full colour


def test_map_takes_leading_axes_of_one_gradients_and_half_precision():
    w = torch.eye(2, dtype=torch.bfloat16, requires_grad=True)[None, None]
    ax = plots.attention_map(w, "ab")
    np.testing.assert_array_equal(ax.images[0].get_array(), np.eye(2))
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b"]


def test_map_hatches_what_is_masked_and_prints_no_number_there():
    mask = torch.ones(3, 3).tril().bool()
    ax = plots.attention_map(torch.eye(3), "abc", mask=mask[None, None])
    (hatched,) = ax.collections
    assert hatched.get_hatch() == "////"
    np.testing.assert_array_equal(np.ma.getmaskarray(hatched.get_array()).reshape(3, 3), mask)
    assert len(ax.texts) == mask.sum()


def test_map_too_large_for_numbers_has_none_and_long_labels_slant():
    ax = plots.attention_map(torch.rand(13, 13), ["token"] * 13)
    assert len(ax.texts) == 0
    assert ax.get_xticklabels()[0].get_rotation() == 45


@pytest.mark.parametrize(("vmax", "peak"), [(1.0, 1.0), (0.5, 0.5), (None, 0.25)])
def test_full_colour_is_vmax_or_the_largest_weight(vmax, peak):
    ax = plots.attention_map(torch.full((4, 4), 0.25), "abcd", vmax=vmax)
    assert ax.images[0].get_clim() == (0, peak)


def test_map_of_nothing_but_zeros_can_be_drawn():
    ax = plots.attention_map(torch.zeros(2, 2), "ab", vmax=None)
    assert ax.images[0].get_clim() == (0, 1)


@pytest.mark.parametrize(
    ("weights", "queries", "keys", "said"),
    [
        (torch.rand(2, 3, 3), "abc", None, r"weights: got shape \(2, 3, 3\)"),
        (torch.rand(3), "abc", None, r"weights: got shape \(3,\)"),
        (torch.rand(3, 3), "ab", None, "queries: got 2 labels, want 3"),
        (torch.rand(3, 2), "abc", None, "keys: got 3 labels, want 2"),
    ],
)
def test_map_refuses_what_does_not_fit(weights, queries, keys, said):
    with pytest.raises(ValueError, match=said):
        plots.attention_map(weights, queries, keys)


@pytest.mark.parametrize("layers", [1, 2])
def test_grid_has_a_map_for_each_head_of_each_layer(layers):
    w = torch.rand(layers, 4, 3, 3).softmax(-1)
    fig = plots.attention_grid(w if layers > 1 else w[0], "abc")
    assert len(fig.axes) == layers * 4
    for ax, expected in zip(fig.axes, w.flatten(0, 1), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), expected)
        assert len(ax.texts) == 0
    assert fig.axes[3].get_title(loc="center") == "head 4"
    assert fig.axes[0].get_ylabel() == ("layer 1" if layers > 1 else "")


def test_grid_takes_titles_keys_and_a_mask():
    fig = plots.attention_grid(
        torch.rand(1, 2, 2, 3),
        "ab",
        "xyz",
        mask=torch.tensor([[True, True, False]]),
        rows=["decoder"],
        columns=["left", "right"],
    )
    assert [ax.get_title(loc="center") for ax in fig.axes] == ["left", "right"]
    assert [t.get_text() for t in fig.axes[0].get_xticklabels()] == ["x", "y", "z"]
    assert all(ax.collections for ax in fig.axes)
    assert plots.attention_grid(torch.rand(2, 2, 3)).axes[0].get_xticklabels()[0].get_text() == ""


def test_grid_refuses_another_shape():
    with pytest.raises(ValueError, match="weights: got shape"):
        plots.attention_grid(torch.rand(3, 3))


def test_lines_draw_each_series_and_name_it():
    x = torch.tensor([1, 2, 4])
    series = {"plain": [1, 4, 16], "fused": torch.tensor([1.0, 2.0, 4.0])}
    names = {"xlabel": "length (tokens)", "ylabel": "time (ms)", "title": "cost"}
    ax = plots.lines(x, series, **names, log_x=True, log_y=True)
    assert [line.get_label() for line in ax.lines] == ["plain", "fused"]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, 4, 16])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length (tokens)", "time (ms)")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["plain", "fused"]


def test_one_line_needs_no_legend_and_many_points_no_marks():
    _, ax = plt.subplots()
    same = plots.lines(range(50), {"loss": range(50)}, xlabel="step", ylabel="loss", ax=ax)
    assert same is ax
    assert ax.get_legend() is None
    assert ax.lines[0].get_marker() == "None"
    assert ax.get_xscale() == "linear"


def test_lengths_are_doubled_and_written_out():
    ax = plots.lines([1024, 2048, 4096], {"y": [1, 2, 3]}, xlabel="x", ylabel="y", log_x=True)
    ax.figure.canvas.draw()
    shown = [text.get_text() for text in ax.get_xticklabels()]
    assert {"1,024", "2,048", "4,096"} <= set(shown)
    assert ax.get_yscale() == "linear"


def test_lines_refuse_a_series_of_another_length():
    with pytest.raises(ValueError, match=r"series\['y'\]: got shape \(2,\)"):
        plots.lines([1, 2, 3], {"y": [1, 2]}, xlabel="x", ylabel="y")


def test_bars_stand_as_high_as_their_values_and_say_them():
    ax = plots.bars(["a", "b"], [1.0, 2.5], ylabel="error (%)", xlabel="model", title="t", digits=1)
    assert [bar.get_height() for bar in ax.patches] == [1.0, 2.5]
    assert [text.get_text() for text in ax.texts] == ["1.0", "2.5"]
    assert ax.get_legend() is None


def test_grouped_bars_do_not_overlap():
    _, ax = plt.subplots()
    plots.bars("ab", {"x": [1, 2], "y": torch.tensor([3, 4])}, ylabel="n", ax=ax)
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["x", "y"]


def test_each_group_of_bars_has_its_colour_and_a_seventh_the_first_again():
    groups = {str(n): [n, n] for n in range(7)}
    ax = plots.bars("ab", groups, ylabel="n")
    colours = [bar.get_facecolor() for bar in ax.patches][::2]
    assert len(set(colours[:6])) == 6
    assert colours[6] == colours[0]
    assert [bar.get_height() for bar in ax.patches][::2] == list(range(7))


def test_bars_refuse_another_number_of_values():
    with pytest.raises(ValueError, match=r"values: got shape \(1,\), want \(2,\)"):
        plots.bars("ab", [1], ylabel="n")
    with pytest.raises(ValueError, match=r"values: got shape \(3,\), want \(2,\)"):
        plots.bars("ab", [1, 2, 3], ylabel="n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mask": torch.tensor([[0.0, -torch.inf], [0.0, 0.0]])}, "mask must be boolean with True"),
        ({"mask": torch.ones(2, 2).long()}, "mask must be boolean with True"),
        ({"mask": torch.ones(3, 2, dtype=torch.bool)}, "mask must broadcast to the scores"),
        ({"mask": torch.ones(2, 2, 2, dtype=torch.bool)}, "mask must be one for the map"),
        ({"vmax": -1.0}, "vmax must be positive and finite, got -1.0"),
        ({"vmax": torch.nan}, "vmax must be positive and finite, got nan"),
        ({"weights": torch.full((2, 2), torch.nan)}, "weights: got NaN or infinity"),
        ({"queries": 5}, "queries: got int, want a list of strings"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, said):
    options = {"weights": torch.eye(2), "queries": "ab"} | options
    with pytest.raises(ValueError, match=said):
        plots.attention_map(options.pop("weights"), options.pop("queries"), **options)


def test_a_token_with_dollars_is_drawn_as_it_is():
    ax = plots.attention_map(torch.eye(2), ["$5 and $6", r"$\foo$"])
    ax.figure.canvas.draw()  # a formula that is none would raise here
    assert [t.get_text() for t in ax.get_yticklabels()] == ["$5 and $6", r"$\foo$"]
    assert not any(t.get_parse_math() for t in ax.get_xticklabels() + ax.get_yticklabels())


def test_titles_names_and_the_strongest_colour_are_as_asked():
    plots.use_style()
    ax = plots.lines([1, 2], {"y": [1, 2]}, xlabel="x", ylabel="y", title="t")
    assert ax.get_title("left") == "t"
    ax = plots.bars("ab", [1, 2], ylabel="n", xlabel="model", title="t")
    assert (ax.get_xlabel(), ax.get_title("left")) == ("model", "t")
    fig = plots.attention_grid(torch.rand(2, 2, 2), vmax=0.5)
    assert all(ax.images[0].get_clim() == (0, 0.5) for ax in fig.axes)
