"""The pole in the page: its physics and its model are Python's, and its first state is drawn."""

import base64
import json
import re
import shutil
import subprocess
from dataclasses import asdict

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.data.episodes import asking, play
from transformer_lib.data.worlds import CartPole
from transformer_lib.models.decision_transformer import (
    DecisionTransformer,
    DecisionTransformerConfig,
)
from transformer_lib.show.pole import PoleOnRequest, script
from transformer_lib.show.quantize import pack, unpack

CONFIG = DecisionTransformerConfig(
    4, 2, 500, 100.0, d_model=16, num_heads=2, num_layers=2, d_ff=24, activation="gelu_tanh"
)
CONTEXT = 4
NODE = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def model():
    torch.manual_seed(3)
    made = DecisionTransformer(CONFIG).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    made.load_state_dict(unpack(*pack(made.state_dict())))  # as the page will have it
    return made


def toy(**changes):
    made = model()
    given = {"config": asdict(CONFIG), "weights": made.state_dict(), "context": CONTEXT} | changes
    return PoleOnRequest(given.pop("config"), given.pop("weights"), **given)


def in_node(folder, ask):
    """What the page's own functions answer."""
    (folder / "ask.js").write_text(f"{script()}\nconsole.log(JSON.stringify({ask}))")
    done = subprocess.run(["node", "ask.js"], cwd=folder, capture_output=True, check=True)
    return json.loads(done.stdout)


def loaded(made):
    data, contents = pack(made.state_dict())
    raw = base64.b64encode(data).decode()
    return f"unpack(Uint8Array.from(atob('{raw}'), c => c.charCodeAt(0)), {json.dumps(contents)})"


@NODE
def test_the_physics_of_the_page_are_the_worlds(tmp_path):
    state, actions = torch.tensor([[0.3, -0.4, 0.1, 0.8]], dtype=torch.float64), [1, 0, 0, 1, 1, 0]
    ask = f"{actions}.reduce((all, a) => [...all, push(all.at(-1), a)], [{state[0].tolist()}])"
    expected = [state]
    for action in actions:
        expected.append(CartPole().step(expected[-1], torch.tensor([action]))[0])
    got = torch.tensor(in_node(tmp_path, ask), dtype=torch.float64)
    assert_close(got, torch.cat(expected), rtol=0, atol=1e-12)


@NODE
@pytest.mark.parametrize(("state", "over"), [([0, 0, 0.2, 0], False), ([0, 0, -0.22, 0], True),
                                             ([2.41, 0, 0, 0], True)])  # fmt: skip
def test_a_game_of_the_page_is_over_when_the_worlds_is(tmp_path, state, over):
    assert in_node(tmp_path, f"isOver({state})") is over


@NODE
def test_a_game_of_the_page_is_played_as_in_python(tmp_path):
    made, start = model(), [0.01, -0.02, 0.03, 0.04]
    ask = f"""(() => {{
      const one = game({loaded(made)}, {json.dumps(asdict(CONFIG))}, {CONTEXT}, 30, {start});
      const states = [];
      while (!one.over) {{ one.step(); states.push(one.state); }}
      return {{ states, steps: one.steps }};
    }})()"""
    got = in_node(tmp_path, ask)
    played = play(CartPole(), asking(made, 30, context=CONTEXT), torch.tensor([start]))
    assert got["steps"] == played.lengths.item() > CONTEXT + 2
    states = CartPole().see(torch.tensor(got["states"][:-1]))
    assert_close(states, played.states[0, 1:], rtol=0, atol=1e-4)


@NODE
def test_the_chances_of_the_page_are_the_models(tmp_path):
    made, first, steps = model(), 7, 3
    states = torch.randn(steps, 4)
    returns, actions = [40.0, 39.0, 38.0], [1, 0]
    ask = f"[...chancesOf({loaded(made)}, {json.dumps(asdict(CONFIG))}, {returns}, "
    ask += f"{states.tolist()}, {actions}, {first})]"
    with torch.no_grad():
        logits = made(
            torch.tensor([returns]), states[None], torch.tensor([[*actions, 0]]),
            torch.arange(first, first + steps)[None],
        )  # fmt: skip
    expected = logits[0, -1].softmax(-1)
    assert 0.02 < expected.min() < 0.48
    assert_close(torch.tensor(in_node(tmp_path, ask)), expected, rtol=0, atol=1e-4)


def test_the_first_state_is_drawn_and_all_travels_with_it():
    page = toy(played=[(50, 51), (500, 330)], wish=120, caption="Ask & see.")._repr_html_()
    assert "Ask &amp; see." in page
    assert "still to gain 120" in page
    assert page.count('class="tlc-dot"') == 3  # one of them to be copied
    assert "asked for 50, it stood for 51 steps" in page
    assert 'value="120"' in page
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\bimport\b|\bfetch\(", page)
    assert "export " not in script()
    assert json.loads(re.search('data-state=\'?"([^"]*)', page)[1].replace("&quot;", '"'))
    assert "dial stands at 50" in toy()._repr_html_()
    assert repr(toy(played=[(1, 2)])) == "A pole on request, with 1 games played before"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"config": {"d_model": 16}}, "config must name d_model, num_heads"),
        ({"config": None}, "config must name"),
        ({"config": asdict(CONFIG) | {"activation": "swiglu"}}, "activation must be one of"),
        ({"config": asdict(CONFIG) | {"d_model": 8}}, r"return_proj.weight \(8, 1\), got \(16, 1"),
        ({"weights": {}}, "weights must hold return_proj.weight, got none"),
        ({"context": 0}, "context must be at least 1, got 0"),
        ({"wish": 501}, "wish must be at most 500, got 501"),
        ({"caption": 3}, "caption must be a string, got 3"),
    ],
)
def test_what_the_page_cannot_play_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        toy(**changes)
