"""What the extension makes of formulas, where latex2mathml leaves it to others."""

import sys

import pytest
from conftest import ROOT
from docutils import nodes

sys.path.insert(0, str(ROOT / "book/_ext"))
import formulas


def inside(tex: str, display: str = "inline") -> str:
    """A formula without its outer elements."""
    text = formulas.mathml(tex, display)
    assert text.startswith(f'<math display="{display}"><mrow>')
    return text.removeprefix(f'<math display="{display}"><mrow>').removesuffix("</mrow></math>")


THIN = '<mspace width="0.1667em" />'


@pytest.mark.parametrize(
    ("tex", "wanted"),
    [
        (r"\log p", f"<mi>log</mi>{THIN}<mi>p</mi>"),
        (r"2\log_2 p", f"<mn>2</mn>{THIN}<msub><mi>log</mi><mn>2</mn></msub>{THIN}<mi>p</mi>"),
        (r"\tanh[x", '<mi>tanh</mi><mo stretchy="false">[</mo><mi>x</mi>'),
        (r"\min_k x", f"<msub><mi>min</mi><mi>k</mi></msub>{THIN}<mi>x</mi>"),
        (r"\mathrm{softmax}", "<mrow><mi>softmax</mi></mrow>"),
        (r"\text{head\_dim}", "<mtext>head_dim</mtext>"),
        (r"a\!c", '<mi>a</mi><mspace width="-0.1667em" /><mi>c</mi>'),
        (r"\class{mjx-key}{K}", '<mrow class="mjx-key"><mi>K</mi></mrow>'),
    ],
)  # fmt: skip
def test_a_formula_reads_as_tex_sets_it(tex, wanted):
    assert inside(tex) == wanted


def test_bars_stand_close_and_a_condition_does_not():
    assert inside("|x|").count('lspace="0" rspace="0"') == 2
    assert "lspace" not in inside(r"p(a \mid b)")


def test_what_is_least_is_named_below_in_a_line_of_its_own():
    assert "<munder><mi>min</mi><mi>k</mi></munder>" in inside(r"\min_k x", "block")


def test_aligned_lines_have_two_columns_and_no_numbers():
    text = inside(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "block")
    assert text.count("<mtr>") == 2
    assert text.count('columnalign="right"') == text.count('columnalign="left"') == 2
    assert "(1)" not in text


@pytest.mark.parametrize("tex", [r"\unknown x", r"a & b"])
def test_what_cannot_be_translated_is_named(tex):
    with pytest.raises(ValueError, match=r"formula: .* cannot be translated"):
        formulas.mathml(tex, "inline")


@pytest.mark.parametrize(
    ("before", "behind", "wanted"),
    [
        ("its own state ", ". Then", "<its own state [x.] Then>"),
        ("(", "), as", "<[(x),] as>"),
        ("a ", " b.", "<a x b.>"),
        ("", "", "<x>"),
    ],
)
def test_no_line_ends_between_a_formula_and_its_full_stop(before, behind, wanted):
    page = nodes.paragraph("", "", nodes.Text(before), nodes.math("", "x"), nodes.Text(behind))
    formulas.keep_stops(None, page, "a page")
    said = [f"[{x.astext()}]" if isinstance(x, nodes.inline) else x.astext() for x in page]
    assert f"<{''.join(said)}>" == wanted
