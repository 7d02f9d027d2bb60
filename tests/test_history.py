"""The record of a training says what happened, at which step."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from transformer_lib.training.history import History

mpl.use("agg")
LOSSES = [8.0, 4.0, 0.0, 2.0, 6.0]


def made(losses=LOSSES):
    history = History()
    for n, loss in enumerate(losses):
        history.add(loss=loss, grad_norm=10.0 + n, factor=n / 10)
    return history


def test_each_quantity_has_a_number_for_each_step():
    history = made()
    assert len(history) == 5
    assert history.loss == LOSSES
    assert history.grad_norm == [10, 11, 12, 13, 14]
    assert history.factor == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert history.scores == {}


@pytest.mark.parametrize("window", [1, 2, 3, 50])
def test_a_running_mean_is_over_what_there_is(window):
    parts = [LOSSES[max(0, n - window + 1) : n + 1] for n in range(5)]
    assert made().smooth_loss(window) == pytest.approx([sum(part) / len(part) for part in parts])


def test_it_says_where_it_began_and_where_its_mean_is_now():
    assert repr(History()) == "History(0 steps)"
    assert repr(made()) == "History(5 steps, loss 8.00 → 4.00)"
    assert repr(made([9.0] + [1.0] * 50)) == "History(51 steps, loss 9.00 → 1.00)"


def test_the_first_step_is_drawn_at_1_where_it_was_asked_for():
    _, (ax, other) = plt.subplots(1, 2)
    assert made().plot(ax) is ax
    mean, loss = ax.lines
    assert list(mean.get_xdata()) == list(loss.get_xdata()) == [1, 2, 3, 4, 5]
    assert list(loss.get_ydata()) == LOSSES
    assert list(mean.get_ydata()) == made().smooth_loss()
    assert not other.lines
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats)")
    plt.close("all")
