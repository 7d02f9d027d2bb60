"""Generation: each way of choosing is what it says, with every kind of model, row by row."""

import math
from inspect import signature
from itertools import product

import pytest
import torch
from oracles import redraw
from torch import nn
from torch.testing import assert_close

from transformer_lib.generation import (
    Sampler,
    beam_search,
    generate,
    greedy,
    keep_top_k,
    keep_top_p,
)
from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import Rotary
from transformer_lib.models.recurrent import Recurrent, RecurrentConfig
from transformer_lib.models.transformer import Transformer, TransformerConfig

PAD, BOS, EOS = 0, 1, 2


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


class Prefix:
    """The state of `Oracle`: all tokens so far."""

    def __init__(self):
        self.tokens = None

    def reorder(self, rows):
        self.tokens = self.tokens[rows]


class Oracle(nn.Module):
    """Scores that depend on every token so far, and on the input: nothing can be mixed up."""

    def __init__(self, vocab_size=4, eos_id=EOS, max_len=None, end=0.0):
        super().__init__()
        self.vocab_size, self.eos_id, self.pad_id, self.max_len = vocab_size, eos_id, PAD, max_len
        self.end, self.steps = end, []

    def start(self, inputs):
        return inputs, Prefix()

    def step(self, tokens, state):
        seen = tokens if state.tokens is None else torch.cat([state.tokens, tokens], dim=1)
        state.tokens = seen
        self.steps.append(len(seen))
        return torch.stack([self.logits(prefix) for prefix in seen.tolist()])

    def logits(self, prefix):
        seed = sum((token + 1) * 97**i for i, token in enumerate(prefix)) % 2**31
        logits = torch.randn(self.vocab_size, generator=torch.Generator().manual_seed(seed))
        if self.eos_id is not None:
            logits[self.eos_id] += self.end
        return logits


class DecoderOnly(nn.Module):
    """A language model from the library's parts, as small as it gets."""

    eos_id, pad_id, max_len = EOS, PAD, 32

    def __init__(self, vocab_size=9):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, 8)
        layers = [
            EncoderLayer(
                MultiHeadAttention(8, 2, causal=True, rotary=Rotary(4)), FeedForward(8, 16)
            )
            for _ in range(2)
        ]
        self.encoder = Encoder(layers, final_norm=nn.LayerNorm(8))

    def forward(self, tokens, cache=None):
        return self.encoder(self.embedding(tokens), cache=cache) @ self.embedding.weight.T

    def start(self, prompt):
        return prompt, KVCache()

    def step(self, tokens, cache):
        return self(tokens, cache)[:, -1]


def transformer(positions="rotary"):
    config = TransformerConfig(
        9, 9, d_model=8, num_heads=2, num_encoder_layers=2, num_decoder_layers=2, d_ff=16,
        positions=positions, dropout=0.3, max_len=32,
    )  # fmt: skip
    return redraw(Transformer(config))


def recurrent(attention):
    return redraw(Recurrent(RecurrentConfig(9, 9, d_model=8, attention=attention, max_len=32)))


MODELS = {
    "transformer": transformer,
    "learned": lambda: transformer("learned"),
    "recurrent": lambda: recurrent(True),
    "summary": lambda: recurrent(False),
    "decoder-only": lambda: redraw(DecoderOnly()),
}
EVERY = pytest.mark.parametrize("name", MODELS)


def restless(logits):
    """Greedy text of random weights repeats itself; this way the least difference shows."""
    return 3 * torch.sin(1000 * logits)


def model_and_inputs(name, batch=6):
    model = MODELS[name]()
    step = model.step
    model.step = lambda tokens, state: restless(step(tokens, state))
    inputs = torch.randint(3, 9, (batch, 5))
    if name != "decoder-only":
        inputs[::2, 3:] = PAD
    return model, inputs


def next_logits(model, inputs, written):
    """Scores after `written` (batch, len), from the whole sequence at once."""
    if isinstance(model, DecoderOnly):
        return restless(model(torch.cat([inputs, written], dim=1))[:, -1])
    bos = inputs.new_full((len(inputs), 1), BOS)
    return restless(model(inputs, torch.cat([bos, written], dim=1))[:, -1])


def cut(row):
    """A row of the output up to its end token."""
    row = row.tolist()
    return row[: row.index(EOS) + 1] if EOS in row else row


# --- greedy ---------------------------------------------------------------------------------


@EVERY
def test_greedy_is_the_argmax_written_out(name):
    model, inputs = model_and_inputs(name)
    out = generate(model, inputs, max_new_tokens=12)
    model.eval()
    written = inputs[:, :0]
    for _ in range(12):
        written = torch.cat([written, next_logits(model, inputs, written).argmax(-1)[:, None]], 1)
    assert [cut(row) for row in out] == [cut(row) for row in written]
    assert out.unique().numel() > 6
    assert len({len(cut(row)) for row in out}) > 1


@EVERY
@pytest.mark.parametrize("search", [generate, beam_search])
def test_a_row_does_not_depend_on_the_others(name, search):
    model, inputs = model_and_inputs(name)
    together = search(model, inputs, max_new_tokens=12)
    for row, alone in zip(together, inputs.split(1), strict=True):
        alone = alone[:, : int((alone != PAD).sum())]
        assert cut(row) == cut(search(model, alone, max_new_tokens=12)[0])


def test_a_row_that_has_ended_is_padded_and_leaves_the_batch():
    model = Oracle(vocab_size=6, end=1.0)
    inputs = torch.arange(12).view(12, 1)
    out = generate(model, inputs, max_new_tokens=20)
    lengths = [len(cut(row)) for row in out]
    assert len(set(lengths)) > 3
    assert max(lengths) == out.size(1) < 20  # it stops with the last of them
    for row, length in zip(out, lengths, strict=True):
        assert row[length - 1] == EOS
        assert (row[length:] == PAD).all()
    assert model.steps == [sum(n > t for n in lengths) for t in range(max(lengths))]


@pytest.mark.parametrize("search", [generate, beam_search])
def test_without_an_end_token_all_rows_have_full_length(search):
    model = Oracle(vocab_size=5, eos_id=None)
    assert search(model, torch.tensor([[3], [4]]), max_new_tokens=7).shape == (2, 7)


@pytest.mark.parametrize("search", [generate, beam_search])
def test_the_model_is_left_as_it_was(search):
    model, inputs = model_and_inputs("transformer")
    model.train()
    model.encoder.eval()
    expected = {name: m.training for name, m in model.named_modules()}
    state = torch.get_rng_state()
    out = search(model, inputs, max_new_tokens=5)
    assert torch.equal(torch.get_rng_state(), state)  # no dropout was drawn
    assert {name: m.training for name, m in model.named_modules()} == expected
    assert torch.equal(search(model.eval(), inputs, max_new_tokens=5), out)
    with pytest.raises(ValueError, match="source must have at most"):
        search(model.train(), torch.ones(1, 40, dtype=torch.long), max_new_tokens=5)
    assert model.training


@EVERY
def test_a_model_can_train_on_what_it_has_written(name):
    model, inputs = model_and_inputs(name)
    for search in (generate, beam_search):
        out = search(model, inputs, max_new_tokens=12)
        next_logits(model.train(), inputs, out).sum().backward()
    assert not out.is_inference()
    assert all(p.grad is not None for p in model.parameters())


# --- sampling -------------------------------------------------------------------------------


def frequencies(sampler, logits, draws=40_000):
    tokens = sampler(logits.expand(draws, -1))
    return torch.bincount(tokens, minlength=logits.size(-1)) / draws


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_samples_are_distributed_as_the_softmax(temperature):
    logits, generator = torch.randn(8), torch.Generator().manual_seed(1)
    p = (logits / temperature).softmax(-1)
    seen = frequencies(Sampler(temperature=temperature, generator=generator), logits)
    chi_square = 40_000 * ((seen - p) ** 2 / p).sum()
    assert chi_square < 24.3  # exceeded once in a thousand times, with 7 degrees of freedom


def test_top_k_keeps_the_k_likeliest():
    logits = torch.tensor([[1.0, 4.0, 2.0, 3.0], [0.0, 0.0, 0.0, 0.0]])
    kept = keep_top_k(logits, 2)
    assert kept[0].tolist() == [-math.inf, 4.0, -math.inf, 3.0]
    assert kept.isfinite().sum(-1).tolist() == [2, 2]  # also where all are equal
    assert torch.equal(keep_top_k(logits, 9), logits)
    seen = frequencies(Sampler(top_k=2), logits[0])
    assert_close(seen, kept[0].softmax(-1), rtol=0, atol=0.02)
    noise = torch.randn(50, 7)
    assert torch.equal(Sampler(top_k=1)(noise), greedy(noise))


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0.01, [1]), (0.49, [1]), (0.51, [1, 3]), (0.81, [1, 2, 3]), (1.0, [0, 1, 2, 3])],
)
def test_top_p_keeps_the_fewest_that_reach_p(top_p, kept):
    logits = torch.tensor([0.05, 0.5, 0.15, 0.3]).log()
    out = keep_top_p(logits.expand(3, -1), top_p)
    for row in out:
        assert row.isfinite().nonzero().flatten().tolist() == kept
        assert torch.equal(row[kept], logits[kept])
    seen = frequencies(Sampler(top_p=top_p), logits)
    assert_close(seen, out[0].softmax(-1), rtol=0, atol=0.02)


def test_temperature_comes_first_then_top_k_then_top_p():
    logits = torch.tensor([0.5, 0.25, 0.15, 0.1]).log()
    # Of the two likeliest the first has 2/3: enough for 0.6, though not among all four.
    assert frequencies(Sampler(top_k=2, top_p=0.6), logits)[1] == 0
    assert frequencies(Sampler(top_p=0.6), logits)[1] > 0
    # At temperature 1/4 the first has 0.93 of all.
    assert frequencies(Sampler(temperature=0.25, top_p=0.9), logits)[1] == 0


@EVERY
def test_samples_can_be_drawn_again(name):
    model, inputs = model_and_inputs(name)

    def sample(seed):
        sampler = Sampler(temperature=2.0, generator=torch.Generator().manual_seed(seed))
        return generate(model, inputs, max_new_tokens=12, choose=sampler).tolist()

    first = sample(1)
    torch.rand(7)  # torch's own generator has no part in it
    assert sample(1) == first
    assert sample(2) != first


# --- beam search ----------------------------------------------------------------------------


def all_sequences(vocab_size, length):
    """Every sequence that ends, or is cut at `length`."""
    going_on = [token for token in range(vocab_size) if token != EOS]
    for n in range(length):
        for head in product(going_on, repeat=n):
            yield (*head, EOS)
    yield from product(going_on, repeat=length)


def log_p(model, start, sequence):
    logits = [model.logits([*start, *sequence[:i]]) for i in range(len(sequence))]
    return sum(float(x.log_softmax(-1)[t]) for x, t in zip(logits, sequence, strict=True))


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 2.0])
def test_enough_beams_search_everything(length_penalty):
    model, starts, lengths = Oracle(end=-1.0), [[4], [6], [18]], set()
    out, scores = beam_search(
        model,
        torch.tensor(starts),
        max_new_tokens=4,
        num_beams=4**4,
        length_penalty=length_penalty,
        return_scores=True,
    )
    for start, row, score in zip(starts, out, scores, strict=True):
        by_hand = {
            y: log_p(model, start, y) / ((5 + len(y)) / 6) ** length_penalty
            for y in all_sequences(4, 4)
        }
        best = max(by_hand, key=by_hand.get)
        lengths.add(len(best))
        assert cut(row) == list(best)
        assert float(score) == pytest.approx(by_hand[best], abs=1e-5)
    assert len(lengths) > 1  # of the best ones: else a penalty on length would not show


@pytest.mark.parametrize("end", [-1.0, 1.0])
@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 3.0])
def test_one_beam_is_greedy(end, length_penalty):
    model, inputs = Oracle(vocab_size=7, end=end), torch.arange(15)[:, None]
    out = beam_search(model, inputs, max_new_tokens=6, num_beams=1, length_penalty=length_penalty)
    assert torch.equal(out, generate(model, inputs, max_new_tokens=6))


def slow_beam_search(model, start, num_beams, length, length_penalty):
    """The same search with lists, to the very end: no beam is given up."""
    beams = [(0.0, ())]
    for _ in range(length):
        ended = [beam for beam in beams if beam[1][-1:] == (EOS,)]
        longer = [
            (value + float(step), (*y, token))
            for value, y in beams
            if y[-1:] != (EOS,)
            for token, step in enumerate(model.logits([*start, *y]).log_softmax(-1))
        ]
        beams = ended + sorted(longer, reverse=True)[: num_beams - len(ended)]
    return max((value / ((5 + len(y)) / 6) ** length_penalty, y) for value, y in beams)


@pytest.mark.parametrize("num_beams", [2, 5, 9])
@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 2.0])
@pytest.mark.parametrize(("vocab_size", "end"), [(3, 0.0), (6, 0.0), (6, 2.0)])
def test_beam_search_is_the_same_written_slowly(num_beams, length_penalty, vocab_size, end):
    model, inputs = Oracle(vocab_size=vocab_size, end=end), torch.arange(12)[:, None]
    out, scores = beam_search(
        model,
        inputs,
        max_new_tokens=7,
        num_beams=num_beams,
        length_penalty=length_penalty,
        return_scores=True,
    )
    for start, row, score in zip(inputs.tolist(), out, scores, strict=True):
        expected, y = slow_beam_search(model, start, num_beams, 7, length_penalty)
        assert cut(row) == list(y)
        assert (row[len(y) :] == PAD).all()
        assert float(score) == pytest.approx(expected, abs=1e-5)


def test_more_beams_find_better_and_a_penalty_longer_sequences():
    model, inputs = Oracle(vocab_size=8, end=1.0), torch.arange(30)[:, None]

    def search(**kwargs):
        return beam_search(model, inputs, max_new_tokens=10, return_scores=True, **kwargs)

    means = [search(num_beams=n)[1].mean() for n in (1, 3, 9)]
    assert means[0] < means[1] < means[2]
    lengths = [
        sum(len(cut(row)) for row in search(num_beams=9, length_penalty=a)[0])
        for a in (0.0, 1.0, 3.0)
    ]
    assert lengths[0] < lengths[1] < lengths[2]


def test_the_search_stops_when_nothing_can_change():
    model = Oracle(vocab_size=8, end=6.0)  # nearly always the end
    beam_search(model, torch.arange(4)[:, None], max_new_tokens=50, length_penalty=0.0)
    assert len(model.steps) < 10
    assert model.steps[0] == 4  # one row for each input, not four times the same


@EVERY
def test_beams_take_their_memories_along(name):
    model, inputs = model_and_inputs(name)
    model.requires_grad_(False)
    out, scores = beam_search(
        model, inputs, max_new_tokens=8, num_beams=4, length_penalty=0.0, return_scores=True
    )
    model.eval()
    for one, row, score in zip(inputs.split(1), out, scores, strict=True):
        y = torch.tensor([cut(row)])
        total = sum(
            next_logits(model, one, y[:, :t])[0].log_softmax(-1)[y[0, t]] for t in range(y.size(1))
        )
        assert float(score) == pytest.approx(float(total), abs=1e-5)


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"temperature": 0.0}, "temperature must be positive and finite, got 0.0"),
        ({"temperature": -1.0}, "temperature must be positive and finite, got -1.0"),
        ({"temperature": math.nan}, "temperature must be positive and finite, got nan"),
        ({"top_k": 0}, "top_k must be None or at least 1, got 0"),
        ({"top_p": 0.0}, r"top_p must be in \(0, 1\], got 0.0"),
        ({"top_p": 1.1}, r"top_p must be in \(0, 1\], got 1.1"),
    ],
)
def test_impossible_samplers_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        Sampler(**kwargs)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_beams": 0}, "num_beams must be at least 1, got 0"),
        ({"length_penalty": -0.1}, "length_penalty must be at least 0 and finite, got -0.1"),
        ({"max_new_tokens": 0}, "max_new_tokens must be at least 1, got 0"),
    ],
)
def test_impossible_searches_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        beam_search(Oracle(), torch.tensor([[3]]), **{"max_new_tokens": 5} | kwargs)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"max_new_tokens": -2}, "max_new_tokens must be at least 1, got -2"),
        ({"max_new_tokens": 1.5}, "max_new_tokens must be a whole number, got 1.5"),
        ({"choose": None}, "choose must be a function of logits, got None"),
        ({"choose": lambda logits: 3}, r"choose must return \(1,\) tokens, got 3"),
        ({"choose": lambda logits: logits}, r"choose must return \(1,\) tokens, got \(1, 4\)"),
        ({"window": 1}, "window must be None or at least 2, got 1"),
        ({"cache": 0}, "cache must be True or False, got 0"),
        ({"model": None}, "model must be a module with start and step, got NoneType"),
        ({"inputs": [[3]]}, "inputs must be a tensor of token ids, got list"),
        ({"inputs": torch.tensor([[3.0]])}, r"inputs must be .* got \(1, 1\) of torch.float32"),
        ({"inputs": torch.tensor([[3, 3, 3]]), "window": 2}, "at most window = 2 tokens, got 3"),
        ({"mask": torch.ones(1, 1)}, r"mask must be \(1, 1\) of torch.bool, .* of torch.float32"),
        ({"mask": torch.tensor([[False]])}, "mask must have tokens in each row, side by side"),
    ],
)
def test_bad_calls_are_refused_in_words(kwargs, message):
    kwargs = {"model": Oracle(), "inputs": torch.tensor([[3]]), "max_new_tokens": 5} | kwargs
    with pytest.raises(ValueError, match=message):
        generate(kwargs.pop("model"), kwargs.pop("inputs"), **kwargs)


def test_more_tokens_than_a_search_can_read_are_refused():
    model, prompt = Oracle(max_len=6), torch.tensor([[3, 4, 5]])
    assert beam_search(model, prompt, max_new_tokens=4).size(0) == 1  # reads 3 + 3
    with pytest.raises(ValueError, match=r"max_len = 6, got 5 behind 3, of which 7 would be read"):
        beam_search(model, prompt, max_new_tokens=5)


def test_a_target_cannot_begin_anew():
    model, source = model_and_inputs("transformer")
    with pytest.raises(ValueError, match="max_len = 32, got 33 behind 1, of which 33 would be"):
        generate(model, source, max_new_tokens=33)
    for options in ({"window": 8}, {"cache": False}):
        with pytest.raises(ValueError, match="window must be None, and cache True"):
            generate(model, source, max_new_tokens=5, **options)


@pytest.mark.parametrize("search", [generate, beam_search])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_model_without_numbers_writes_nothing(search, bad):
    model, inputs = model_and_inputs("decoder-only")
    modes = [module.training for module in model.modules()]
    nn.init.constant_(model.encoder.final_norm.bias, bad)
    with pytest.raises(FloatingPointError, match=r"logits must be numbers, got .* as the highest"):
        search(model, inputs, max_new_tokens=3)
    assert [module.training for module in model.modules()] == modes
    for choose in (greedy, Sampler()):
        with pytest.raises(FloatingPointError, match="logits must be numbers"):
            choose(torch.full((1, 3), bad))


def test_a_temperature_that_overflows_is_an_error():
    with pytest.raises(FloatingPointError, match="logits must be numbers, got inf"):
        Sampler(temperature=1e-40)(torch.tensor([[1.0, 2.0]]))


# --- documented defaults ----------------------------------------------------------------------


def test_the_defaults_are_those_of_the_paper():
    defaults = {name: p.default for name, p in signature(beam_search).parameters.items()}
    assert (defaults["num_beams"], defaults["length_penalty"]) == (4, 0.6)  # Vaswani, §6.1


# --- half precision ---------------------------------------------------------------------------


class Given(nn.Module):
    """Scores that are given, in the type in which they are given, whatever was written."""

    pad_id, eos_id, max_len = 0, None, None

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def start(self, inputs):
        return inputs, Prefix()

    def step(self, tokens, state):
        state.tokens = tokens
        return self.logits.expand(len(tokens), -1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_beams_are_ranked_in_float32(dtype):
    logits = (8 * torch.randn(1, 50)).to(dtype)
    out, scores = beam_search(
        Given(logits), torch.tensor([[3]]), max_new_tokens=4, return_scores=True
    )
    same, expected = beam_search(
        Given(logits.float()), torch.tensor([[3]]), max_new_tokens=4, return_scores=True
    )
    assert torch.equal(out, same)
    assert scores.dtype == torch.float32
    assert torch.equal(scores, expected)


def test_half_precision_is_sampled_in_float32():
    logits = torch.randn(1, 5000).bfloat16()

    def drawn(logits):
        sampler = Sampler(top_p=0.9, temperature=0.7, generator=torch.Generator().manual_seed(0))
        return sampler(logits.expand(2000, -1))

    assert torch.equal(drawn(logits), drawn(logits.float()))


def test_of_equals_the_fewest_that_reach_p_are_kept():
    assert keep_top_p(torch.zeros(1, 4), 0.5).isfinite().sum() == 2


def test_a_search_gives_up_what_cannot_win():
    model = Oracle(vocab_size=8, end=-0.5)
    beam_search(model, torch.arange(4)[:, None], max_new_tokens=60, length_penalty=0.0)
    assert len(model.steps) < 30  # it would be 60, since something always goes on
