"""The drawing of a segment in a layer with a memory: another run, another drawing."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn

from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.memory import MemoryLayer, remember
from transformer_lib.layers.relative import RelativeAttention
from transformer_lib.show.memory_layer import memory_layer

SVG = "{http://www.w3.org/2000/svg}"
TEXT = "abcdefghijkl"


def layer(attention=RelativeAttention, norm_first=True) -> MemoryLayer:
    torch.manual_seed(0)
    parts = attention(16, 2), FeedForward(16, 32)
    return MemoryLayer(*parts, dropout=0.0, norm_first=norm_first).double().eval()


def run(module, start=4, old=4, mem_len=6):
    """What a segment of four behind a memory leads to: x, memory, and what is kept."""
    x = torch.randn(1, 4, 16, dtype=torch.float64)
    memory = torch.randn(1, old, 16, dtype=torch.float64) if old else None
    with torch.no_grad():
        read = module(x, memory)[1]
    kept = remember(memory if memory is None else [memory], [read], mem_len)[0]
    return x, memory, kept


def draw(module=None, start=4, old=4, mem_len=6, **options):
    module = module or layer()
    return memory_layer(
        module, *run(module, start, old, mem_len), text=TEXT, start=start, **options
    )


def boxes(canvas) -> dict[str, tuple[float, float, str]]:
    """For each box that has a name: from which token to which it reaches, and what it says."""
    root = [*ET.fromstring(canvas.svg())]
    cell, found = 352 / len(TEXT), {}
    for i, node in enumerate(root):
        if node.tag == f"{SVG}rect" and "weights" in node.get("class"):
            after = [n.text for n in root[i + 1 : i + 3] if n.tag == f"{SVG}text"]
            if len(after) == 2 and len(after[0]) > 1:
                left, width = (float(node.get(key)) for key in ("x", "width"))
                place = round((left - 4) / cell, 3), round((left - 4 + width) / cell, 3)
                found[after[0]] = (*place, after[1])
    return found


def cells(canvas) -> torch.Tensor:
    return torch.tensor([float(x) for x in re.findall(r"<title>([\d.]+)</title>", canvas.svg())])


def test_queries_come_from_the_segment_keys_and_values_from_both():
    found = boxes(draw())
    assert found["q_proj"] == (4, 8, "(1, 4, 16)")
    assert found["k_proj"] == found["v_proj"] == (0, 8, "(1, 8, 16)")
    assert found["out_proj"] == (4, 8, "(1, 4, 16)")
    assert found["next memory"] == (2, 8, "(1, 6, 16)")
    assert found["r_proj"][2] == "9 distances (9, 16)"


def test_at_the_beginning_there_is_no_memory():
    canvas = draw(start=0, old=0)
    assert boxes(canvas)["k_proj"] == (0, 4, "(1, 4, 16)")
    assert boxes(canvas)["next memory"] == (0, 4, "(1, 4, 16)")
    assert "no memory yet" in canvas.svg()


def test_a_layer_that_does_not_read_its_memory_is_drawn_so():
    class Deaf(RelativeAttention):
        def forward(self, x, memory=None, **options):
            return super().forward(x, None, **options)

    assert boxes(draw(layer(Deaf)))["k_proj"][:2] == (4, 8)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("head", [0, 1])
def test_cells_are_the_weights_of_the_head(norm_first, head):
    module = layer(norm_first=norm_first)
    x, memory, kept = run(module)
    canvas = memory_layer(module, x, memory, kept, text=TEXT, start=4, head=head)
    read = module.norm1(x) if norm_first else x
    weights = module.self_attention(read, memory, return_weights=True)[1][0, head]
    seen = torch.ones(4, 8, dtype=torch.bool).tril(4)
    assert cells(canvas) == pytest.approx(weights[seen].tolist(), abs=0.0051)
    assert canvas.svg().count('height="29.3333" class="shut"') == (~seen).sum()


def test_the_drawing_is_of_the_same_bytes_and_stays_on_its_sheet():
    torch.manual_seed(1)
    canvas = draw(start=8, old=6)
    torch.manual_seed(1)
    assert canvas.svg() == draw(start=8, old=6).svg()
    for rect in ET.fromstring(canvas.svg()).iter(f"{SVG}rect"):
        assert float(rect.get("x")) >= 0
        assert float(rect.get("x")) + float(rect.get("width")) <= 360


def test_what_does_not_fit_is_refused():
    module = layer()
    x, memory, kept = run(module)
    for name, wrong, said in (
        ("layer", nn.Linear(16, 16), "layer must have a self_attention, got Linear"),
        ("x", x[0], "x must be of floating point, with 3 axes"),
        ("memory", [memory], "memory must be a tensor, got list"),
        ("kept", kept.long(), "kept must be of floating point"),
        ("text", [1, 2], r"text must be strings, one for each token, got \[1, 2\]"),
        ("start", 4.0, "start must be a whole number"),
    ):
        given = {"layer": module, "x": x, "memory": memory, "kept": kept, "text": TEXT, "start": 4}
        with pytest.raises(ValueError, match=said):
            memory_layer(**given | {name: wrong})
    with pytest.raises(ValueError, match="must lie in the text's 12 tokens, got 6 to 14"):
        memory_layer(module, x, memory, kept, text=TEXT, start=10)
    with pytest.raises(ValueError, match="kept must be the last of memory and segment"):
        memory_layer(module, x, memory, kept.flip(1), text=TEXT, start=4)
    with pytest.raises(ValueError, match=r"kept must be .* without a gradient"):
        memory_layer(module, x, memory, nn.Parameter(kept), text=TEXT, start=4)
    with pytest.raises(ValueError, match=r"head must be one of \(0, 1\), got 2"):
        memory_layer(module, x, memory, kept, text=TEXT, start=4, head=2)
