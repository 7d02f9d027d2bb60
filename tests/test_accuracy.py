"""Accuracy: the interval and the paired test, against their formulas."""

from math import comb

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_lib.measure.accuracy import Accuracy, accuracy, better


def row(right, count):
    return torch.arange(count) < right


@settings(deadline=None)  # the first call imports scipy
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons(numbers):
    k, n = numbers
    z = 1.959963984540054
    half = z * (k * (n - k) / n + z * z / 4) ** 0.5
    found = accuracy(row(k, n))
    assert found.share == pytest.approx(k / n)
    assert found.low == pytest.approx((k + z * z / 2 - half) / (n + z * z), abs=1e-9)
    assert found.high == pytest.approx((k + z * z / 2 + half) / (n + z * z), abs=1e-9)


def test_it_is_narrower_with_less_confidence():
    wide, narrow = accuracy(row(50, 100)), accuracy(row(50, 100), confidence=0.5)
    assert wide.low < narrow.low < 0.5 < narrow.high < wide.high


def test_it_is_written_in_percent():
    assert str(Accuracy(0.805, 0.787, 0.822)) == "80.5 % (78.7 to 82.2)"


def test_the_paired_test_counts_what_one_alone_gets_right():
    first = torch.tensor([True, True, True, False, False, True, True])
    second = torch.tensor([True, False, False, True, False, False, False])
    found = better(first, second)
    assert (found.only_first, found.only_second) == (4, 1)
    tail = sum(comb(5, i) for i in (0, 1))
    assert found.p == pytest.approx(2 * tail / 2**5)
    assert better(second, first) == (1, 4, pytest.approx(found.p))


def test_without_a_difference_there_is_no_evidence():
    assert better(row(3, 5), row(3, 5)) == (0, 0, 1.0)


@pytest.mark.parametrize("bad", [torch.ones(3), torch.ones(2, 2, dtype=torch.bool), [True]])
def test_what_is_no_row_of_answers_is_refused(bad):
    with pytest.raises(ValueError, match="right must be a boolean row"):
        accuracy(bad)
    with pytest.raises(ValueError, match="second must be a boolean row"):
        better(row(1, 3), bad)


def test_other_bad_input_is_refused():
    with pytest.raises(ValueError, match="right must hold at least one answer"):
        accuracy(row(0, 0))
    with pytest.raises(ValueError, match="first and second must be of one length"):
        better(row(1, 3), row(1, 4))
    for confidence in (-0.1, 1, 95, "0.9"):
        with pytest.raises(ValueError, match="confidence must be in"):
            accuracy(row(1, 3), confidence=confidence)
