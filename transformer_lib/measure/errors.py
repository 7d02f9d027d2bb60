"""Edits to the nearest right answer, which no library counts for answers that have several."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorRates:
    """How wrong a list of hypotheses is, as fractions.

    Attributes:
        per: phoneme error rate, edits per phoneme of the reference.
        wer: word error rate, the fraction of words that equal none of their references.
    """

    per: float
    wer: float

    def __str__(self) -> str:
        return f"PER {self.per:.2%}, WER {self.wer:.2%}"


def error_rates(
    hypotheses: Sequence[Sequence[Hashable]],
    references: Sequence[Iterable[Sequence[Hashable]]],
) -> ErrorRates:
    """Compare each hypothesis with the nearest of its references.

        PER = Σ edits / Σ phonemes of the reference,  WER = words with an edit / words

    Args:
        hypotheses: one sequence of symbols for each word.
        references: for each word its right answers, each a sequence of symbols. Nearest is the one
            with the fewest edits, the longer one among equals.

    Returns:
        Both rates.

    Raises:
        ValueError: if there are no words, not as many references as hypotheses, or a word has no
            reference or an empty one.
    """
    for name, value in (("hypotheses", hypotheses), ("references", references)):
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise ValueError(f"{name} must be a list with an entry for each word, got {value!r}")
    if len(hypotheses) != len(references) or not hypotheses:
        raise ValueError(
            f"references must be as many as hypotheses, at least one, "
            f"got {len(references)} and {len(hypotheses)}"
        )
    edits = phonemes = wrong = 0
    for i, (hypothesis, listed) in enumerate(zip(hypotheses, references, strict=True)):
        if not isinstance(listed, Iterable) or isinstance(listed, str):
            raise ValueError(f"references[{i}] must hold sequences of symbols, got {listed!r}")
        listed = list(listed)
        if not listed or not all(map(_is_sequence, listed)):
            raise ValueError(f"references[{i}] must hold sequences of symbols, got {listed!r}")
        if not isinstance(hypothesis, Sequence):
            raise ValueError(f"hypotheses[{i}] must be a sequence of symbols, got {hypothesis!r}")
        distance, length = min((edit_distance(hypothesis, one), -len(one)) for one in listed)
        edits, phonemes, wrong = edits + distance, phonemes - length, wrong + (distance > 0)
    return ErrorRates(edits / phonemes, wrong / len(hypotheses))


def edit_distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Fewest insertions, deletions and substitutions that turn `a` into `b`.

    Raises:
        ValueError: if one is not a sequence.

    Source: Levenshtein 1966; the table is filled row by row (Wagner and Fischer 1974).
    """
    for name, value in (("a", a), ("b", b)):
        if not isinstance(value, Sequence):
            raise ValueError(f"{name} must be a sequence of symbols, got {value!r}")
    row = list(range(len(b) + 1))  # row[j]: from the first i symbols of a to the first j of b
    for i, x in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and len(value) > 0
