"""The parity ledger itself: that it can fail, and that its page is its numbers."""

import parity
import pytest
import torch
from parity import PAGE, agree, read, table


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """An empty ledger that is being written."""
    monkeypatch.setattr(parity, "LEDGER", tmp_path / "parity.json")
    monkeypatch.setattr(parity, "PAGE", tmp_path / "parity.md")
    monkeypatch.setattr(parity, "_seen", set())
    monkeypatch.setenv(parity.WRITES, "write")
    return monkeypatch


X = torch.linspace(-1, 1, 50, dtype=torch.float64)


def test_the_page_of_the_book_is_the_ledger():
    assert PAGE.read_text(encoding="utf-8") == table(read())
    assert len(read()) >= 12


def test_the_largest_difference_of_a_run_is_kept(ledger):
    for difference in (1e-12, 3e-12, 2e-12):
        agree("M", "other", X + difference, X, atol=1e-10)
    (line,) = read().values()
    assert line["difference"] == pytest.approx(3e-12, rel=0.05)
    assert line["scale"] == 0.59
    assert line["test"].endswith("test_parity.py::test_the_largest_difference_of_a_run_is_kept")
    ledger.setattr(parity, "_seen", set())  # another run
    agree("M", "other", X + 2e-13, X, atol=1e-10)
    assert read()["M | other | float64"]["difference"] == pytest.approx(2e-13, rel=0.05)
    assert "| M | `other` | float64 | 2.0e-13 | 0.59 |" in parity.PAGE.read_text(encoding="utf-8")


def test_more_than_an_order_above_the_ledger_fails(ledger):
    agree("M", "other", X + 1e-13, X, atol=1e-10)
    ledger.delenv(parity.WRITES)
    agree("M", "other", X + 9e-13, X, atol=1e-10)
    with pytest.raises(AssertionError, match=r"M \| other \| float64: 1.2e-12, the ledger says 1"):
        agree("M", "other", X + 1.2e-12, X, atol=1e-10)
    with pytest.raises(AssertionError, match="not close"):
        agree("M", "other", X + 1e-9, X, atol=1e-10)
    with pytest.raises(KeyError):
        agree("N", "other", X, X, atol=1e-10)


def test_none_in_the_ledger_means_up_to_some_units_of_the_last_place(ledger):
    agree("M", "other", X, X, atol=1e-10)
    ledger.delenv(parity.WRITES)
    agree("M", "other", X + 1e-15, X, atol=1e-10)
    with pytest.raises(AssertionError):
        agree("M", "other", X + 1e-14, X, atol=1e-10)
