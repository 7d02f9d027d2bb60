"""Transformer-XL: as large as published, and what it remembers is what it has read."""

import json
from dataclasses import replace

import pytest
import released_xl
import torch
import torch.nn.functional as F
from oracles import EXACT, redraw
from parity import agree
from torch import nn
from torch.testing import assert_close

from transformer_lib.generation import Sampler, beam_search, generate
from transformer_lib.layers.adaptive import AdaptiveEmbedding
from transformer_lib.layers.cache import KVCache
from transformer_lib.measure.maps import collect_attention
from transformer_lib.models.transformer_xl import ENWIK8, TransformerXL, TransformerXLConfig

SMALL = TransformerXLConfig(
    13, d_model=8, num_heads=2, num_layers=3, d_ff=12, dropout=0.3, mem_len=64
)
KINDS = {
    "paper": SMALL,
    "pre-norm": replace(SMALL, norm_first=True),
    "own biases": replace(SMALL, share_biases=False),
    "clamped": replace(SMALL, clamp_len=3),
    "adaptive": replace(SMALL, cutoffs=(4, 9), div_value=2.0),
}
EVERY = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
MODES = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def model_of(config, **changes):
    return redraw(TransformerXL(replace(config, **changes))).eval()


def ids(*shape):
    return torch.randint(13, shape)


def in_segments(read, tokens, sizes, **options):
    """Read tokens cut into segments, and return all logits and the last memory."""
    memory, parts = None, []
    for segment in tokens.split(sizes, dim=1):
        logits, memory = read(segment, memory, **options)
        parts.append(logits)
    return torch.cat(parts, dim=1), memory


# --- what it computes ------------------------------------------------------------------------


@pytest.mark.parametrize("name", released_xl.KINDS)
@pytest.mark.parametrize("by", ["forward", "read"])
def test_equals_the_code_that_the_authors_released(name, by):
    options = dict(released_xl.KINDS[name])
    config = TransformerXLConfig(
        released_xl.VOCAB_SIZE,
        d_model=released_xl.D_MODEL,
        num_heads=released_xl.NUM_HEADS,
        num_layers=released_xl.NUM_LAYERS,
        d_ff=released_xl.D_FF,
        mem_len=released_xl.MEM_LEN,
        share_biases=not options.pop("untie_r", False),
        **options,
    )
    model = TransformerXL(config).double().eval()
    for parameter_name, parameter in model.named_parameters():
        numbers = released_xl.weights(parameter_name, *parameter.shape)
        parameter.data.copy_(numbers)
    read = {"forward": model, "read": model.read}[by]
    logits, _ = in_segments(read, torch.cat(released_xl.segments(), dim=1), released_xl.SEG_LEN)

    theirs = json.loads(released_xl.NUMBERS.read_text(encoding="utf-8"))[name]
    theirs = torch.tensor(theirs, dtype=torch.float64).view_as(logits)
    assert theirs.std() > 0.1  # they do say something
    agree("Transformer-XL", "the authors' code", logits.log_softmax(dim=-1), theirs, atol=1e-12)


def by_hand(model, tokens, memory):
    """The whole model from its layers' parts, in evaluation."""
    x = model.embedding(tokens) * model.config.d_model**0.5
    for n, layer in enumerate(model.layers):
        old = None if memory is None else memory[n]
        if model.config.norm_first:
            x = x + layer.self_attention(layer.norm1(x), old)
            x = x + layer.feed_forward(layer.norm2(x))
        else:
            x = layer.norm1(x + layer.self_attention(x, old))
            x = layer.norm2(x + layer.feed_forward(x))
    return F.linear(model.final_norm(x), model.embedding.weight, model.output_bias)


@pytest.mark.parametrize("norm_first", [True, False])
def test_it_is_its_layers_one_after_another(norm_first):
    model, tokens = model_of(SMALL, norm_first=norm_first), ids(2, 9)
    assert isinstance(model.final_norm, nn.LayerNorm) == norm_first
    logits, memory = model(tokens[:, :4])
    assert_close(logits, by_hand(model, tokens[:, :4], None), **EXACT)
    logits, _ = model(tokens[:, 4:], memory)
    assert_close(logits, by_hand(model, tokens[:, 4:], memory), **EXACT)


@EVERY
@pytest.mark.parametrize("sizes", [[3, 4, 1, 2], [1] * 10, [9, 1]], ids=str)
def test_segments_with_full_memory_are_one_long_pass(config, sizes):
    model, tokens = model_of(config), ids(2, 10)
    expected, memory = model(tokens)
    logits, last = in_segments(model, tokens, sizes)
    assert_close(logits, expected, **EXACT)
    assert_close(last, memory, **EXACT)


@EVERY
@pytest.mark.parametrize("sizes", [[3, 4, 1, 2, 13], [1] * 23, [20, 3]], ids=str)
def test_with_same_length_it_does_not_matter_how_the_text_is_cut(config, sizes):
    model, tokens = model_of(config, mem_len=4, same_length=True), ids(2, 23)
    expected, memory = model(tokens)
    assert memory[0].size(1) == 4
    logits, last = in_segments(model, tokens, sizes)
    assert_close(logits, expected, **EXACT)
    assert_close(last, memory, **EXACT)


@EVERY
@pytest.mark.parametrize("same_length", [True, False])
@pytest.mark.parametrize("mem_len", [1, 5, 64])
def test_read_is_forward(config, same_length, mem_len):
    model, tokens = model_of(config), ids(2, 31)
    options = {"mem_len": mem_len, "same_length": same_length, "clamp_len": 4}
    expected, _ = in_segments(model, tokens, [3, 1, 7, 2, 2, 5, 11], **options)
    logits, cache = in_segments(model.read, tokens, [3, 1, 7, 2, 2, 5, 11], **options)
    assert_close(logits, expected, **EXACT)
    assert not logits.requires_grad
    assert cache.mem_len == mem_len


def test_read_keeps_the_length_of_its_cache():
    model, tokens = model_of(SMALL, mem_len=2), ids(2, 12)
    cache = model.read(tokens[:, :5], mem_len=4)[1]
    memory = model(tokens[:, :5], mem_len=4)[1]
    expected = model(tokens[:, 5:], memory)[0]
    assert_close(model.read(tokens[:, 5:], cache)[0], expected, **EXACT)
    assert cache.mem_len == 4


@EVERY
@MODES
def test_the_future_changes_nothing_across_segments(config, training):
    model, tokens = model_of(config, mem_len=5).train(training), ids(2, 12)

    def read(tokens):
        torch.manual_seed(1)  # the same dropout every time
        return in_segments(model, tokens, [4, 4, 4])[0]

    out = read(tokens)
    for t in range(1, 12):
        changed = tokens.clone()
        changed[:, t:] = (changed[:, t:] + 1) % 13
        other = read(changed)
        assert_close(other[:, :t], out[:, :t], **EXACT)
        assert (other[:, t:] - out[:, t:]).abs().amax(-1).min() > 1e-6


@pytest.mark.parametrize("by", ["forward", "read"])
@pytest.mark.parametrize(
    ("config", "call"),
    [
        ({"same_length": True, "mem_len": 3}, {"same_length": False}),
        ({"same_length": False, "mem_len": 3}, {"same_length": True}),
        ({"clamp_len": 1}, {"clamp_len": 4}),
        ({"mem_len": 2}, {"mem_len": 5}),
        ({"mem_len": 5}, {"mem_len": 0}),
    ],
    ids=str,
)
def test_what_a_call_says_holds_against_the_config(by, config, call):
    model, tokens = model_of(SMALL, **config), ids(2, 12)
    other = TransformerXL(replace(model.config, **call)).double().eval()
    other.load_state_dict(model.state_dict())
    reads = [{"forward": m, "read": m.read}[by] for m in (model, other)]
    told = in_segments(reads[0], tokens, [4, 4, 4], **call)[0]
    assert_close(told, in_segments(reads[1], tokens, [4, 4, 4])[0], **EXACT)
    assert (told - in_segments(reads[0], tokens, [4, 4, 4])[0]).abs().max() > 1e-6
    nothing = dict.fromkeys(call)  # None: as in the config
    assert_close(
        in_segments(reads[1], tokens, [4, 4, 4], **nothing)[0],
        in_segments(reads[1], tokens, [4, 4, 4])[0],
        rtol=0,
        atol=0,
    )


def test_memory_is_read():
    model, tokens = model_of(SMALL), ids(2, 8)
    memory = model(tokens[:, :4])[1]
    with_memory, without = (model(tokens[:, 4:], m)[0] for m in (memory, None))
    assert (with_memory - without).abs().amax(-1).min() > 1e-3
    assert_close(model(tokens[:, 4:], mem_len=0)[0], without, **EXACT)


def test_it_reaches_back_a_memory_for_each_layer():
    model = model_of(SMALL, mem_len=4)  # 3 layers, segments of 4: 3 segments back, no farther
    tokens = ids(1, 20)
    for segment, reached in [(0, False), (1, True), (2, True), (3, True)]:
        changed = tokens.clone()
        changed[:, 4 * segment : 4 * segment + 4] = (changed[:, 4 * segment :][:, :4] + 1) % 13
        out, other = (in_segments(model, t, [4] * 5)[0][:, 16:] for t in (tokens, changed))
        assert bool((other - out).abs().max() > 1e-9) == reached


def test_same_length_sees_exactly_the_last_positions():
    model, tokens = model_of(SMALL, mem_len=3, same_length=True), ids(1, 8)
    memory = model(tokens[:, :4])[1]
    with collect_attention(model) as maps:
        model(tokens[:, 4:], memory)
    assert len(maps) == 3
    for weights in maps.values():
        assert weights.shape == (1, 2, 4, 7)
        distance = torch.arange(4)[:, None] + 3 - torch.arange(7)
        assert torch.equal(weights[0, 0] > 0, (distance >= 0) & (distance < 3))


@pytest.mark.parametrize("mem_len", [0, 1, 3, 6, 100])
@pytest.mark.parametrize("norm_first", [True, False])
def test_memory_is_what_each_attention_has_read_at_the_last_positions(norm_first, mem_len):
    model, tokens = model_of(SMALL, norm_first=norm_first), ids(2, 9)
    inputs = []
    for layer in model.layers:
        layer.self_attention.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    model(tokens)
    memory = in_segments(model, tokens, [2, 4, 3], mem_len=100)[1]
    short = in_segments(model, tokens, [2, 4, 3], mem_len=mem_len)[1]
    assert len(memory) == len(short) == 3
    assert_close(memory, tuple(inputs[:3]), **EXACT)
    assert all(x.shape == (2, min(9, mem_len), 8) for x in short)
    assert_close(short[0], inputs[0][:, 9 - min(9, mem_len) :], **EXACT)


def test_memory_carries_no_gradient():
    model, tokens = model_of(SMALL, dropout=0.0).train(), ids(2, 8)
    memory = model(tokens[:, :4])[1]
    assert not any(x.requires_grad for x in memory)
    given = tuple(x.clone().requires_grad_() for x in memory)
    _, new = model(tokens[:, 4:], given)
    assert not any(x.requires_grad for x in new)
    # What it returns is a copy: it holds on to nothing else, and nothing can change it.
    storages = {x.untyped_storage().data_ptr() for x in (*given, *memory)}
    assert all(x.untyped_storage().data_ptr() not in storages for x in new)
    assert all(x.untyped_storage().nbytes() == x.nbytes for x in (*new, *memory))


def test_gradients_see_the_memory_as_constant():
    model, tokens = model_of(SMALL, dropout=0.0).train(), ids(2, 8)
    constant = tuple(x.clone() for x in model(tokens[:, :4])[1])
    grads = []
    for memory in (model(tokens[:, :4])[1], constant):
        model.zero_grad()
        model(tokens[:, 4:], memory)[0].square().sum().backward()
        grads.append([p.grad for p in model.parameters()])
    assert_close(*grads, **EXACT)
    assert all(grad is not None for grad in grads[0])


# --- losses and vocabularies -----------------------------------------------------------------


@EVERY
def test_targets_give_the_loss_of_each(config):
    model, tokens = model_of(config), ids(2, 6)
    targets = ids(2, 6)
    targets[0, 2] = targets[1, 5] = -100
    logits, memory = model(tokens)
    losses, same = model(tokens, targets=targets)
    log_p = logits.log_softmax(-1).gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    assert_close(losses, -log_p.masked_fill(targets == -100, 0.0), **EXACT)
    assert_close(memory, same, rtol=0, atol=0)
    losses.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@EVERY
def test_probabilities_sum_to_one(config):
    logits, _ = model_of(config)(ids(2, 6))
    assert logits.shape == (2, 6, 13)
    if config.cutoffs:  # these are log p already
        assert_close(logits.exp().sum(-1), torch.ones(2, 6).double(), **EXACT)


def test_adaptive_embedding_looks_up_each_group():
    embedding = redraw(AdaptiveEmbedding(13, 8, (4, 9), 2.0))
    assert [table.weight.shape for table in embedding.tables] == [(4, 8), (5, 4), (4, 2)]
    every = torch.cat(
        [
            embedding.tables[0].weight,
            embedding.maps[0](embedding.tables[1].weight),
            embedding.maps[1](embedding.tables[2].weight),
        ]
    )
    tokens = ids(3, 7)
    out = embedding(tokens)
    assert_close(out, every[tokens], **EXACT)
    out.square().sum().backward()
    used = torch.zeros(13, dtype=torch.bool)
    used[tokens] = True
    got = torch.cat([(table.weight.grad != 0).any(-1) for table in embedding.tables])
    assert torch.equal(got, used)


def test_adaptive_weights_are_few_and_those_of_rare_words_are_shared():
    wide = TransformerXLConfig(1000, d_model=16, num_heads=2, num_layers=1, d_ff=16)
    plain = sum(p.numel() for p in TransformerXL(wide).parameters())
    model = TransformerXL(replace(wide, cutoffs=(50, 200), div_value=4.0))
    assert sum(p.numel() for p in model.parameters()) < 0.4 * plain
    assert model.output.tail[1][1].weight is model.embedding.tables[2].weight


def test_embeddings_are_of_unit_variance():
    model = TransformerXL(replace(SMALL, vocab_size=5000, dropout=0.0))
    memory = model(torch.arange(5000)[None], mem_len=5000)[1]
    assert_close(memory[0].std().item(), 1.0, rtol=0, atol=0.02)


def test_parameters_are_as_many_as_published():
    with torch.device("meta"):
        model = TransformerXL(ENWIK8)
    assert (ENWIK8.d_model, ENWIK8.num_layers, ENWIK8.head_dim, ENWIK8.mem_len) == (
        512,
        12,
        64,
        512,
    )
    layer = 5 * 512**2 + 2 * 512 * 2048 + 2048 + 512 + 4 * 512
    expected = 12 * layer + 2 * 512 + 204 * 512 + 204
    assert sum(p.numel() for p in model.parameters()) == expected == 41_055_436


@pytest.mark.parametrize(("share", "vectors"), [(True, 2), (False, 6)])
def test_u_and_v_are_one_for_all_layers_unless_untied(share, vectors):
    model = TransformerXL(replace(SMALL, share_biases=share))
    found = {
        p for n, p in model.named_parameters() if n.endswith(("content_bias", "position_bias"))
    }
    assert len(found) == vectors
    assert all(p.shape == (8,) for p in found)


def test_dropout_is_where_the_config_says():
    tokens = ids(2, 6)
    for name in ("dropout", "attention_dropout"):
        model = model_of(SMALL, **({"dropout": 0.0} | {name: 0.5})).train()
        assert (model(tokens)[0] - model(tokens)[0]).abs().max() > 1e-3
        model.eval()
        assert_close(model(tokens)[0], model(tokens)[0], rtol=0, atol=0)
    rates = [m.p for m in model_of(SMALL, dropout=0.25).modules() if isinstance(m, nn.Dropout)]
    assert len(rates) == 1 + 3 * 3  # on embeddings and features; R, feed-forward and residuals
    assert set(rates) == {0.25}
    calm = model_of(SMALL, dropout=0.0).train()
    assert_close(calm(tokens)[0], calm(tokens)[0], rtol=0, atol=0)


def test_dropout_falls_on_the_features_too():
    model = model_of(SMALL, dropout=0.0).train()
    model.dropout.p = 1.0  # on embeddings and on features: now only the last bias is left
    logits, _ = model(ids(2, 6))
    assert_close(logits, model.output_bias.expand(2, 6, 13), rtol=0, atol=0)


@EVERY
@pytest.mark.parametrize("by", ["logits", "losses"])
def test_under_autocast_it_is_the_same_but_for_rounding(config, by):
    model, tokens = model_of(config, dropout=0.0).float(), ids(2, 9)
    targets = ids(2, 9) if by == "losses" else None
    expected, memory = model(tokens, targets=targets)
    with torch.autocast("cpu", torch.bfloat16):
        out, _ = model(tokens, targets=targets)
        later, _ = model(tokens, memory, targets=targets)
    later.float().sum().backward()
    assert_close(out.float(), expected, rtol=0, atol=0.1)
    assert all(p.grad.isfinite().all() for p in model.parameters())


# --- generation ------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("max_len", [None, 3])
def test_generation_with_memory_is_the_full_pass(config, max_len):
    model, prompt = model_of(config, max_len=max_len), ids(2, 7)
    written = generate(model, prompt, max_new_tokens=9)
    whole = model_of(config)
    whole.load_state_dict(model.state_dict())
    logits, _ = whole(torch.cat([prompt, written], dim=1))
    assert torch.equal(logits[:, 6:-1].argmax(-1), written)
    tokens, state = model.start(prompt)
    for t in range(9):
        assert_close(model.step(tokens, state), logits[:, 6 + t], **EXACT)
        tokens = written[:, t : t + 1]


def test_generation_remembers_mem_len_positions():
    model, prompt = model_of(SMALL, mem_len=4), ids(2, 6)
    written = generate(model, prompt, max_new_tokens=8)
    logits, memory = model(prompt)
    for t in range(8):
        assert torch.equal(logits[:, -1].argmax(-1), written[:, t])
        logits, memory = model(written[:, t : t + 1], memory)


def test_sampling_and_beams_go_by_the_same_memory():
    model, prompt = model_of(SMALL, eos_id=3), ids(3, 5)
    beams, scores = beam_search(
        model, prompt, max_new_tokens=6, num_beams=4, length_penalty=0.0, return_scores=True
    )
    for row in range(3):
        written = (
            beams[row][: (beams[row] == 3).int().argmax() + 1] if 3 in beams[row] else beams[row]
        )
        tokens = torch.cat([prompt[row], written])[None]
        losses, _ = model(tokens[:, :-1], targets=tokens[:, 1:])
        assert_close(-losses[:, 4:].sum(), scores[row].double(), rtol=0, atol=1e-5)
    generator = torch.Generator().manual_seed(0)
    sampled = generate(model, prompt, max_new_tokens=6, choose=Sampler(generator=generator))
    assert sampled.shape[0] == 3


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": 0}, "vocab_size must be at least 1, got 0"),
        ({"num_layers": 0}, "num_layers must be at least 1"),
        ({"max_len": 0}, "max_len must be None or at least 1, got 0"),
        ({"d_ff": 0}, "d_ff must be at least 1, got 0"),
        ({"mem_len": 1.5}, "mem_len must be a whole number, got 1.5"),
        ({"same_length": "no"}, "same_length must be True or False, got 'no'"),
        ({"num_heads": 3}, "d_model must be a positive multiple of num_heads, got d_model = 8"),
        ({"num_heads": 0}, "num_heads must be at least 1, got 0"),
        ({"d_model": 9, "num_heads": 3}, "d_model must be a positive even number"),
        ({"mem_len": -1}, "mem_len must be at least 0, got -1"),
        ({"mem_len": 0, "same_length": True}, "mem_len must be at least 1 with same_length"),
        ({"clamp_len": 0}, "clamp_len must be None or at least 1, got 0"),
        (
            {"cutoffs": (5, 5)},
            r"cutoffs must rise, between 1 and vocab_size - 1 = 12, got \(5, 5\)",
        ),
        ({"cutoffs": (0, 5)}, "cutoffs must rise"),
        ({"cutoffs": (5, 13)}, "cutoffs must rise"),
        ({"cutoffs": (5, 8), "div_value": 3.0}, "div_value must be at least 1 and leave"),
        ({"div_value": 0.5}, "div_value must be at least 1"),
        ({"eos_id": 13}, "eos_id must be in 0 … vocab_size - 1 = 12, got 13"),
        ({"dropout": 1.5}, "dropout"),
    ],
)
def test_bad_configs_are_refused_in_words(changes, message):
    with pytest.raises(ValueError, match=message):
        TransformerXL(replace(SMALL, **changes))


def memory_of(batch=2, length=4, width=8, layers=3, device="cpu"):
    return tuple(torch.zeros(batch, length, width, device=device).double() for _ in range(layers))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m: m(ids(2, 6), memory_of(batch=3)),
            r"memory\[0\] must be \(batch = 2, mem_len = ",
        ),
        (lambda m: m(ids(2, 6), memory_of(width=6)), r"memory\[0\] must be .* got \(2, 4, 6\)"),
        (
            lambda m: m(ids(2, 6), memory_of(layers=4)),
            "tensor for each of num_layers = 3 layers, go",
        ),
        (lambda m: m(ids(2, 6), ()), "memory must have a tensor for each"),
        (
            lambda m: m(ids(2, 6), memory_of(device="meta")),
            r"memory\[0\] must be on cpu, as ids, got",
        ),
        (
            lambda m: m(ids(2, 6), (*memory_of(layers=2), *memory_of(length=5, layers=1))),
            r"memory\[2\] must be \(batch = 2, mem_len = 4",
        ),
        (lambda m: m(ids(2, 7)), "ids must have at most max_len = 6 tokens, got 7"),
        (lambda m: m.read(ids(2, 7)), "ids must have at most max_len = 6 tokens, got 7"),
        (lambda m: m(ids(7)), r"ids must be \(batch, length\) of int64 or int32"),
        (lambda m: m(ids(2, 6).double()), r"ids must be \(batch, length\) of int64 or int32"),
        (lambda m: m(ids(2, 6), clamp_len=0), "clamp_len must be None or at least 1, got 0"),
        (lambda m: m(ids(2, 6), mem_len=-1), "mem_len must be at least 0"),
        (lambda m: m(ids(2, 6), mem_len=0, same_length=True), "mem_len must be at least 1 with"),
        (
            lambda m: m(ids(2, 6), targets=ids(2, 5)),
            r"targets must have the shape of ids, \(2, 6\)",
        ),
        (lambda m: generate(m, ids(2, 0), max_new_tokens=2), "prompt must have at least one token"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call(model_of(SMALL, max_len=6))


def test_a_cache_of_another_batch_is_refused():
    model = model_of(SMALL)
    cache = model.read(ids(2, 4))[1]
    assert isinstance(cache, KVCache)
    with pytest.raises(ValueError, match="k and v must fit the cache"):
        model.read(ids(3, 4), cache)
