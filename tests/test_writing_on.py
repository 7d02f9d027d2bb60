"""Texts longer than the window, and prompts of different lengths: what is read is what is said."""

import math

import pytest
import torch
from oracles import redraw
from torch.testing import assert_close

from transformer_lib.data.text import load_king_james
from transformer_lib.generation import beam_search, generate
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig
from transformer_lib.weights import load

GPTS = {"d_model": 16, "num_heads": 2, "num_layers": 2, "d_ff": 32, "dropout": 0.0}
XL = GPTS | {"mem_len": 6}
MODELS = {
    "gpt": lambda: GPT(GPTConfig(29, max_len=12, eos_id=2, **GPTS)),
    "gpt, rotary": lambda: GPT(GPTConfig(29, positions="rotary", eos_id=2, **GPTS)),
    "xl": lambda: TransformerXL(TransformerXLConfig(29, eos_id=2, **XL)),
    "xl, same length": lambda: TransformerXL(
        TransformerXLConfig(29, eos_id=2, same_length=True, clamp_len=4, **XL)
    ),
    "xl, short segments": lambda: TransformerXL(TransformerXLConfig(29, eos_id=2, max_len=3, **XL)),
}


def make(name):
    torch.manual_seed(0)
    return redraw(MODELS[name]()).double().eval()


def restless(name):
    """The same, but the least difference shows: greedy text of random weights repeats itself."""
    model = make(name)
    step = model.step
    model.step = lambda tokens, state: 3 * torch.sin(1000 * step(tokens, state))
    return model


class Seen:
    """Chooses as told, and keeps the scores that it saw."""

    def __init__(self, told):
        self.told, self.logits = told, []

    def __call__(self, logits):
        self.logits.append(logits.clone())
        return self.told[:, len(self.logits) - 1]


def read(model, text, begin, end):
    """Scores for the token at `end`, by a model that reads from `begin`."""
    with torch.no_grad():
        return model.step(*model.start(text[:, begin:end]))


# --- beyond the window ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpt", "gpt, rotary"])
def test_without_a_cache_the_last_window_is_read(name):
    model, text = make(name), torch.randint(3, 29, (2, 45))
    seen = Seen(text[:, 5:])
    written = generate(model, text[:, :5], max_new_tokens=40, choose=seen, window=12, cache=False)
    assert torch.equal(written, text[:, 5:])
    for t, logits in enumerate(seen.logits, start=5):
        assert_close(logits, read(model, text, max(0, t - 12), t), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["gpt", "gpt, rotary"])
def test_with_a_cache_the_last_half_is_read_anew_when_the_window_is_full(name):
    model, text = make(name), torch.randint(3, 29, (2, 45))
    seen = Seen(text[:, 5:])
    generate(model, text[:, :5], max_new_tokens=40, choose=seen, window=12)
    begin = 0
    for t, logits in enumerate(seen.logits, start=5):
        begin = t - 6 if t - begin > 12 else begin
        assert_close(logits, read(model, text, begin, t), rtol=0, atol=1e-12)
    assert begin == 35  # it began anew five times


@pytest.mark.parametrize("cache", [True, False])
def test_the_window_is_what_the_model_can_read(cache):
    model, prompt = make("gpt"), torch.randint(3, 29, (3, 12))
    model.eos_id = None
    given = generate(model, prompt, max_new_tokens=30, window=12, cache=cache)
    assert torch.equal(generate(model, prompt, max_new_tokens=30, cache=cache), given)
    assert given.shape == (3, 30)
    with pytest.raises(ValueError, match="window must be at most max_len = 12, got 13"):
        generate(model, prompt, max_new_tokens=1, window=13)
    with pytest.raises(ValueError, match="prompt must have at most max_len = 12 tokens, got 13"):
        generate(model, torch.randint(3, 29, (3, 13)), max_new_tokens=1)


def test_rows_that_have_ended_are_not_read_again():
    model, prompts = restless("gpt"), torch.randint(3, 29, (8, 4))
    together = generate(model, prompts, max_new_tokens=40)
    ends = (together == 2).any(dim=1)
    assert ends.any()  # some end before the window is full, others go on
    for row, prompt in zip(together, prompts.split(1), strict=True):
        alone = generate(model, prompt, max_new_tokens=40)[0]
        assert torch.equal(row[: len(alone)], alone)


def bits(text, begin, **options):
    """Bits a character that the shipped writer gives a text beyond its first 256 characters."""
    seen = Seen(text[:, 64:])
    generate(load("verses_gpt"), text[:, :64], max_new_tokens=text.size(1) - 64, choose=seen,
             **options)  # fmt: skip
    log_p = torch.stack(seen.logits, dim=1).log_softmax(-1)
    nats = -log_p.gather(2, text[:, 64:, None])[:, begin - 64 :]
    return float(nats.mean()) / math.log(2)


BOOK = load_king_james()


def test_the_shipped_writer_goes_on_as_well_as_it_began():
    ids = BOOK.characters.encode(BOOK.dev)
    text = torch.stack([ids[start : start + 640] for start in range(0, 8000, 1000)])
    assert bits(text, 400) > 4.0  # nothing said: 5 bits, nearly blind
    assert bits(text, 400, window=256) < 1.9  # at least 128 characters behind each
    few = text[:2, :420]
    assert bits(few, 400, window=256, cache=False) < 1.9


# --- prompts of different lengths ----------------------------------------------------------------


def padded(side):
    """Prompts of different lengths, their mask, and each alone."""
    torch.manual_seed(1)
    alone = [torch.randint(3, 29, (1, n)) for n in (4, 9, 4, 1, 7, 9)]
    inputs = torch.full((6, 9), 28)  # padding looks like a token: only the mask can tell
    mask = torch.zeros(6, 9, dtype=torch.bool)
    for row, prompt in enumerate(alone):
        n = prompt.size(1)
        places = slice(0, n) if side == "right" else slice(9 - n, 9)
        inputs[row, places], mask[row, places] = prompt[0], True
    return inputs, mask, alone


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("search", [generate, beam_search])
def test_each_row_comes_out_as_if_it_were_alone(name, side, search):
    model = restless(name)
    new = 3 if (name, search) == ("gpt", beam_search) else 20  # a search stays in the window
    inputs, mask, alone = padded(side)
    together = search(model, inputs, max_new_tokens=new, mask=mask)
    for row, prompt in zip(together, alone, strict=True):
        one = search(model, prompt, max_new_tokens=new)[0]
        assert torch.equal(row[: len(one)], one)
        assert (row[len(one) :] == model.pad_id).all()
    assert together.unique().numel() > 10


def test_the_scores_of_a_search_are_those_of_each_row():
    model = make("xl")
    inputs, mask, alone = padded("left")
    _, scores = beam_search(model, inputs, max_new_tokens=8, mask=mask, return_scores=True)
    for score, prompt in zip(scores, alone, strict=True):
        one = beam_search(model, prompt, max_new_tokens=8, return_scores=True)[1]
        assert_close(score, one[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("search", "options"),
    [
        (generate, {"choose": lambda logits: logits.argmin(dim=-1)}),
        (generate, {"window": 10}),
        (generate, {"window": 10, "cache": False}),
        (beam_search, {"num_beams": 2}),
        (beam_search, {"num_beams": 1}),
        (beam_search, {"length_penalty": 0.0, "return_scores": True}),
        (beam_search, {"length_penalty": 3.0, "return_scores": True}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value.__name__,
)
def test_with_a_mask_each_option_is_what_it_is_without(search, options):
    model = restless("gpt, rotary")
    inputs, mask, alone = padded("right")
    options = {"max_new_tokens": 20} | options
    together = search(model, inputs, mask=mask, **options)
    one_by_one = [search(model, prompt, **options) for prompt in alone]
    if "return_scores" in options:
        together, scores = together
        assert_close(scores, torch.cat([score for _, score in one_by_one]), rtol=0, atol=1e-12)
        one_by_one = [tokens for tokens, _ in one_by_one]
    for row, (one,) in zip(together, one_by_one, strict=True):
        assert torch.equal(row[: len(one)], one)
    plain = {name: options[name] for name in ("max_new_tokens", "return_scores") if name in options}
    usual = search(model, inputs, mask=mask, **plain)  # from which the option makes a difference
    if "return_scores" in options:
        together, usual = scores, usual[1]
    assert not torch.equal(together, usual)


def test_what_ends_early_is_filled_with_the_models_padding():
    torch.manual_seed(0)
    model = redraw(GPT(GPTConfig(29, max_len=40, eos_id=2, pad_id=7, **GPTS))).double().eval()
    ends = {3: 2, 9: 6}  # what stands last in a prompt, and after how many tokens it ends

    def step(tokens, state):
        scores = torch.zeros(len(tokens), 29)
        for row, left in enumerate(state.left):
            scores[row, 2 if left == 0 else 5] = 1.0
        state.left = [left - 1 for left in state.left]
        return scores

    class Left:
        def __init__(self, left):
            self.left = left

        def reorder(self, rows):
            self.left = [self.left[row] for row in rows.tolist()]

    model.step = step
    model.start = lambda inputs: (inputs, Left([ends[int(row[-1])] for row in inputs]))
    inputs = torch.tensor([[4, 3, 0], [5, 6, 9]])
    written = generate(model, inputs, max_new_tokens=9, mask=inputs != 0)
    assert written.tolist() == [[5, 5, 2, 7, 7, 7, 7], [5] * 6 + [2]]


@pytest.mark.parametrize("name", MODELS)
def test_padding_is_never_read(name):
    model = make(name)
    inputs, mask, _ = padded("right")
    other = inputs.where(mask, torch.randint(3, 29, inputs.shape))
    found = [generate(model, x, max_new_tokens=12, mask=mask) for x in (inputs, other)]
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "mask",
    [
        torch.tensor([[True, False, True]]),
        torch.tensor([[False, False, False]]),
    ],
)
def test_a_mask_with_holes_or_without_tokens_is_refused(mask):
    model = make("gpt")
    with pytest.raises(ValueError, match="mask must have tokens in each row, side by side"):
        generate(model, torch.tensor([[3, 4, 5]]), max_new_tokens=2, mask=mask)
