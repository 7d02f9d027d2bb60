"""A beam search on a page: what is drawn at first is what the library's search finds."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
import torch
from torch import nn

from transformer_lib.generation import beam_search
from transformer_lib.show.beam_tree import ROW, STEPS, TOP, BeamTree

NAMES = ["end", "a", "b", "c"]
FIRST = torch.tensor([0.0, 0.45, 0.35, 0.20])
AFTER = torch.tensor(
    [[0.0] * 4, [0.15, 0.25, 0.35, 0.25], [0.4, 0.3, 0.2, 0.1], [0.9, 0.04, 0.03, 0.03]]
)


class Chain(nn.Module):
    """The same for the library: token 4 starts, 0 ends, 5 fills."""

    pad_id, eos_id, max_len = 5, 0, None

    def start(self, inputs):
        return inputs, self

    def step(self, tokens, state):
        rows = torch.cat([AFTER, FIRST[None]])
        return torch.cat([rows, torch.zeros(5, 2)], dim=1)[tokens[:, -1]].log()

    def reorder(self, rows):
        pass


def tree(num_beams=2, **changes) -> BeamTree:
    return BeamTree(NAMES, FIRST, AFTER, num_beams=num_beams, **changes)


@pytest.mark.parametrize(("num_beams", "text"), [(1, (1, 2, 0)), (2, (2, 0)), (3, (3, 0))])
def test_it_finds_what_the_library_finds(num_beams, text):
    options = {"num_beams": num_beams, "length_penalty": 0.0, "return_scores": True}
    written, score = beam_search(Chain(), torch.tensor([[4]]), max_new_tokens=STEPS, **options)
    best = tree(num_beams).best()
    assert best.tokens == tuple(written[0].tolist()) == text
    assert best.p == pytest.approx(score.exp().item(), rel=1e-5)


def test_every_text_is_grown_from_one_that_was_kept():
    columns = tree().columns
    assert [len(column) for column in columns] == [3, 8, 4]
    for before, column in pairwise(columns):
        kept = {one.tokens: one.p for one in before if one.kept and not one.ended}
        assert {one.tokens[:-1] for one in column} == kept.keys()
        for one in column:
            assert one.p == pytest.approx(
                kept[one.tokens[:-1]] * AFTER[one.tokens[-2], one.tokens[-1]].item()
            )
    assert [one.row for one in columns[1]] == list(range(8))
    assert all(a.p >= b.p for a, b in pairwise(columns[1]))


def test_an_answer_keeps_its_place():
    """One of two has ended: only one more goes on."""
    assert [sum(one.kept for one in column) for column in tree().columns] == [2, 2, 1]


def test_a_line_leads_to_the_text_that_is_continued():
    """Of two that end alike, a a and b a, both go on."""
    after = torch.tensor([[0.0] * 3, [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    drawing = BeamTree(["end", "a", "b"], torch.tensor([0.0, 0.6, 0.4]), after, num_beams=2)
    columns = drawing.columns
    starts = re.findall(r'd="M[\d.]+ ([\d.]+)L', drawing.svg())
    grown = [one for column in columns[1:] for one in column]
    rows = {one.tokens: one.row for column in columns for one in column}
    assert [float(y) for y in starts] == [TOP + ROW * rows[one.tokens[:-1]] for one in grown]


def test_every_hypothesis_is_drawn_once_and_said():
    drawing = tree(caption="<Try>")
    nodes = [n for n in ET.fromstring(drawing.svg()).iter() if n.get("data-tokens")]
    every = [one for column in drawing.columns for one in column]
    assert [n.get("data-tokens") for n in nodes] == [" ".join(map(str, o.tokens)) for o in every]
    assert [n.get("aria-pressed") == "true" for n in nodes] == [one.kept for one in every]
    assert (
        "2 beams: the best text found is b end, with p = 0.140. 15 were looked at." in drawing.svg()
    )
    assert "&lt;Try&gt;" in drawing._repr_html_()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_beams": 4}, "num_beams must be 1 to 3, got 4"),
        ({"num_beams": 0}, "num_beams must be at least 1"),
        ({"names": "abcd"}, "names must be a list of strings"),
        ({"first": -FIRST}, "first must be probabilities of 4 tokens"),
        ({"after": AFTER[:3]}, r"after must be probabilities of 4 tokens, got \(3, 4\)"),
        ({"caption": 1}, "caption must be a string, got 1"),
    ],
)
def test_what_does_not_fit_is_refused(changes, said):
    given = {"names": NAMES, "first": FIRST, "after": AFTER} | changes
    with pytest.raises(ValueError, match=said):
        BeamTree(given.pop("names"), given.pop("first"), given.pop("after"), **given)
