"""The drawings say what a run did: another run, another drawing."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn

from transformer_lib.layers.attention import attention
from transformer_lib.layers.blocks import DecoderLayer, EncoderLayer
from transformer_lib.layers.decoder import Decoder
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.masks import causal_mask
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import ALiBi, Rotary, SinusoidalPositions
from transformer_lib.models.bert import Bert, BertConfig, Classifier
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.show import drawings, whole
from transformer_lib.show.canvas import STYLE, WIDTH, Beside, Canvas
from transformer_lib.show.picture_read import picture_read
from transformer_lib.show.runs import watch
from transformer_lib.show.streams import segments

SVG = "{http://www.w3.org/2000/svg}"
VIT = ViTConfig(
    12, 4, in_channels=1, num_classes=5, d_model=16, num_heads=2, num_layers=3, d_ff=32,
)  # fmt: skip


def texts(canvas: Canvas) -> list[str]:
    """Every line of text on a drawing, in order."""
    return [text.text for text in ET.fromstring(canvas.svg()).iter(f"{SVG}text")]


def encoder_layer(norm_first: bool = True) -> EncoderLayer:
    return EncoderLayer(MultiHeadAttention(16, 2), FeedForward(16, 32), norm_first=norm_first)


def decoder_layer(norm_first: bool = True) -> DecoderLayer:
    return DecoderLayer(
        MultiHeadAttention(16, 2, causal=True),
        MultiHeadAttention(16, 2),
        FeedForward(16, 32),
        norm_first=norm_first,
    )


def model(**changes) -> Transformer:
    torch.manual_seed(0)
    sizes = {"d_model": 16, "num_heads": 2, "d_ff": 32, "num_encoder_layers": 2}
    return Transformer(TransformerConfig(11, 13, **sizes | changes))


class Placed(nn.Module):
    """A layer behind added positions, with one kind more in each place inside."""

    def __init__(self):
        super().__init__()
        self.positions = SinusoidalPositions(16)
        self.attention = MultiHeadAttention(16, 2, rotary=Rotary(8), alibi=ALiBi(2))

    def forward(self, x, **named):
        return self.attention(self.positions(x), **named)


def block(x, w_1, w_2):
    """A feed-forward block."""
    return (x @ w_1).relu() @ w_2


def every_drawing() -> dict[str, Canvas]:
    """One of each kind."""
    torch.manual_seed(0)
    q, k, x, context = (
        torch.rand(3, 4),
        torch.rand(5, 4),
        torch.rand(2, 6, 16),
        torch.rand(2, 5, 16),
    )
    ids = torch.tensor([[3, 4, 5]]), torch.tensor([[1, 6, 7, 8]])
    mask = torch.ones(3, 5, dtype=torch.bool).tril(2)
    return {
        "attention": drawings.attention(attention, q, k, k - 0.5, mask),
        "few and wide": drawings.attention(
            attention, k[:4], k.repeat(2, 1)[:8], k.repeat(2, 1)[:8]
        ),
        "feed_forward": drawings.feed_forward(block, q, k.T, k),
        "multi_head": drawings.multi_head(MultiHeadAttention(16, 2), x, return_weights=True),
        "placed": drawings.multi_head(Placed(), x, return_weights=True),
        "fused": drawings.multi_head(MultiHeadAttention(16, 2), x, context),
        "encoder_layer": drawings.layer(encoder_layer(), x),
        "decoder_layer": drawings.layer(decoder_layer(), x, context),
        "encoder": drawings.stack(Encoder([encoder_layer(), encoder_layer()]), x),
        "decoder": drawings.stack(Decoder([decoder_layer()]), x, context),
        "transformer": whole.transformer(model(), *ids),
        "picture": picture_read(ViT(VIT), torch.rand(1, 1, 12, 12)),
        "lit": whole.transformer(model(), *ids, lit=["FeedForward"], small=True),
    }


DRAWINGS = every_drawing()
every = pytest.mark.parametrize("canvas", DRAWINGS.values(), ids=DRAWINGS)


@every
def test_a_drawing_is_an_image_with_a_name_and_a_description(canvas):
    svg = ET.fromstring(canvas.svg())
    title, desc = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert svg.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert title.text == canvas.title in repr(canvas)
    assert len(desc.text) > 40
    assert canvas._repr_html_() == f"<style>{STYLE}</style>{canvas.svg()}"


@every
def test_a_drawing_stays_on_its_sheet(canvas):
    """No box is over the edge of a phone, and no line of text longer than its place."""
    svg = ET.fromstring(canvas.svg())
    _, _, width, height = map(float, svg.get("viewBox").split())
    assert width == WIDTH
    for rect in svg.iter(f"{SVG}rect"):
        assert float(rect.get("x")) >= 0
        assert float(rect.get("x")) + float(rect.get("width")) <= width
        assert float(rect.get("y")) + float(rect.get("height")) <= height
    for text in svg.iter(f"{SVG}text"):
        start, end = extent(text)
        assert start >= -2, text.text
        assert end <= width + 2, text.text


def extent(text: ET.Element) -> tuple[float, float]:
    """Where a line of text begins and ends, at most."""
    x, kind = float(text.get("x")), text.get("class").split()
    # A character of the monospaced 12 px is 7.2 wide, one of the 13 px at most 8 on average.
    long = len(text.text) * (7.2 if "shape" in kind else 8)
    start = x if "left" in kind else x - long if "right" in kind else x - long / 2
    return start, start + long


@every
def test_no_frame_runs_through_a_word(canvas):
    svg = ET.fromstring(canvas.svg())
    for frame in svg.iter(f"{SVG}rect"):
        if frame.get("class") != "frame":
            continue
        x, y, width, height = (float(frame.get(a)) for a in ("x", "y", "width", "height"))
        for text in svg.iter(f"{SVG}text"):
            if y <= float(text.get("y")) <= y + height:
                start, end = extent(text)
                assert not any(start < side < end for side in (x, x + width)), text.text


@every
def test_a_drawing_takes_its_colours_from_the_page(canvas):
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgb|style=\"(?!--width)", canvas.svg())


def test_the_same_drawing_has_the_same_bytes():
    again = every_drawing()
    assert {name: canvas.svg() for name, canvas in again.items()} == {
        name: canvas.svg() for name, canvas in DRAWINGS.items()
    }
    ids = re.findall(r'id="([^"]+)"', "".join(canvas.svg() for canvas in DRAWINGS.values()))
    assert len(ids) == len(set(ids))


# --- attention -------------------------------------------------------------------------------


def test_attention_draws_what_the_formula_did():
    q = torch.rand(3, 4)
    whole_formula = texts(drawings.attention(attention, q, q, q, causal_mask(3)))
    assert "(q ÷ √4) kᵀ (3, 3)" in whole_formula
    assert [t for t in whole_formula if t in ("mask", "softmax, by row")] == [
        "mask",
        "softmax, by row",
        "mask",
    ]
    assert "weights (3, 3)" in whole_formula
    assert "mask" not in texts(drawings.attention(attention, q, q, q))


@pytest.mark.parametrize(
    ("wrong", "there", "gone"),
    [
        (lambda q, k, v: (q @ k.T).softmax(-1) @ v, None, "÷ √4"),
        (lambda q, k, v: (q @ k.T / 4).softmax(-1) @ v, "÷ 4", "÷ √4"),
        (lambda q, k, v: (q @ k.T * 0.5).softmax(0) @ v, "softmax, by column", "softmax, by row"),
        (lambda q, k, v: (q @ k.T / 2).sigmoid() @ v, "sigmoid", "softmax, by row"),
    ],
)
def test_another_formula_is_another_drawing(wrong, there, gone):
    drawn = texts(drawings.attention(wrong, *torch.rand(3, 3, 4)))
    assert gone not in drawn
    assert there is None or there in drawn


def test_the_softmax_of_a_beginner_is_drawn_too():
    def mine(q, k, v):
        scores = torch.exp(q @ k.T / 2)
        return scores / scores.sum(-1, keepdim=True) @ v

    assert texts(drawings.attention(mine, *torch.rand(3, 3, 4)))[5:8] == [
        "÷ √4",
        "exp",
        "÷ a number, by row",
    ]


def test_cells_hold_the_numbers_of_the_run():
    torch.manual_seed(1)
    q, k, v = torch.randn(3, 4), torch.randn(5, 4), torch.randn(5, 2)
    mask = torch.ones(3, 5, dtype=torch.bool).tril(2)
    svg = ET.fromstring(drawings.attention(attention, q, k, v, mask).svg())
    cells = [float(rect.find(f"{SVG}title").text) for rect in svg.iter(f"{SVG}rect")
             if "cell" in rect.get("class")]  # fmt: skip
    out, weights = attention(q, k, v, mask, return_weights=True)
    seen = [k.T, q, (q / 2) @ k.T, weights[mask], v, out]
    torch.testing.assert_close(
        torch.tensor(cells), torch.cat([t.flatten() for t in seen]), atol=0.0051, rtol=0
    )
    assert sum(rect.get("class") == "shut" for rect in svg.iter(f"{SVG}rect")) == (~mask).sum()


def test_attention_refuses_what_it_cannot_see():
    with pytest.raises(ValueError, match="formula must make scores by one matrix product"):
        drawings.attention(lambda q, k, v: q + k + v, *torch.rand(3, 3, 4))
    with pytest.raises(ValueError, match="on matrices"):
        drawings.attention(attention, *torch.rand(3, 2, 3, 4))


# --- feed-forward ----------------------------------------------------------------------------


def test_a_feed_forward_block_is_drawn_from_its_run():
    x, w_1, w_2 = torch.rand(3, 4) - 0.5, torch.rand(4, 5) - 0.5, torch.rand(5, 2)
    canvas = drawings.feed_forward(block, x, w_1, w_2)
    drawn = ["W₁", "(4, 5)", "x", "(3, 4)", "x W₁ (3, 5)", "relu", "hidden (3, 5)", "W₂", "(5, 2)"]
    assert texts(canvas) == [*drawn, "output (3, 2)"]
    svg = ET.fromstring(canvas.svg())
    cells = [float(rect.find(f"{SVG}title").text) for rect in svg.iter(f"{SVG}rect")
             if "cell" in rect.get("class")]  # fmt: skip
    hidden = (x @ w_1).relu()
    seen = torch.cat([t.flatten() for t in (w_1, x, x @ w_1, hidden, w_2, hidden @ w_2)])
    torch.testing.assert_close(torch.tensor(cells), seen, atol=0.0051, rtol=0)


def test_a_block_without_its_activation_is_another_drawing():
    x, w_1, w_2 = torch.rand(3, 4), torch.rand(4, 5), torch.rand(5, 2)
    linear = drawings.feed_forward(lambda x, w_1, w_2: x @ w_1 @ w_2, x, w_1, w_2)
    assert "relu" not in texts(linear)
    assert "hidden units: nothing" in linear.desc
    with pytest.raises(ValueError, match="got the operations"):
        drawings.feed_forward(lambda x, w_1, w_2: x @ w_1, x, w_1, w_2)


def test_drawings_stand_side_by_side_with_one_style():
    both = Beside(DRAWINGS["attention"], DRAWINGS["encoder"])
    html = both._repr_html_()
    assert html.count("<style>") == 1
    assert DRAWINGS["attention"].svg() in html
    assert html.index(DRAWINGS["attention"].svg()) < html.index(DRAWINGS["encoder"].svg())
    assert "Encoder: a stack" in repr(both)


# --- several heads ---------------------------------------------------------------------------


def colours(canvas: Canvas) -> dict[str, str]:
    """The colour of each part's box, by its name."""
    drawn = {}
    for group in ET.fromstring(canvas.svg()).iter(f"{SVG}g"):
        drawn[group.find(f"{SVG}text").text] = group.find(f"{SVG}rect").get("class").split()[-1]
    return drawn


def test_the_projections_have_the_colours_of_what_they_make():
    layer, x = MultiHeadAttention(16, 2), torch.rand(1, 3, 16)
    roles = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "score"}
    for named in ({}, {"return_weights": True}):
        assert colours(drawings.multi_head(layer, x, **named)) == roles


def test_projections_that_are_swapped_in_the_code_change_their_colours():
    class Swapped(MultiHeadAttention):
        def forward(self, x):
            q, k, v = self._split(self.k_proj(x)), self._split(self.q_proj(x)), self.v_proj(x)
            out = attention(q, k, self._split(v))
            return self.out_proj(out.transpose(1, 2).flatten(2))

    drawn = colours(drawings.multi_head(Swapped(16, 2), torch.rand(1, 3, 16)))
    assert (drawn["q_proj"], drawn["k_proj"], drawn["v_proj"]) == ("key", "query", "value")


def test_rotary_stands_under_query_and_key():
    x = torch.rand(2, 6, 16)
    drawn = texts(drawings.multi_head(MultiHeadAttention(16, 2, rotary=Rotary(8)), x))
    assert drawn.count("rotary") == 2
    assert "(2, 2, 6, 8)" in drawn


def test_positions_stand_where_the_run_had_them():
    drawing = drawings.multi_head(Placed(), torch.rand(1, 5, 16), return_weights=True)
    drawn = texts(drawing)
    places = ["positions", "q_proj", "rotary", "(q ÷ √8) kᵀ", "+ alibi", "softmax, by row"]
    assert sorted(places, key=drawn.index) == places
    assert drawn.count("rotary") == 2
    assert "behind positions, q_proj, rotary makes the query" in drawing.desc
    alone = texts(drawings.multi_head(Placed().attention, torch.rand(1, 5, 16)))
    assert "positions" not in alone


def test_a_bias_that_no_part_made_has_no_name():
    def biased(q, k, v):
        return attention(q, k, v, score_bias=torch.ones(3, 3))

    assert "+ bias" in texts(drawings.attention(biased, *torch.rand(3, 3, 4)))


def test_the_fused_kernel_is_one_box_and_says_whether_it_is_causal():
    x = torch.rand(2, 6, 16)
    plain = texts(drawings.multi_head(MultiHeadAttention(16, 2), x))
    causal = texts(drawings.multi_head(MultiHeadAttention(16, 2, causal=True), x))
    assert "scaled_dot_product_attention" in plain
    assert "scaled_dot_product_attention, causal" in causal


def test_a_layer_that_does_not_attend_is_refused():
    with pytest.raises(ValueError, match="layer must attend"):
        drawings.multi_head(FeedForward(16, 32), torch.rand(2, 6, 16))


# --- layers and stacks -----------------------------------------------------------------------


def order(canvas: Canvas) -> list[str]:
    """Names of parts and pluses, from top to bottom."""
    return [text for text in texts(canvas) if re.fullmatch(r"\+|[a-z_]+\d?", text)]


def test_pre_norm_and_post_norm_are_what_was_seen():
    x, context = torch.rand(2, 6, 16), torch.rand(2, 5, 16)
    pre = ["norm1", "self_attention", "+", "norm2", "feed_forward", "+"]
    post = ["self_attention", "+", "norm1", "feed_forward", "+", "norm2"]
    assert order(drawings.layer(encoder_layer(True), x)) == pre
    assert order(drawings.layer(encoder_layer(False), x)) == post
    assert order(drawings.layer(decoder_layer(False), x, context)) == [
        "self_attention", "+", "norm1", "cross_attention", "+", "norm2", "feed_forward", "+",
        "norm3",
    ]  # fmt: skip


def test_a_forgotten_norm_or_plus_is_missing_in_the_drawing():
    class NoNorm(EncoderLayer):
        def forward(self, x):
            x = x + self.self_attention(self.norm1(x))
            return x + self.feed_forward(x)

    class NoPlus(EncoderLayer):
        def forward(self, x):
            x = self.self_attention(self.norm1(x))
            return x + self.feed_forward(self.norm2(x))

    parts, x = (MultiHeadAttention(16, 2), FeedForward(16, 32)), torch.rand(2, 6, 16)
    assert order(drawings.layer(NoNorm(*parts), x)) == [
        "norm1", "self_attention", "+", "feed_forward", "+",
    ]  # fmt: skip
    assert order(drawings.layer(NoPlus(*parts), x)) == [
        "norm1", "self_attention", "norm2", "feed_forward", "+",
    ]  # fmt: skip


def test_a_renamed_part_has_its_new_name():
    class Renamed(nn.Module):
        def __init__(self):
            super().__init__()
            self.look, self.think = MultiHeadAttention(16, 2), FeedForward(16, 32)

        def forward(self, x):
            x = x + self.look(x)
            return x + self.think(x)

    assert order(drawings.layer(Renamed(), torch.rand(2, 6, 16))) == ["look", "+", "think", "+"]


def test_names_and_weights_are_those_of_the_module():
    layer = encoder_layer()
    canvas = drawings.layer(layer, torch.rand(1, 3, 16))
    for name in ("self_attention", "feed_forward", "norm1", "norm2"):
        count = sum(p.numel() for p in getattr(layer, name).parameters())
        assert f"{name} has {count:,} weights" in canvas.desc
    assert "x (batch 1, seq_len 3, d_model 16)" in texts(canvas)


def test_a_decoder_layer_shows_what_it_reads_from_elsewhere():
    drawn = texts(drawings.layer(decoder_layer(), torch.rand(2, 6, 16), torch.rand(2, 5, 16)))
    assert "context (2, 5, 16)" in drawn


def test_what_cannot_be_told_is_refused():
    class Scaled(EncoderLayer):
        def forward(self, x):
            return x + 0.5 * self.self_attention(x)

    layer = Scaled(MultiHeadAttention(16, 2), FeedForward(16, 32))
    with pytest.raises(ValueError, match="cannot tell what the output is made from"):
        drawings.layer(layer, torch.rand(2, 6, 16))


def test_layers_that_are_alike_are_drawn_once():
    x = torch.rand(2, 6, 16)
    stack = Encoder([encoder_layer() for _ in range(3)], final_norm=nn.LayerNorm(16))
    drawn = texts(drawings.stack(stack, x))
    assert "× 3" in drawn
    assert drawn.count("self_attention") == 1
    assert "final_norm" in drawn
    assert "final_norm" not in texts(drawings.stack(Encoder([encoder_layer()]), x))
    mixed = Encoder([encoder_layer(), encoder_layer(), encoder_layer(norm_first=False)])
    drawn = texts(drawings.stack(mixed, x))
    assert [text for text in drawn if "×" in text] == ["× 2", "× 1"]


# --- the whole -------------------------------------------------------------------------------


def test_figure_1_is_that_of_the_paper():
    ids = torch.tensor([[3, 4, 5]]), torch.tensor([[1, 6, 7, 8]])
    drawn = whole.transformer(model(norm_first=False, num_decoder_layers=6), *ids)
    post = ["self_attention", "+", "norm1", "feed_forward", "+", "norm2"]
    assert order(drawn) == [
        "source_embedding", "source_positions", *post,
        "target_embedding", "target_positions", *post[:3], "cross_attention", "+", "norm2",
        "feed_forward", "+", "norm3",
    ]  # fmt: skip
    shown = texts(drawn)
    assert [text for text in shown if "×" in text] == ["× √16", "× 2", "× √16", "× 6"]
    assert {"source (1, 3)", "target (1, 4)", "logits (1, 4, 13)", "target_embeddingᵀ"} <= {*shown}


def test_the_model_changes_figure_1():
    ids = torch.tensor([[3, 4, 5]]), torch.tensor([[1, 6, 7, 8]])
    rotary = order(whole.transformer(model(positions="rotary"), *ids))
    assert "source_positions" not in rotary
    assert rotary.count("final_norm") == 2


def test_the_lit_part_is_the_only_one():
    lit = DRAWINGS["lit"]
    assert lit.svg().count(" lit") == 2  # one in each stack
    assert "<a " not in lit.svg()
    with pytest.raises(ValueError, match=r"lit must name parts .* got \['FeedFroward'\]"):
        whole.transformer(model(), *torch.tensor([[[3, 4]], [[5, 6]]]), lit=["FeedFroward"])


def test_a_model_without_a_decoder_is_refused():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.source_embedding, self.encoder = nn.Embedding(9, 16), Encoder([encoder_layer()])

        def forward(self, source, target):
            return self.encoder(self.source_embedding(source))

    with pytest.raises(ValueError, match="model must have a part that reads what another gave"):
        whole.transformer(Half(), torch.tensor([[3, 4]]), torch.tensor([[3, 4]]))


def test_a_part_is_lit_by_its_name_too():
    ids = torch.tensor([[3, 4, 5]]), torch.tensor([[1, 6, 7, 8]])
    assert whole.transformer(model(), *ids, lit=["cross_attention"], small=True).svg().count(
        " lit"
    ) == 1  # fmt: skip


def gpt(**changes) -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(11, d_model=16, num_heads=2, num_layers=3, d_ff=32, **changes))


def test_one_stack_runs_from_ids_to_logits():
    drawn = whole.one_stream(gpt(positions="rotary"), torch.tensor([[3, 4, 5]]))
    assert order(drawn) == [
        "embedding", "norm1", "self_attention", "+", "norm2", "feed_forward", "+", "final_norm",
    ]  # fmt: skip
    shown = texts(drawn)
    assert {"given (1, 3)", "(1, 3, 16)", "× 3", "embeddingᵀ", "logits (1, 3, 11)"} <= {*shown}
    assert "positions" in order(
        whole.one_stream(gpt(positions="learned", max_len=8), torch.tensor([[3]]))
    )


def test_a_stack_beside_other_parts_is_one_box():
    """A classifier holds BERT, and BERT a stack behind an embedding and a norm."""
    config = BertConfig(
        11, d_model=16, num_heads=2, num_layers=2, d_ff=32, max_len=None, positions="rotary",
        num_segments=0, norm_first=True,
    )  # fmt: skip
    classifier = Classifier(Bert(config), 3, pool="mean").eval()
    drawn = whole.one_stream(classifier, torch.tensor([[3, 4, 5, 6]]))
    assert order(drawn) == ["embedding", "norm", "encoder", "sum", "div", "head"]
    assert {"(1, 4, 16)", "(1, 16)", "logits (1, 3)"} <= {*texts(drawn)}


def test_a_stack_whose_end_has_another_source_is_refused():
    class Guess(nn.Module):
        def forward(self, ids):
            return torch.zeros(len(ids), 3)

    with pytest.raises(ValueError, match="model must make its output from what it is given"):
        whole.one_stream(Guess(), torch.tensor([[3, 4]]))


# --- the run ---------------------------------------------------------------------------------


def test_a_watched_module_is_left_as_it_was():
    layer = EncoderLayer(MultiHeadAttention(16, 2), FeedForward(16, 32), dropout=0.5)
    layer.feed_forward.eval()
    before = [module.training for module in layer.modules()]
    x = torch.rand(2, 6, 16, requires_grad=True)
    run = watch(layer, x)
    assert [module.training for module in layer.modules()] == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in layer.modules())
    assert not run.got.requires_grad
    torch.testing.assert_close(run.got, layer.eval()(x))  # in evaluation mode: no dropout


def test_a_run_that_fails_leaves_no_hooks():
    layer = encoder_layer()
    with pytest.raises(RuntimeError, match="normalized_shape"):
        watch(layer, torch.rand(2, 6, 15))
    assert layer.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in layer.modules())


def test_segments_of_a_chain_have_no_plus():
    run = watch(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), x := torch.rand(2, 4))
    ((on, beside),) = segments(x, run.parts(), run.got)
    assert [part.name for part in on] == ["0", "1"]
    assert beside == []
