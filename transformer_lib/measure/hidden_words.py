"""How many hidden words are found: the same questions for a model and for a table of counts."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from transformer_lib import checks
from transformer_lib.data.masking import Masked
from transformer_lib.data.order import random_numbers

EDGE = -1  # stands before the first and behind the last token of a row


def questions(
    rows: Sequence[Tensor],
    *,
    mask_id: int,
    special: Sequence[int],
    rate: float = 0.15,
    batch_size: int = 64,
    pad_id: int = 0,
    seed: int = 1,
) -> list[Masked]:
    """Hide tokens of each row, always behind the mask: an exam that stays the same.

    Args:
        rows: ids, one row a text.
        mask_id: the token that hides.
        special: tokens that are never hidden.
        rate: probability of being hidden.
        batch_size: number of rows in a batch; rows of similar length share one.
        pad_id: fills the rows behind their ends.
        seed: decides which tokens.

    Raises:
        ValueError: if `rate` is not in (0, 1), or a row is none of ids.
    """
    checks.at_least(1, batch_size=batch_size)
    checks.probability(rate=rate)
    checks.positive(rate=rate)
    checks.at_least(0, mask_id=mask_id, pad_id=pad_id)
    checks.rows(rows=rows)
    checks.several(special=special)
    rows, generator = sorted(rows, key=len), random_numbers(seed, 0)
    never = torch.tensor(list(special))
    asked = []
    for i in range(0, len(rows), batch_size):
        ids = pad_sequence(rows[i : i + batch_size], batch_first=True, padding_value=pad_id)
        drawn = torch.rand(ids.shape, generator=generator) < rate
        chosen = drawn & ~torch.isin(ids, never) & (ids != pad_id)
        if chosen.any():
            asked.append(Masked(ids.masked_fill(chosen, mask_id), chosen, ids))
    return asked


def truth(asked: Sequence[Masked]) -> Tensor:
    """What is hidden, (number hidden,), batch by batch and row by row.

    Raises:
        ValueError: if `asked` is not what `questions` returns, with one batch or more.
    """
    _check_asked(asked)
    return torch.cat([batch.ids[batch.chosen] for batch in asked])


@torch.no_grad()
def best_guesses(model: nn.Module, asked: Sequence[Masked]) -> Tensor:
    """What the model thinks likeliest at each hidden place, in the order of `truth`.

    Args:
        model: gives logits from ids and the places where they are wanted, as `MaskedWords`; it is
            set to evaluation mode, and back.
        asked: from `questions`.

    Raises:
        ValueError: as `truth`; or if `model` is no module.
    """
    checks.module(model=model)
    _check_asked(asked)
    was_training = model.training
    model.eval()
    try:
        guesses = [model(batch.seen, batch.chosen).argmax(dim=-1) for batch in asked]
    finally:
        model.train(was_training)
    return torch.cat(guesses)


class Neighbours:
    """A guess from the two neighbours alone, by counting.

    If the two were seen around a word: the word that stood there most often. If not, the word that
    is likeliest if each neighbour spoke for itself, count(left, w) · count(w, right) / count(w);
    and if there is none, the most frequent after, or before, the neighbour that is known.

    Args:
        rows: ids to count, one row a text.
        unknown: tokens that are never guessed, and say nothing as neighbours.

    Raises:
        ValueError: if a row is none of ids, or nothing is left to be counted.
    """

    def __init__(self, rows: Sequence[Tensor], *, unknown: Sequence[int]):
        checks.rows(rows=rows)
        checks.several(unknown=unknown)
        self.unknown = frozenset(unknown)
        self.single: Counter = Counter()
        self.after: dict[int, Counter] = {}
        self.before: dict[int, Counter] = {}
        self.between: dict[tuple[int, int], Counter] = {}
        for row in rows:
            ids = [EDGE, *row.tolist(), EDGE]
            for left, word, right in zip(ids, ids[1:], ids[2:], strict=False):
                if word in self.unknown:
                    continue
                self.single[word] += 1
                self.after.setdefault(left, Counter())[word] += 1
                self.before.setdefault(right, Counter())[word] += 1
                self.between.setdefault((left, right), Counter())[word] += 1
        if not self.single:
            raise ValueError("rows must have a token that is not unknown, got none")

    def guess(self, left: int | None, right: int | None) -> int:
        """The likeliest word between two neighbours: `EDGE` is an end of the text, None unseen.

        Raises:
            ValueError: if one is neither.
        """
        for name, token in (("left", left), ("right", right)):
            if token is not None:
                checks.at_least(EDGE, **{name: token})
        left, right = (None if token in self.unknown else token for token in (left, right))
        if both := self.between.get((left, right)):
            return max(both, key=lambda word: (both[word], self.single[word]))
        after, before = self.after.get(left), self.before.get(right)
        if after and before:
            score = {w: n * before[w] / self.single[w] for w, n in after.items() if w in before}
            if score:
                return max(score, key=score.get)
        return (after or before or self.single).most_common(1)[0][0]

    def guesses(self, asked: Sequence[Masked], *, right: bool = True, pad_id: int = 0) -> Tensor:
        """Its guess at each hidden place, in the order of `truth`.

        Args:
            asked: from `questions`.
            right: whether the right neighbour may be seen.
            pad_id: fills the rows behind their ends.

        Raises:
            ValueError: as `truth`.
        """
        _check_asked(asked)
        checks.flag(right=right)
        checks.whole(pad_id=pad_id)
        found = []
        for batch in asked:
            for seen, chosen in zip(batch.seen, batch.chosen, strict=True):
                ids = [EDGE, *seen[seen != pad_id].tolist(), EDGE]
                for i in chosen.nonzero()[:, 0].tolist():
                    found.append(self.guess(ids[i], ids[i + 2] if right else None))
        return torch.tensor(found)


def _check_asked(asked: Sequence[Masked]) -> None:
    checks.several(asked=asked)
    if not asked or not all(isinstance(batch, Masked) for batch in asked):
        raise ValueError(f"asked must be batches of hidden words, one or more, got {asked!r:.60}")
