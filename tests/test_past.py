import json
import re

import pytest
import torch

from transformer_lib.show.past import Kind, Past, bar, describe


def kind(name="full", **changes):
    seen = {"new": torch.tensor([[1.0, 0, 0], [0.5, 1, 0], [0, 0.01, 4]])}
    tables = {"kept": torch.tensor([[1024, 2**21]]), "products": torch.tensor([[1500, 2e6]])}
    return Kind(name, **{"seen": seen, "times": {256: 12.34}} | tables | changes)


def drawn(*kinds):
    told = {"lengths": [256, 1024], "heads": [8], "measured": 8, "caption": "Move <it>."}
    return Past(kinds, **told)._repr_html_()


def test_nothing_is_told_from_little():
    """Only an exact 0 is drawn as nothing."""
    assert kind().shades("new") == ["9", "79", ".09"]


def test_the_scale_of_a_matrix_does_not_matter():
    seen = {"new": kind().seen["new"] * 1e-30}
    assert kind(seen=seen).shades("new") == kind().shades("new")


def test_the_first_state_is_drawn_without_a_script():
    page = drawn(kind(), kind("window"))
    assert page.count('class="past-row"') == 2
    assert page.count("<rect") == 6
    assert re.findall(r'fill-opacity="([\d.]+)"', page)[:3] == ["0", "0.08", "1.00"]
    assert "Move &lt;it&gt;." in page
    assert "full: the last token depends on 2 tokens" in page
    assert "1 KiB · 2k products · 12.3×" in page
    assert page.count(" disabled") == 4  # until a script is there


def test_the_script_is_told_every_number():
    found = re.search(r'<script type="application/json">(.+?)</script>', drawn(kind()))
    told = json.loads(found[1])["kinds"][0]
    assert told["kept"] == [[1024, 2**21]]
    assert told["times"] == {"256": 12.3}
    assert told["seen"] == [["9", "79", ".09"]]


def test_words_are_words_and_never_markup():
    page = drawn(kind("</script><b>"))
    assert "</script><b>" not in page
    assert "&lt;/script&gt;&lt;b&gt;" in page


def test_numbers_as_one_reads_them():
    assert describe(51_200, 999_000, None) == "50 KiB · 999k products"
    assert describe(2**20, 1e6, 30.44) == "1.0 MiB · 1.0M products · 30.4×"
    assert bar(1024) == 1.0
    assert bar(2**26) == 100.0
    assert bar(2**18) == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seen": {}}, "seen must have at least one view"),
        ({"seen": {"new": torch.ones(2, 3)}}, "must be a square"),
        ({"seen": {"new": -torch.ones(2, 2)}}, "must be a square of finite numbers >= 0"),
        ({"seen": {"new": torch.full((2, 2), torch.nan)}}, "finite"),
        ({"kept": torch.ones(3)}, r"kept must be \(heads, lengths\)"),
        ({"products": torch.ones(1, 1, 1)}, r"products must be \(heads, lengths\)"),
    ],
)
def test_a_kind_that_cannot_be_drawn(changes, said):
    with pytest.raises(ValueError, match=said):
        kind(**changes)


def test_kinds_that_do_not_go_together():
    with pytest.raises(ValueError, match="kinds must have the same views"):
        drawn(kind(), kind("other", seen={"new": torch.ones(2, 2)}))
    with pytest.raises(ValueError, match="kinds must have the same views"):
        drawn()
    with pytest.raises(ValueError, match=r"kept and products of 'full' must be"):
        drawn(kind(kept=torch.ones(1, 3)))
    with pytest.raises(ValueError, match="measured must be one of heads"):
        Past([kind()], lengths=[1, 2], heads=[8], measured=4, caption="")
