"""What may be written next: the bars that stand there before anything is moved."""

import json
import xml.etree.ElementTree as ET
from html import unescape

import pytest
import torch

from transformer_lib.show.next_token import BAR, SHOWN, NextToken

NAMES = [f"<{letter}>" for letter in "abcdefghijklmnop"]
torch.manual_seed(0)
LOGITS = {"first": 2 * torch.randn(16), "second": 3 * torch.randn(16)}


def toy(**changes) -> NextToken:
    return NextToken(**{"logits": LOGITS, "names": NAMES, "caption": "<Move.>"} | changes)


def test_the_bars_are_the_models_probabilities_likeliest_first():
    p = LOGITS["first"].softmax(dim=0)
    order = p.argsort(descending=True)
    rows = [g for g in ET.fromstring(toy().svg()).iter() if g.get("class") == "tln-row"]
    assert [row[0].text for row in rows] == [NAMES[i] for i in order[:SHOWN]] + ["6 others"]
    wanted = [*p[order[:SHOWN]].tolist(), p[order[SHOWN:]].sum().item()]
    for (_, before, now, number, times), share in zip(rows, wanted, strict=True):
        assert float(before.get("width")) == pytest.approx(BAR * share, abs=0.06)
        assert before.get("width") == now.get("width")
        assert number.text == f"{share:.2f}"
        assert times.text is None


def test_it_says_how_much_lies_in_the_tail():
    p = LOGITS["first"].softmax(dim=0).sort(descending=True).values
    said = f"has {p[0]:.2f}; the 6 others together have {p[SHOWN:].sum():.2f}."
    assert "16 of 16 may be drawn." in repr(toy())
    assert said in repr(toy())
    assert said in unescape(toy().svg())


def test_every_prefix_travels_with_its_logits_sorted():
    page = toy()._repr_html_()
    state = json.loads(unescape(page.split('data-state="')[1].split('"')[0]))
    for told, scores in zip(state["prefixes"], LOGITS.values(), strict=True):
        assert told["logits"] == sorted(told["logits"], reverse=True)
        torch.testing.assert_close(
            torch.tensor(told["logits"]), scores[torch.tensor(told["tokens"])], atol=1e-4, rtol=0
        )
    assert page.count('<input type="radio"') == 2
    assert "&lt;Move.&gt;" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"logits": {}}, "logits must be tensors by the names of prefixes"),
        ({"logits": {1: torch.ones(16)}}, "logits must be tensors by the names of prefixes"),
        ({"logits": {"a": torch.ones(3)}}, r"logits\['a'\] must be 16 numbers, got \(3,\)"),
        ({"logits": {"a": torch.full((16,), torch.inf)}}, r"logits\['a'\] must be 16 numbers"),
        ({"names": NAMES[:10]}, "names must be more than 10, got 10"),
        ({"names": "abc"}, "names must be a list of strings"),
        ({"caption": 1}, "caption must be a string, got 1"),
    ],
)
def test_what_does_not_fit_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        toy(**changes)
