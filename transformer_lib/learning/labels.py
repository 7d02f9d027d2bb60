"""Labels: which of them are the same class, and whether they are classes at all."""

from collections import Counter

MOST_NUMBERS = 20  # more different numbers than this are no classes


def one_spelling(labels: list[str]) -> tuple[list[str], list[str]]:
    """Labels that differ in case or blanks alone are one, spelt as most often; and a note of it."""
    spellings: dict[str, Counter] = {}
    for label in labels:
        spellings.setdefault(" ".join(label.split()).casefold(), Counter())[label] += 1
    best = {key: " ".join(seen.most_common(1)[0][0].split()) for key, seen in spellings.items()}
    notes = [
        f"the labels {', '.join(map(repr, seen))} are read as one, {best[key]!r}"
        for key, seen in spellings.items()
        if len(seen) > 1
    ]
    return [best[" ".join(label.split()).casefold()] for label in labels], notes


def check_classes(labels: list[str], name: str) -> None:
    """Refuse labels from which nothing can be told apart.

    Raises:
        ValueError: if there is one class, numbers that are no classes, or hardly one twice.
    """
    kinds = set(labels)
    if len(kinds) < 2:
        raise ValueError(f"{name} must have two classes or more, all are {labels[0]!r}")
    if len(kinds) > MOST_NUMBERS and all(map(_is_number, kinds)):
        raise ValueError(
            f"{name} must have classes as labels, got {len(kinds)} different numbers: "
            f"that is a regression"
        )
    if 2 * len(kinds) > len(labels):
        raise ValueError(
            f"{name} must have labels that come again, got {len(kinds)} in {len(labels)} rows"
        )


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
