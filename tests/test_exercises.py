"""The exercises are marked by what an answer does: right, wrong as others were, or wrong anew."""

import math
import re

import pytest
import torch
from oracles import EXACT, loop_attention
from torch.testing import assert_close

from transformer_lib.exercises.chapter_01 import EXERCISES, check
from transformer_lib.layers.attention import attention

ROOT = "not divided by √head_dim"
WHOLE = "divided by head_dim itself"
KEYS = "the root of the number of keys"
TIMES = "multiplied by √head_dim"
QUERIES = "softmax runs over the queries"
TURNED = "True hides"
ZEROED = "multiplied by the mask"
AFTER = "acts after softmax"
NAN = "gets NaN"
MEAN = "the mean of all values"
ADDED = "-1e9 is added"
UNUSED = "the mask is not used"


def by_hand(look_for, found_by, give, allowed=None, *, divide=None, hide=None, turn=False,
            columns=False, late=False, zero=False, add=False):  # fmt: skip
    """Attention in loops, with what a reader may get wrong in it."""
    n, m, width = len(look_for), len(found_by), look_for.shape[1]
    divide = math.sqrt(width) if divide is None else divide(width, m)
    table = torch.zeros(n, m, dtype=torch.float64)
    seen = torch.ones(n, m, dtype=torch.bool) if allowed is None else allowed
    seen = ~seen if turn else seen
    for i in range(n):
        for j in range(m):
            fit = sum(look_for[i, d] * found_by[j, d] for d in range(width)) / divide
            if not seen[i, j]:
                fit = 0.0 if zero else fit - 1e9 if add else fit if late else hide
            table[i, j] = fit
    for line in table.T if columns else table:
        line[:] = torch.exp(line - line.max()) / torch.exp(line - line.max()).sum()
    if late:
        table = table * seen
    return torch.einsum("ij,jd->id", table, give)


def cleaned(answer, allowed):
    """Zeros for a query that may look at nothing."""
    return torch.where(allowed.any(1, keepdim=True), answer, torch.zeros_like(answer))


MASKED = [
    (lambda a, b, c, m: cleaned(by_hand(a, b, c, m, hide=-1e300), m), None),
    (lambda a, b, c, m: cleaned(by_hand(a, b, c, m, hide=-1e300, divide=lambda w, k: 1), m), ROOT),
    (lambda a, b, c, m: cleaned(by_hand(a, b, c, m, hide=-1e300, divide=lambda w, k: w), m), WHOLE),
    (lambda a, b, c, m: by_hand(a, b, c, m, hide=-math.inf), NAN),
    (lambda a, b, c, m: by_hand(a, b, c, m, hide=torch.finfo(torch.float64).min), MEAN),
    (lambda a, b, c, m: by_hand(a, b, c, m, add=True), ADDED),
    (lambda a, b, c, m: by_hand(a, b, c, m, zero=True), ZEROED),
    (lambda a, b, c, m: by_hand(a, b, c, m, late=True), AFTER),
    (lambda a, b, c, m: by_hand(a, b, c), UNUSED),
    (lambda a, b, c, m: by_hand(a, b, c, m, hide=-math.inf, turn=True), TURNED),
    (lambda a, b, c, m: cleaned(by_hand(a, b, c, m, hide=-1e300, turn=True), ~m), TURNED),
    (lambda a, b, c, m: by_hand(a, b, c, m, columns=True, zero=True), QUERIES),
    (lambda a, b, c, m: by_hand(a, b, c, m, late=True, divide=lambda w, k: 1), ROOT),
]
UNMASKED = [
    (by_hand, None),
    (lambda a, b, c: by_hand(a, b, c, divide=lambda w, k: 1.0), ROOT),
    (lambda a, b, c: by_hand(a, b, c, divide=lambda w, k: w), WHOLE),
    (lambda a, b, c: by_hand(a, b, c, divide=lambda w, k: k**0.5), KEYS),
    (lambda a, b, c: by_hand(a, b, c, divide=lambda w, k: w**-0.5), TIMES),
    (lambda a, b, c: by_hand(a, b, c, columns=True), QUERIES),
    (lambda a, b, c: by_hand(a, b, c, columns=True, divide=lambda w, k: 1), QUERIES),
]


def e_to_the(table):
    return math.e**table


def share(table):
    """Softmax in loops."""
    rows = [[math.exp(x - max(row)) for x in row] for row in table.tolist()]
    return torch.tensor([[x / sum(row) for x in row] for row in rows], dtype=torch.float64)


SOFTMAX = [
    (share, None),
    (lambda t: share(t.T).T, "over the columns"),
    (lambda t: share(t.reshape(1, -1)).reshape(t.shape), "over all scores at once"),
    (lambda t: e_to_the(t) / torch.einsum("ij->i", e_to_the(t))[:, None], "exp of a large one"),
    (e_to_the, "not divided by their sum"),
    (lambda t: t / torch.einsum("ij->i", t)[:, None], "without exp"),
]
GRANDFATHERS = [
    (lambda names, fathers: by_hand(fathers, names, fathers), None),
    (lambda names, fathers: 1 * fathers, "as they were"),
    (lambda names, fathers: by_hand(names, names, fathers), "finds its own father"),
    (lambda names, fathers: by_hand(fathers, fathers, fathers), "among the fathers"),
    (lambda names, fathers: by_hand(fathers, names, names), "gives back who was asked for"),
    (lambda names, fathers: by_hand(by_hand(fathers, names, fathers), names, fathers), "too many"),
]
ANSWERS = [
    pytest.param(number, answer, said, id=f"{number}-{said}-{i}")
    for number, answers in ((1, SOFTMAX), (2, GRANDFATHERS), (3, UNMASKED), (4, MASKED))
    for i, (answer, said) in enumerate(answers)
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    mark = check(number, answer)
    if said is None:
        assert mark == repr(mark) == "Right, on 12 random inputs."
    else:
        assert mark.startswith("Not yet. It looks like this: ")
        assert said in mark


def test_two_mistakes_are_both_named():
    mark = check(4, lambda a, b, c, m: by_hand(a, b, c, m, late=True, divide=lambda w, k: 1))
    assert ROOT in mark
    assert AFTER in mark
    assert " And: " in mark


@pytest.mark.parametrize("number", [3, 4])
def test_what_is_right_is_the_oracle_of_the_tests(number):
    torch.manual_seed(1)
    for _ in range(5):
        given = EXERCISES[number].draw()
        assert_close(EXERCISES[number].right(*given), loop_attention(*given), **EXACT)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda s: s.softmax(-1) + 0.1, "Each row must add up to one."),
        (1, lambda s: (-s).softmax(-1), "A larger score must get a larger weight."),
        (1, lambda s: (s * s.abs().sum()).softmax(-1), "Only differences matter"),
        (1, lambda s: (s / 2).softmax(-1), "It is not the function that is asked for."),
        (2, lambda k, v: v + attention(v, k, v), "must be averages of the old"),
        (3, lambda q, k, v: 2 * attention(q, k, v), "must add up to one"),
        (3, lambda q, k, v: attention(q - q.mean(0), k, v), "must not depend on the other queries"),
        (3, lambda q, k, v: attention(q, k, v.roll(1, 0)), "order of the keys"),
        (3, lambda q, k, v: attention(q, -k, v), "It is not the function"),
        (4, lambda q, k, v, m: 2 * attention(q, k, v, m), "add up to one"),
    ],
)
def test_a_new_mistake_is_told_which_property_it_breaks(number, answer, said):
    mark = check(number, answer)
    assert mark.startswith("Not yet. ")
    assert said in mark.split("\n")[0]
    _, inputs, got, want = mark.split("\n")
    given = eval(f"dict({inputs.removeprefix('For ')})")
    tensors = [torch.tensor(x, dtype=torch.bool if name == "mask" else torch.float64)
               for name, x in given.items()]  # fmt: skip
    for line, function in ((got, answer), (want, EXERCISES[number].right)):
        shown = torch.tensor(eval(line.split(" give")[1].removeprefix("s").rstrip(".")))
        assert_close(shown.double(), function(*tensors), rtol=0, atol=0.0051)


def test_the_counterexample_can_be_followed_by_hand():
    mark = check(3, lambda q, k, v: 2 * attention(q, k, v))
    given = eval(f"dict({mark.splitlines()[1].removeprefix('For ')})")
    assert [(len(x), len(x[0])) for x in given.values()] == [(2, 2), (3, 2), (3, 2)]
    assert all(float(x).is_integer() for rows in given.values() for row in rows for x in row)


def test_what_a_query_may_not_see_must_not_matter():
    def leaks(q, k, v, mask):
        return attention(q, k, v, mask) + 1e-3 * v[~mask.any(0)].sum(0)

    assert "What no query may look at must not matter." in check(4, leaks)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda q, k, v: q @ k.T, r"of shapes \(\d, \d\), .* it gives \(\d, \d+\), and should"),
        (lambda q, k, v: None, "it gives NoneType, and should give a tensor"),
        (lambda q, k: q, "it raises TypeError: .* takes 2 positional arguments but 3 were given"),
        (lambda q, k, v: q @ k, "it raises RuntimeError: mat1 and mat2"),
        (lambda q, k, v: attention(q.float(), k.float(), v.float()), "Is something in it float32"),
    ],
)
def test_what_is_no_answer_is_said_too(answer, said):
    mark = check(3, answer)
    assert re.search(said, mark)


def test_an_answer_may_write_into_its_inputs_and_draw_numbers():
    def greedy(q, k, v):
        out = attention(q, k, v)
        for x in (q, k, v):
            x.zero_()
        return out

    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert check(3, greedy).startswith("Right")
    assert_close(torch.rand(2), expected, rtol=0, atol=0)  # the reader's seed is untouched


def test_what_cannot_be_marked_is_refused():
    with pytest.raises(ValueError, match="number must be one of 1, 2, 3, 4, got 7"):
        check(7, attention)
    with pytest.raises(ValueError, match="mine must be a function, got Tensor"):
        check(3, torch.ones(2))
