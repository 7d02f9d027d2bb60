"""A text on a ground of saved bits: what is drawn and said at first. The rest, tests/book."""

import json
import re
from html import unescape

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.show.saved_bits import SavedBits

TEXT = "a<b\nAbcd"  # two segments of four
NONE = torch.tensor([6.0, 4, 2, 2, 5, 2, 2, 2])
OWN = torch.tensor([1.0, 2, 2, 2.5, 2, 2, 1, 2])
OTHER = torch.tensor([3.0, 4, 2, 2, 3, 2, 2, 2])
BITS = {"its own": {0: NONE, 4: OWN}, "another's": {0: NONE, 4: OTHER}}


def toy(bits=BITS, text=TEXT, *, seg_len=4, early=1, start=4, caption="Move <it>."):
    return SavedBits(text, bits, seg_len=seg_len, early=early, start=start, caption=caption)


def test_the_ground_is_what_the_memory_saves():
    shown = re.findall(r'<i style="--s:(-?[\d.]+)">', toy()._repr_html_())
    assert_close(torch.tensor(list(map(float, shown))), NONE - OWN)


def test_a_segment_is_a_block_of_its_own():
    blocks = re.findall(r'<div class="tlb-segment">(.*?)</div>', toy()._repr_html_())
    assert [unescape(re.sub("<.+?>", "", block)) for block in blocks] == ["a<b↵", "Abcd"]


def test_what_is_said_is_counted():
    drawn = toy()
    assert drawn.said("its own", 0) == "Without a memory a character costs 3.12 bits here."
    assert drawn.said("its own", 4) == (
        "With 4 characters of memory, its own, a character costs 1.81 bits, 1.31 less than "
        "without. It saves 4.00 bits in the first 1 places of a segment, 0.42 in the others."
    )
    assert "another's, a character costs 2.50 bits, 0.62 less" in drawn.said("another's", 4)
    assert_close(drawn.saved("another's", 4).float(), NONE - OTHER)
    worse = toy({"its own": {0: NONE, 4: NONE + 1}})
    assert "1.00 more than without. It saves -1.00 bits" in worse.said("its own", 4)


def test_the_page_has_all_bits_and_sentences():
    drawn = toy()
    page = drawn._repr_html_()
    state = json.loads(unescape(re.search(r'data-state="(.*?)"', page)[1]))
    assert state["lengths"] == [0, 4]
    assert state["segLen"] == 4
    assert_close(torch.tensor(state["bits"][1]), torch.stack([NONE, OTHER]))
    assert state["said"][1] == [drawn.said("another's", n) for n in (0, 4)]
    assert f'aria-live="polite">{drawn.said("its own", 4)}<' in page


def test_names_and_letters_are_text_on_the_page():
    page = toy({"<its>": BITS["its own"]})._repr_html_()
    assert "Move &lt;it&gt;." in page
    assert "> &lt;its&gt;</label>" in page
    assert ">&lt;</i>" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": 5}, "text must be a string, got 5"),
        ({"text": ""}, "text must be whole segments of 4, got 0 characters"),
        ({"text": TEXT[:6]}, "text must be whole segments of 4, got 6 characters"),
        ({"seg_len": 0}, "seg_len must be at least 1"),
        ({"early": 4}, r"early must be one of \(1, 2, 3\), got 4"),
        ({"bits": {}}, "bits must have the same lengths of the memory"),
        ({"bits": {"a": {0: NONE}, "b": {4: OWN}}}, "bits must have the same lengths"),
        ({"bits": {"a": {4: OWN, 0: NONE}}}, r"lengths that ascend from 0, got \[4, 0\]"),
        ({"bits": {"a": {0: NONE, 8: OWN, 4: OWN}}}, r"that ascend from 0, got \[0, 8, 4\]"),
        ({"bits": {"a": {0: NONE, 4: OWN[:3]}}}, r"bits\['a'\]\[4\] must be 8 finite numbers"),
        ({"bits": {"a": {0: NONE, 4: OWN / 0}}}, r"bits\['a'\]\[4\] must be 8 finite numbers"),
        ({"bits": {"a": {0: NONE, 4: 1.0}}}, r"bits\['a'\]\[4\] must be a tensor"),
        ({"start": 5}, r"start must be one of \(0, 4\), got 5"),
        ({"caption": None}, "caption must be a string"),
    ],
)
def test_what_does_not_fit_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        toy(**changes)
