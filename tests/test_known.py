import json
import re

import pytest
import torch

from transformer_lib.show.known import Known, Way

# Three tokens, three facts, two layers: each takes over what the one before it knows.
FACTS = torch.tensor([[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [1, 1, 0], [0, 1, 1]]]).bool()
KNOWN = torch.cat([FACTS, torch.ones(3, 3).tril()[None].bool()])
LOOKS = torch.tensor([[-1, 0, 1], [-1, 0, 1]])


def way(**changes) -> Way:
    return Way(**({"known": KNOWN, "looks": LOOKS} | changes))


def toy(**changes) -> Known:
    told = {"asks": 2, "caption": "Move <it>.", "tokens": ["a", "b", "c"], "facts": ["x", "y", "z"]}
    return Known(**({"ways": {"each": way()}} | told | changes))


def told_to_the_script(page: str) -> list[dict]:
    return json.loads(re.search(r'<script type="application/json">(.+?)</script>', page)[1])


def test_a_fact_is_known_from_the_layer_that_found_it():
    assert [way().since(token) for token in range(3)] == ["0..", "10.", "210"]


def test_each_sentence_says_who_was_asked_and_what_was_new():
    assert toy().said("each", 0, 2) == "Before the first layer: c knows 1 of 3, z."
    assert toy().said("each", 1, 2) == "Layer 1: c looks at “b” and takes y: 2 of 3."
    assert toy().said("each", 2, 2) == "Layer 2: c looks at “b” and takes x: 3 of 3."
    assert toy().said("each", 2, 1) == "Layer 2: b finds nothing new. It knows 2 of 3."
    none = torch.zeros_like(KNOWN)
    nothing = toy(ways={"each": way(known=none)}).said("each", 0, 2)
    assert nothing == "Before the first layer: c knows 0 of 3."
    assert toy().said("each", 1, 0) == "Layer 1: a finds nothing new. It knows 1 of 3."


def test_what_must_be_guessed_is_outlined_and_said():
    guess = toy(wanted=[1, -1, 2], ways={"each": way(looks=None)})
    assert guess.said("each", 1, 0).endswith("It must guess y, which it has not read.")
    assert guess.said("each", 1, 2).endswith("c takes y: 2 of 3. It must guess z, and has read it.")
    assert "guess" not in guess.said("each", 1, 1)
    page = guess._repr_html_()
    assert page.count('class="wanted"') == page.count('class="has wanted"') == 1
    assert told_to_the_script(page)[0]["looks"] == [[-1] * 3] * 2


def test_what_the_slider_counts_is_said():
    steps = toy(unit="step")
    assert steps.said("each", 0, 2).startswith("Before the first step: c knows")
    assert steps.said("each", 1, 2).startswith("Step 1: c looks at")
    assert "<label>steps <input" in steps._repr_html_()


def test_the_first_state_is_drawn_without_a_script():
    page = toy()._repr_html_()
    assert page.count('class="known-row') == 3
    assert page.count('class="known-row asks"') == 1
    assert page.count('class="has"') == 3
    assert page.count(" disabled") == 3  # until a script is there
    assert "<option selected>c</option>" in page
    assert '<p class="known-said" aria-live="polite">Before the first layer: c knows 1' in page
    assert "Move &lt;it&gt;." in page


def test_a_later_state_may_be_the_first():
    page = toy(begins=1)._repr_html_()
    cells = re.findall(r'"/?>(\d?)</text>', page.split("<script")[0])
    assert "".join(cell or "." for cell in cells) == "0..10..10"
    assert 'value="1" disabled' in page
    assert "<output>1</output>" in page
    assert f'aria-live="polite">{toy().said("each", 1, 2)}<' in page


def test_the_script_is_told_every_way():
    still = way(known=KNOWN[:1].expand(3, 3, 3), looks=torch.full((2, 3), -1))
    both = told_to_the_script(toy(ways={"each": way(), "none": still})._repr_html_())
    assert [found["since"][2] for found in both] == ["210", "..0"]
    assert both[0]["looks"] == LOOKS.tolist()
    assert both[0]["said"][1][2] == toy().said("each", 1, 2)
    assert both[1]["said"][1][2] == "Layer 1: c finds nothing new. It knows 1 of 3."


def test_words_are_words_and_never_markup():
    page = toy(tokens=["</script><b>", "b", "c"], facts=["<i>", "y", "z"], ways={"<u>": way()})
    for markup in ("<b>", "<i>", "<u>"):
        assert markup not in page._repr_html_()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"known": KNOWN.double()}, "known must be boolean"),
        ({"known": KNOWN[0]}, "known must be boolean"),
        ({"looks": LOOKS[:1]}, r"looks must be \(num_layers, tokens\) = \(2, 3\)"),
        ({"known": KNOWN.flip(0)}, "known must only grow"),
    ],
)
def test_a_way_that_cannot_be(changes, said):
    with pytest.raises(ValueError, match=said):
        way(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ways": {}}, "ways must be of one size"),
        ({"ways": {"a": way(), "b": way(known=KNOWN[:2], looks=LOOKS[:1])}}, "ways must be of one"),
        ({"tokens": ["a"]}, "tokens and facts must be 3 and 3, got 1 and 3"),
        ({"facts": ["x"] * 4}, "tokens and facts must be 3 and 3, got 3 and 4"),
        ({"begins": 3}, "begins must be from 0 to 2, got 3"),
        ({"begins": -1}, "begins must be from 0 to 2, got -1"),
        ({"begins": 1.0}, "begins must be a whole number"),
        ({"asks": 3}, "asks must be from 0 to 2, got 3"),
        ({"asks": -1}, "asks must be from 0 to 2, got -1"),
        ({"asks": 1.0}, "asks must be a whole number"),
        ({"wanted": [0, 1]}, "wanted must name a fact for each token"),
        ({"wanted": [0, 1, 3]}, "wanted must name a fact for each token"),
    ],
)
def test_a_toy_that_cannot_be(changes, said):
    with pytest.raises(ValueError, match=said):
        toy(**changes)


def test_a_layer_is_one_digit():
    deep = Way(KNOWN[:1].expand(11, 3, 3), torch.full((10, 3), -1))
    with pytest.raises(ValueError, match="ways must have at most 9 layers, got 10"):
        toy(ways={"deep": deep})
