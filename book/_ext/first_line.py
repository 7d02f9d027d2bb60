"""The cover's line: a text that the reader changes, what a GPT says next, and the head behind it.

The first state is computed here, so that it stands where no script runs. `_static/cover.js` does
the same in the page, with the arithmetic and the weights of `_static/verses_gpt.js`, which is
written beside the pages and fetched at the first touch.
"""

import base64
import json
import re
from dataclasses import asdict
from functools import cache
from html import escape

import torch

from transformer_lib.measure.maps import collect_attention
from transformer_lib.show.page_checks import checked_config
from transformer_lib.show.page_models import script, style
from transformer_lib.show.quantize import pack, unpack
from transformer_lib.weights import load

LINE = "And it came to "
EXAMPLES = (LINE, "And he came to ", "Surely thou wil", "For they ar")
LONGEST = 24  # letters of a line

STEP, FOOT, HIGH = 22, 84, 70  # of the drawing: a letter's width, where arcs end, their height
CAPTION = (
    "Change the line. The small GPT of chapter 10, trained on the King James Bible, guesses the "
    "next letter. The arcs are those of the head on which its guess hangs most."
)


@cache
def model():
    """The GPT of chapter 10, its weights in 8 bits as in the page."""
    gpt = load("verses_gpt").eval()
    gpt.load_state_dict(unpack(*pack(gpt.state_dict())), strict=False)
    return gpt


def page_script() -> str:
    """`verses_gpt.js`: the arithmetic and the weights, for any page that asks for them."""
    gpt = model()
    data, contents = pack(gpt.state_dict())
    config = checked_config(asdict(gpt.config), positions=("rotary",), norm=("rms",))
    engine = re.sub(r"^export ", "", script("transformer", "passes"), flags=re.MULTILINE)
    packed = json.dumps(base64.b64encode(data).decode())
    return (
        f'"use strict";\nself.versesGpt = (() => {{\n{engine}\n'
        f"const bytes = Uint8Array.from(atob({packed}), (c) => c.charCodeAt(0));\n"
        f"const config = {json.dumps(config)}, characters = {json.dumps([*gpt.symbols.symbols])};\n"
        f"const weights = unpack(bytes, {json.dumps(contents)});\n"
        "return { config, characters, weights, pass, reading, softmax };\n})();\n"
    )


@cache
@torch.no_grad()
def state(line: str) -> dict:
    """What the model says after a line, and the head above the first layer that matters most."""
    gpt = model()
    ids = gpt.symbols.encode(line)[None]
    with collect_attention(gpt) as maps:
        chances = gpt(ids)[0, -1].softmax(-1)
    maps = [found[0] for found in maps.values()]  # of each layer (heads, q_len, k_len)
    p, token = chances.max(-1)
    left = {}
    for layer in range(1, gpt.config.num_layers):
        for head in range(gpt.config.num_heads):
            hook = _silence(layer, head)
            left[layer, head] = gpt(ids)[0, -1].softmax(-1)[token].item()
            hook.remove()
    layer, head = min(left, key=left.get)
    five = zip(*map(torch.Tensor.tolist, chances.topk(5)), strict=True)
    return {
        "next": [(gpt.symbols.symbols[i], q) for q, i in five],
        "layer": layer,
        "head": head,
        "looks": maps[layer][head, -1].tolist(),
        "map": maps[layer][head].tolist(),
        "without": left[layer, head],
        "p": p.item(),
    }


def _silence(layer: int, head: int):
    """A hook with which a head adds nothing: see Through the machine."""

    def zero(module, args):
        found = args[0].clone()
        found.unflatten(-1, (model().config.num_heads, -1))[..., head, :] = 0
        return (found,)

    attention = model().stack.layers[layer].self_attention
    return attention.out_proj.register_forward_pre_hook(zero)


def shown(letter: str) -> str:
    """A letter that can be seen."""
    return {" ": "␣", "\n": "↵"}.get(letter, letter)


def said(line: str) -> str:
    """The sentence below the line."""
    s = state(line)
    at = max(range(len(line)), key=lambda j: s["looks"][j])
    name = f"head {s['head'] + 1} of layer {s['layer'] + 1}"
    looks = f"looks at “{shown(line[at])}” with {s['looks'][at]:.2f} of its weight"
    letter = f"“{shown(s['next'][0][0])}”"
    if s["without"] < s["p"] / 2:
        return (
            f"One head decides: {name}. From the last letter it {looks}; "
            f"without this head {letter} falls from {s['p']:.2f} to {s['without']:.2f}."
        )
    return (
        f"No single head decides. Most hangs on {name}, which {looks}; "
        f"without it {letter} goes from {s['p']:.2f} to {s['without']:.2f}."
    )


def arcs(line: str) -> str:
    """The line, and an arc from its last letter to each that the head looks at."""
    looks, last = state(line)["looks"], len(line) - 1
    paths = "".join(_arc(last, j, w) for j, w in enumerate(looks[:-1]) if w >= 0.02)
    letters = "".join(
        f'<text x="{_x(i)}" y="{FOOT + 18}"{" class=strong" * (looks[i] >= 0.3)}>{shown(c)}</text>'
        for i, c in enumerate(line)
    )
    return (
        f'<svg class="line" viewBox="0 0 {STEP * max(len(line), 15)} {FOOT + 30}" role="img" '
        f'aria-label="The line, with arcs to the letters that the head looks at">'
        f"<g>{paths}</g><g>{letters}</g></svg>"
    )


def _x(i: int) -> int:
    return STEP * i + STEP // 2


def _arc(last: int, j: int, weight: float) -> str:
    top = FOOT - min(HIGH, (_x(last) - _x(j)) * 0.5) * 4 / 3
    path = f"M{_x(last)} {FOOT}C{_x(last)} {top:.1f} {_x(j)} {top:.1f} {_x(j)} {FOOT}"
    return (
        f'<path d="{path}" stroke-width="{1 + 5 * weight:.1f}" '
        f'stroke-opacity="{0.3 + 0.7 * weight:.2f}"/>'
    )


def bars(line: str) -> str:
    """The five likeliest next letters."""
    lines = "".join(
        f'<li><span class="name">{escape(shown(letter))}</span>'
        f'<span class="bar" style="--value:{p:.3f}"></span>'
        f'<span class="number">{p:.2f}</span></li>'
        for letter, p in state(line)["next"]
    )
    return f'<ol class="tlp-bars" aria-label="The five likeliest next letters">{lines}</ol>'


def figure(root: str) -> str:
    """All of it; `root` leads to the folder of the pages."""
    buttons = "".join(
        f'<button type="button" data-line="{escape(line)}">{escape(line)}…</button>'
        for line in EXAMPLES
    )
    return (
        f'<figure class="tlp first-line" data-play data-weights="{root}_static/verses_gpt.js">'
        f"<style>{style('page_models')}</style><figcaption>{CAPTION}</figcaption>"
        f'<div class="sides"><div>{arcs(LINE)}<input type="text" aria-label="The line" '
        f'value="{LINE}" maxlength="{LONGEST}" spellcheck="false" autocomplete="off" '
        f'autocapitalize="off" readonly></div>{bars(LINE)}</div>'
        f'<p class="tlp-problem" role="alert"></p>'
        f'<p class="tlp-said" aria-live="polite">{escape(said(LINE))}</p>'
        f'<div class="tlp-buttons">{buttons}</div>'
        "<noscript>The line stands still: it moves by JavaScript.</noscript>"
        f'<script src="{root}_static/cover.js"></script></figure>'
    )
