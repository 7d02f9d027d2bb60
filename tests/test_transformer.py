"""The whole model: equal to Marian, as large as published, blind to the future and to padding."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from oracles import EXACT, redraw
from parity import agree
from torch import nn
from torch.testing import assert_close
from torch_weights import like_marian

from transformer_lib.generation import generate, greedy
from transformer_lib.layers.cache import KVCache
from transformer_lib.models.transformer import BASE, Transformer, TransformerConfig

SMALL = TransformerConfig(
    11, 13, d_model=8, num_heads=2, num_encoder_layers=2, num_decoder_layers=2, d_ff=12,
    dropout=0.3, max_len=20,
)  # fmt: skip
KINDS = [
    replace(SMALL, positions=positions, norm_first=norm_first)
    for positions in ("sinusoidal", "learned", "rotary")
    for norm_first in (True, False)
]
EVERY = pytest.mark.parametrize(
    "config", KINDS, ids=lambda c: f"{c.positions}-{'pre' if c.norm_first else 'post'}"
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def model_of(config, **changes):
    return redraw(Transformer(replace(config, **changes))).eval()


def ids(vocab_size, *shape):
    return torch.randint(3, vocab_size, shape)


# --- what it computes -----------------------------------------------------------------------


@EVERY
def test_order_matters_to_both_sides(config):
    one_layer = {"num_encoder_layers": 1, "num_decoder_layers": 1}  # two tell order by themselves
    model, source, target = model_of(config, **one_layer), ids(11, 1, 6), ids(13, 1, 6)
    source[0, :2], target[0, :2] = torch.tensor([3, 4]), torch.tensor([3, 4])
    out = model(source, target)[:, -1]
    assert (out - model(source[:, [1, 0, 2, 3, 4, 5]], target)[:, -1]).abs().max() > 1e-9
    assert (out - model(source, target[:, [1, 0, 2, 3, 4, 5]])[:, -1]).abs().max() > 1e-9


def test_the_encoder_looks_both_ways():
    model, source = model_of(SMALL), ids(11, 1, 6)
    changed = source.clone()
    changed[0, 3] = (source[0, 3] - 2) % 8 + 3  # another token
    moved = (model.encode(changed)[0] - model.encode(source)[0]).abs().amax(dim=(0, 2))
    assert moved.min() > 1e-6


@EVERY
def test_a_norm_at_the_end_where_the_layers_have_it_first(config):
    model = model_of(config)
    ends = model.encoder.final_norm, model.decoder.final_norm
    assert [type(end) for end in ends] == [nn.LayerNorm if config.norm_first else nn.Identity] * 2


def test_parts_are_put_together_as_in_the_paper():
    config = replace(SMALL, norm_first=False)
    model, source, target = model_of(config), ids(11, 2, 5), ids(13, 2, 4)
    wave = torch.arange(5)[:, None] / 10000 ** (torch.arange(0, 8, 2) / 8)
    table = torch.stack([wave.sin(), wave.cos()], dim=-1).flatten(1)
    x = model.source_embedding.weight[source] * math.sqrt(8) + table
    y = model.target_embedding.weight[target] * math.sqrt(8) + table[:4]
    for layer in model.encoder.layers:
        x = layer(x)
    for layer in model.decoder.layers:
        y = layer(y, x)
    expected = y @ model.target_embedding.weight.T
    assert_close(model(source, target), expected, rtol=0, atol=1e-5)  # the table in float32


def test_dropout_falls_on_embeddings_and_sublayers():
    model, source, target = model_of(SMALL).train(), ids(11, 2, 5), ids(13, 2, 4)
    dropped = [m for m in model.modules() if isinstance(m, nn.Dropout) and m.p == 0.3]
    assert len(dropped) == 1 + 2 + 2  # on embeddings, and one for each layer
    for m in dropped:
        m.p = 1.0
    expected = model.logits(model.decoder.final_norm(torch.zeros(2, 4, 8).double()))
    assert_close(model(source, target), expected, **EXACT)  # nothing is left


def test_the_output_layer_teaches_the_embeddings():
    model, source, target = model_of(SMALL), ids(11, 2, 5), ids(12, 2, 4)
    model(source, target).square().sum().backward()  # 12 is never read, but scored
    assert model.target_embedding.weight.grad[12].abs().max() > 1e-6


def test_it_learns_to_spell_backwards():
    config = replace(
        SMALL, d_model=32, d_ff=64, num_encoder_layers=1, num_decoder_layers=1, dropout=0.0
    )
    model = Transformer(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    bos, eos = torch.full((64, 1), config.bos_id), torch.full((64, 1), config.eos_id)
    for _ in range(120):
        source = ids(7, 64, 3)
        target = torch.cat([bos, source.flip(1), eos], dim=1)
        loss = F.cross_entropy(model(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    source = ids(7, 64, 3)
    out = generate(model, source, max_new_tokens=8)
    right = (out[:, :4] == torch.cat([source.flip(1), eos], dim=1)).all(dim=1)
    assert right.double().mean() > 0.9


# --- equal to Marian ------------------------------------------------------------------------


def marian(**changes):
    from transformers import MarianConfig, MarianMTModel  # not above: it takes seconds

    config = MarianConfig(
        **{
            "vocab_size": 23, "d_model": 16, "encoder_layers": 2, "decoder_layers": 3,
            "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 24,
            "decoder_ffn_dim": 24, "activation_function": "relu", "scale_embedding": True,
            "pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 1,
            "forced_eos_token_id": None, "max_position_embeddings": 64, "dropout": 0.0,
        } | changes
    )  # fmt: skip
    theirs = redraw(MarianMTModel(config)).eval()
    # Sines are not to be drawn, and theirs are rounded to float32: put in exact ones.
    angles = torch.arange(64)[:, None] / 10000 ** (torch.arange(0, 16, 2).double() / 16)
    for half in (theirs.model.encoder, theirs.model.decoder):
        half.embed_positions.weight.data = torch.cat([angles.sin(), angles.cos()], dim=1)
    return theirs


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_logits_equal_marians(activation):
    theirs = marian(activation_function=activation)
    source, target = ids(23, 4, 7), ids(23, 4, 6)
    source[0, 4:] = source[2, 1:] = 0
    expected = theirs(
        input_ids=source, attention_mask=(source != 0).long(), decoder_input_ids=target
    ).logits
    logits = like_marian(theirs)(source, target)
    agree("Transformer", "transformers MarianMTModel", logits, expected, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_greedy_tokens_equal_marians(seed):
    torch.manual_seed(seed)
    theirs = marian()
    source = ids(23, 16, 9)
    source[::2, 5:] = 0
    mask = (source != 0).long()

    def restless(scores):  # or random weights would say the same word all the time
        return torch.sin(20_000 * scores.float())

    expected = theirs.generate(
        source,
        attention_mask=mask,
        do_sample=False,
        num_beams=1,
        max_new_tokens=25,
        logits_processor=[lambda _, scores: restless(scores)],
    )[:, 1:]  # without the start token
    ours = like_marian(theirs)
    out = generate(ours, source, max_new_tokens=25, choose=lambda x: greedy(restless(x)))
    assert torch.equal(out, expected)
    assert len(out.unique()) > 15
    assert len({int((row != 0).sum()) for row in out}) > 5  # of many lengths
    plain = theirs.generate(
        source, attention_mask=mask, do_sample=False, num_beams=1, max_new_tokens=25
    )
    assert torch.equal(generate(ours, source, max_new_tokens=25), plain[:, 1:])


# --- its parameters -------------------------------------------------------------------------


def test_base_is_the_papers_base_model():
    with torch.device("meta"):
        model = Transformer(BASE)
    count = sum(p.numel() for p in model.parameters())
    d, d_ff, layers = 512, 2048, 6
    attention, think, norm = 4 * (d * d + d), 2 * d * d_ff + d + d_ff, 2 * d
    encoder, decoder = attention + think + 2 * norm, 2 * attention + think + 3 * norm
    assert count == 37_000 * d + layers * (encoder + decoder) == 63_082_496
    assert abs(count / 65e6 - 1) < 0.03  # "65 · 10^6" in Table 3


def test_learned_positions_of_source_and_target_are_two_tables():
    model = model_of(SMALL, positions="learned")
    tables = model.source_positions.table.weight, model.target_positions.table.weight
    assert tables[0] is not tables[1]
    source, target = ids(11, 2, 5), ids(13, 2, 4)
    out = model(source, target)
    for table in tables:  # each is read
        with torch.no_grad():
            table.normal_()  # a constant would be lost in the norms
        other, out = out, model(source, target)
        assert (out - other).abs().max() > 1e-6


def test_nothing_in_the_state_dict_twice():
    for config in (SMALL, replace(SMALL, source_vocab_size=13, share_embeddings=True)):
        weights = Transformer(config).state_dict()
        assert len({w.data_ptr() for w in weights.values()}) == len(weights)
        assert set(weights) == {name for name, _ in Transformer(config).named_parameters()}


def test_shared_embeddings_are_one_matrix():
    model = model_of(SMALL, source_vocab_size=13, share_embeddings=True)
    other = model_of(SMALL, source_vocab_size=13)
    weights = dict(model.state_dict())
    weights["source_embedding.weight"] = weights["target_embedding.weight"]
    other.load_state_dict(weights)
    source, target = ids(13, 2, 5), ids(13, 2, 4)
    assert_close(model(source, target), other(source, target), **EXACT)
    assert len(list(other.parameters())) == len(list(model.parameters())) + 1


def test_fresh_weights_are_as_published():
    model = Transformer(replace(SMALL, target_vocab_size=2000, d_model=64))
    embedding = model.target_embedding.weight.detach()
    assert float(embedding.std()) == pytest.approx(1 / 8, rel=0.02)
    assert float(embedding.mean()) == pytest.approx(0, abs=0.002)
    for name, p in model.named_parameters():
        if p.dim() == 2 and "embedding" not in name and "positions" not in name:
            bound = math.sqrt(6 / sum(p.shape))
            assert 0.9 * bound < p.abs().max() <= bound, name
        elif p.dim() == 1:
            assert (p == (1.0 if "norm" in name and "weight" in name else 0.0)).all(), name


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"d_model": 10, "num_heads": 4}, "d_model = 10, num_heads = 4"),
        ({"num_heads": 0}, "num_heads must be at least 1, got 0"),
        ({"positions": "alibi"}, "positions must be one of .* got 'alibi'"),
        ({"positions": "learned", "max_len": None}, "max_len must be given .* got None"),
        ({"max_len": 0}, "max_len must be None or at least 1, got 0"),
        ({"pad_id": -1}, r"pad_id must be in 0 … source_vocab_size - 1 = 10, got -1"),
        ({"pad_id": 11}, r"pad_id must be in 0 … source_vocab_size - 1 = 10, got 11"),
        ({"bos_id": 13}, r"bos_id must be in 0 … target_vocab_size - 1 = 12, got 13"),
        ({"eos_id": 13}, r"eos_id must be in 0 … target_vocab_size - 1 = 12, got 13"),
        ({"target_vocab_size": 0}, "target_vocab_size must be at least 1, got 0"),
        ({"eos_id": 0}, "eos_id must differ from pad_id, .* got 0 for both"),
        ({"share_embeddings": True}, "source_vocab_size = 11, target_vocab_size = 13"),
        ({"activation": "tanh"}, "activation must be one of .* got 'tanh'"),
        ({"num_encoder_layers": 0}, "num_encoder_layers must be at least 1, got 0"),
        ({"dropout": 2.0}, r"dropout must be in \[0, 1\), got 2.0"),
    ],
)
def test_impossible_configs_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Transformer(replace(SMALL, **changes))


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (
            torch.ones(5, dtype=torch.long),
            None,
            r"source must be \(batch, length\) of int64 or int32",
        ),
        (torch.ones(2, 5), None, r"source must be .* got \(2, 5\) of torch.float32"),
        (torch.ones(2, 21, dtype=torch.long), None, "at most max_len = 20 tokens, got 21"),
        (None, torch.ones(2, 3, 4).long(), r"target must be .* got \(2, 3, 4\)"),
        (None, torch.ones(2, 21, dtype=torch.long), "target must have at most max_len = 20"),
    ],
)
def test_impossible_inputs_are_refused(source, target, message):
    good = torch.ones(2, 4, dtype=torch.long)
    with pytest.raises(ValueError, match=message):
        Transformer(SMALL)(good if source is None else source, good if target is None else target)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([[], []], "source must have at least one token in each row, got an empty one"),
        ([[0, 0, 0], [3, 4, 5]], "source must have at least one token in each row, got an empty"),
        ([[0, 3, 4], [3, 4, 5]], r"source must have padding \(0\) behind its end only"),
        ([[3, 0, 4], [3, 4, 5]], r"source must have padding \(0\) behind its end only"),
    ],
)
def test_sources_without_a_beginning_are_refused(source, message):
    source = torch.tensor(source).long()
    with pytest.raises(ValueError, match=message):
        Transformer(SMALL)(source, ids(13, 2, 4))
    with pytest.raises(ValueError, match=message):
        generate(Transformer(SMALL), source, max_new_tokens=3)


def test_a_cached_target_counts_what_came_before():
    model, source = model_of(SMALL), ids(11, 2, 5)
    context, mask = model.encode(source)
    cache = KVCache()
    model.decode(ids(13, 2, 18), context, mask, cache=cache)
    with pytest.raises(ValueError, match="target must have at most max_len = 20 tokens, got 21"):
        model.decode(ids(13, 2, 3), context, mask, cache=cache)
    assert model.decode(ids(13, 2, 2), context, mask, cache=cache).shape == (2, 2, 8)
