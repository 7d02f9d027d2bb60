"""The recurrent model: its attention as published, its state, and nothing of the padding."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from oracles import EXACT, randn, redraw
from torch import nn
from torch.testing import assert_close

from transformer_lib.generation import generate
from transformer_lib.models.recurrent import AdditiveAttention, Recurrent, RecurrentConfig

SMALL = RecurrentConfig(11, 13, d_model=6, num_layers=2, dropout=0.3, max_len=20)
EVERY = pytest.mark.parametrize(
    "config",
    [replace(SMALL, attention=a, num_layers=n) for a in (True, False) for n in (1, 2)],
    ids=lambda c: f"{'attention' if c.attention else 'summary'}-{c.num_layers}",
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def model_of(config):
    return redraw(Recurrent(config)).eval()


def ids(vocab_size, *shape):
    return torch.randint(3, vocab_size, shape)


# --- attention ------------------------------------------------------------------------------


def test_additive_attention_is_its_formula():
    attention = redraw(AdditiveAttention(4)).requires_grad_(False)
    query, memory = randn(2, 4), randn(2, 5, 4)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    context, weights = attention(query, attention.k_proj(memory), memory, mask)
    w, u, b = attention.q_proj.weight, attention.k_proj.weight, attention.k_proj.bias
    v = attention.score.weight[0]
    for row, length in ((0, 5), (1, 3)):
        scores = [float(v @ torch.tanh(w @ query[row] + u @ h + b)) for h in memory[row, :length]]
        total = sum(math.exp(score) for score in scores)
        expected = torch.tensor([math.exp(score) / total for score in scores]).double()
        assert_close(weights[row, :length], expected, rtol=0, atol=1e-7)
        assert_close(context[row], weights[row, :length] @ memory[row, :length], **EXACT)
    assert (weights[1, 3:] == 0).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"query": torch.zeros(1, 4)}, r"query must be \(2, 4\), got \(1, 4\)"),
        ({"keys": torch.zeros(2, 1, 4)}, r"keys must be \(2, 5, 4\), got \(2, 1, 4\)"),
        ({"context": torch.zeros(2, 5, 3)}, r"context must be \(batch, len, d_model = 4\)"),
        ({"mask": torch.ones(2, 1).bool()}, r"mask must be \(2, 5\), got \(2, 1\)"),
        ({"mask": torch.ones(2, 5)}, "mask must be boolean"),
        ({"mask": torch.zeros(2, 5).bool()}, "a True in each row"),
        ({"query": torch.zeros(2, 4).half()}, "query must be torch.float32"),
    ],
)
def test_additive_attention_refuses_what_would_only_broadcast(given, said):
    good = {"query": torch.zeros(2, 4), "keys": torch.zeros(2, 5, 4)}
    good |= {"context": torch.zeros(2, 5, 4), "mask": torch.ones(2, 5).bool()}
    attention = AdditiveAttention(4).float()
    attention(**good)
    with pytest.raises(ValueError, match=said):
        attention(**good | given)


def test_weights_sum_to_one_over_the_source():
    model, source = model_of(SMALL), ids(11, 3, 6)
    source[0, 4:] = source[2, 1:] = SMALL.pad_id
    _, weights = model.decode(ids(13, 3, 5), model.encode(source))
    assert weights.shape == (3, 5, 6)
    assert_close(weights.sum(-1), torch.ones(3, 5).double(), **EXACT)
    assert (weights.transpose(1, 2)[source == SMALL.pad_id] == 0).all()
    assert (weights[1] > 0).all()


def test_without_attention_there_are_no_weights():
    model = model_of(replace(SMALL, attention=False))
    assert model.decode(ids(13, 3, 5), model.encode(ids(11, 3, 6)))[1] is None


# --- the whole ------------------------------------------------------------------------------


def test_the_model_is_its_equations():
    """One layer, one sequence, written out with LSTM cells."""
    model, source, target = model_of(replace(SMALL, num_layers=1)), ids(11, 1, 4), ids(13, 1, 3)
    ahead, back = (cell(model.encoder, end) for end in ("l0", "l0_reverse"))
    x = model.source_embedding(source)[0]
    left, right = states(ahead, x), states(back, x.flip(0))[::-1]
    memory = torch.stack([torch.cat([a[0], b[0]], -1) for a, b in zip(left, right, strict=True)])
    memory = memory.transpose(0, 1)  # (1, 4, 6)
    state = tuple(torch.cat([a, b], -1) for a, b in zip(left[-1], right[0], strict=True))
    decoder, keys = cell(model.decoder, "l0"), model.attention.k_proj(memory)
    for t, y in enumerate(model.target_embedding(target)[0]):
        context, _ = model.attention(state[0], keys, memory, torch.ones(1, 4).bool())
        state = decoder(torch.cat([y[None], context], -1), state)
        features = torch.tanh(model.merge(torch.cat([state[0], context], -1)))
        assert_close(model(source, target)[:, t], model.head(features), **EXACT)


@EVERY
def test_the_decoder_is_its_equations(config):
    """With attention and without, of one layer and of two, written out with LSTM cells."""
    model, source, target = model_of(config), ids(11, 2, 4), ids(13, 2, 3)
    state, expected = model.encode(source), []
    cells = [cell(model.decoder, f"l{i}") for i in range(config.num_layers)]
    at = list(zip(state.hidden, state.cell, strict=True))
    for y in model.target_embedding(target).unbind(dim=1):
        context = state.summary  # the same every time, or a look with the highest layer's state
        if config.attention:
            context, _ = model.attention(at[-1][0], state.keys, state.context, state.mask)
        x = torch.cat([y, context], -1)
        for i, layer in enumerate(cells):
            at[i] = layer(x, at[i])
            x = at[i][0]
        expected.append(model.head(torch.tanh(model.merge(torch.cat([x, context], -1)))))
    assert_close(model(source, target), torch.stack(expected, dim=1), **EXACT)


def test_the_decoder_starts_where_each_layer_of_the_encoder_ended():
    model, source = model_of(SMALL), ids(11, 2, 4)
    source[1, 2:] = SMALL.pad_id
    state = model.encode(source)
    lower = nn.LSTM(6, 3, bidirectional=True, batch_first=True).double()
    lower.load_state_dict({k: v for k, v in model.encoder.state_dict().items() if "l0" in k})
    for row, length in enumerate((4, 2)):
        out, (_, cells) = lower(model.source_embedding(source[row : row + 1, :length]))
        ends = torch.cat([out[0, -1, :3], out[0, 0, 3:]])  # each direction where it stops
        assert_close(state.hidden[0, row], ends, **EXACT)
        assert_close(state.cell[0, row], cells.flatten(), **EXACT)
        ends = torch.cat([state.context[row, length - 1, :3], state.context[row, 0, 3:]])
        assert_close(state.hidden[1, row], ends, **EXACT)
        assert_close(state.summary[row], ends, **EXACT)


def cell(lstm, end):
    weights = [getattr(lstm, f"{name}_{end}") for name in ("weight_ih", "weight_hh")]
    biases = [getattr(lstm, f"{name}_{end}") for name in ("bias_ih", "bias_hh")]
    out = nn.LSTMCell(weights[0].size(1), weights[1].size(1)).double()
    for own, other in zip(out.parameters(), weights + biases, strict=True):
        own.data = other.data
    return out


def states(cell, x):
    state, out = None, []
    for one in x:
        state = cell(one[None], state)
        out.append(state)
    return out


def test_every_gradient_is_right():
    model, source, target = model_of(SMALL), ids(11, 1, 3), ids(13, 1, 2)
    weight = model.source_embedding.weight
    function = lambda w: torch.func.functional_call(  # noqa: E731
        model, {"source_embedding.weight": w}, (source, target)
    )
    assert torch.autograd.gradcheck(function, weight)


def test_it_learns_to_spell_backwards():
    config = replace(SMALL, d_model=32, num_layers=1, dropout=0.0)
    model = Recurrent(config)
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


def test_dropout_falls_on_embeddings_and_features():
    model, source, target = model_of(SMALL).train(), ids(11, 2, 5), ids(13, 2, 4)
    dropped = []
    model.dropout.register_forward_hook(lambda *call: dropped.append(call[1:]))
    out = model(source, target)
    for x in (model.source_embedding(source), model.target_embedding(target)):
        assert any(torch.equal(x, given) for (given,), _ in dropped)
    assert_close(model.head(dropped[-1][1]), out, **EXACT)


def test_dropout_falls_between_the_layers_too():
    model = Recurrent(SMALL)
    assert (model.encoder.dropout, model.decoder.dropout) == (0.3, 0.3)
    model = Recurrent(replace(SMALL, num_layers=1))  # there is nothing between
    assert (model.encoder.dropout, model.decoder.dropout) == (0.0, 0.0)


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"d_model": 5}, "d_model must be a positive even number, got 5"),
        ({"d_model": 0}, "d_model must be a positive even number, got 0"),
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
        ({"eos_id": 13}, r"eos_id must be in 0 … target_vocab_size - 1 = 12, got 13"),
        ({"dropout": 2.0}, r"dropout must be in \[0, 1\), got 2.0"),
    ],
)
def test_impossible_configs_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Recurrent(replace(SMALL, **changes))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([[3.0, 4.0]], r"source must be \(batch, length\) of int64 or int32"),
        ([3, 4], r"source must be \(batch, length\) of int64 or int32"),
        ([[3] * 21], "source must have at most max_len = 20 tokens, got 21"),
        ([[3, 0, 4], [3, 4, 5]], r"padding \(0\) behind its end only"),
        ([[], []], "at least one token in each row, got an empty one"),
        ([[0, 3, 4], [3, 4, 5]], r"padding \(0\) behind its end only"),
        ([[0, 0, 0], [3, 4, 5]], "at least one token in each row, got an empty one"),
    ],
)
def test_impossible_sources_are_refused(source, message):
    source = torch.tensor(source)
    source = source if source.numel() else source.long()
    with pytest.raises(ValueError, match=message):
        Recurrent(SMALL)(source, ids(13, len(source), 4))


def test_a_target_for_another_number_of_sources_is_refused():
    with pytest.raises(ValueError, match="target must have the batch size of source, 2, got 3"):
        Recurrent(SMALL)(ids(11, 2, 4), ids(13, 3, 4))


def test_impossible_targets_are_refused():
    with pytest.raises(ValueError, match="target must have at most max_len = 20"):
        Recurrent(SMALL)(ids(11, 2, 4), ids(13, 2, 21))
