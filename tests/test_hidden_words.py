"""The exam of hidden words: always the same, and the same for a model and for a table."""

import pytest
import torch
from torch import nn

from transformer_lib.measure.hidden_words import EDGE, Neighbours, best_guesses, questions, truth

HOW = {"mask_id": 2, "special": (0, 1, 2)}
ROWS = [
    torch.randint(1, 30, (n,), generator=torch.Generator().manual_seed(n)) for n in range(5, 90)
]


def test_what_is_hidden_is_behind_the_mask_and_only_that():
    for batch in questions(ROWS, **HOW, batch_size=8):
        assert (batch.seen[batch.chosen] == 2).all()
        assert torch.equal(batch.seen[~batch.chosen], batch.ids[~batch.chosen])
        assert (batch.ids[batch.chosen] > 2).all()


def test_the_rate_is_that_of_the_ordinary_tokens():
    asked = questions(ROWS, **HOW, rate=0.3)
    ordinary = sum((row > 2).sum().item() for row in ROWS)
    assert len(truth(asked)) / ordinary == pytest.approx(0.3, abs=0.03)


def test_the_exam_is_always_the_same_and_with_another_seed_another():
    one, same, other = (truth(questions(ROWS, **HOW, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_every_row_is_there():
    asked = questions(ROWS, **HOW, batch_size=4)
    given = sorted(tuple(row[row != 0].tolist()) for batch in asked for row in batch.ids)
    assert set(given) <= {tuple(row.tolist()) for row in ROWS}
    assert len(given) > 0.9 * len(ROWS)  # but for batches that nothing was drawn of


def test_a_rate_of_nothing_is_refused():
    with pytest.raises(ValueError, match="rate must be positive"):
        questions(ROWS, **HOW, rate=0.0)


class Copies(nn.Module):
    """Says of every place what is seen there, plus one."""

    def forward(self, ids, chosen):
        assert not self.training
        return torch.nn.functional.one_hot((ids + 1)[chosen], 40).float()


def test_a_model_is_asked_at_the_hidden_places_in_their_order_and_stays_in_its_mode():
    model, asked = Copies().train(), questions(ROWS, **HOW)
    assert torch.equal(best_guesses(model, asked), torch.full_like(truth(asked), 3))
    assert model.training


# 4 between 3 and 5 twice, 6 once; 7 comes after 3 most often elsewhere.
TEXT = [torch.tensor(row) for row in ([3, 4, 5], [3, 4, 5], [3, 6, 5], [3, 7, 8], [9, 7, 5])]
TABLE = Neighbours(TEXT, unknown=(0, 1, 2))


@pytest.mark.parametrize(
    ("left", "right", "guess"),
    [
        (3, 5, 4),  # seen around it
        (EDGE, 4, 3),
        (9, 8, 7),  # never around one word: the product
        (9, 2, 7),  # the right neighbour is hidden
        (2, 8, 7),  # the left one
        (2, 2, 3),  # both: the most frequent
    ],
)
def test_a_table_guesses_from_what_it_knows(left, right, guess):
    assert TABLE.guess(left, right) == guess


def test_a_product_counts_each_side_and_divides_by_the_word():
    rows = [[3, 4, 0], [3, 4, 0], [3, 6, 0], [0, 4, 5], [0, 6, 5], [4, 4, 4]]
    table = Neighbours([torch.tensor(row) for row in rows], unknown=(0, 1, 2))
    assert table.after[3] == {4: 2, 6: 1}
    assert table.guess(3, 5) == 6  # 1 · 1 / 2 against 2 · 1 / 6


def test_unknown_words_are_never_guessed():
    rows = [torch.tensor([3, 1, 5])] * 5 + [torch.tensor([3, 4, 5])]
    assert Neighbours(rows, unknown=(0, 1, 2)).guess(3, 5) == 4


def test_a_table_sees_the_mask_not_the_word_behind_it():
    rows = [torch.tensor([3, 4, 5, 6])]
    asked = questions(rows * 20, **HOW, rate=0.9, seed=3)
    table = Neighbours(rows, unknown=(0, 1, 2))
    expected = []
    for batch in asked:
        for row, i in batch.chosen.nonzero().tolist():
            seen = [EDGE, *batch.seen[row].tolist(), EDGE]
            expected.append(table.guess(seen[i], seen[i + 2]))
    assert table.guesses(asked).tolist() == expected
    assert len(set(expected)) > 1
