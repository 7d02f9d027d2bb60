"""Captions of pictures in German and English: Multi30k, on which small translators are compared.

    captions = load_captions()
    captions.train[0].source  # "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche."

The parts are those of the publishers; nothing is left out, so that scores compare with others'.
"""

import gzip
from pathlib import Path

from transformer_lib import checks
from transformer_lib.data.downloads import fetch
from transformer_lib.data.translations import Pair, Parallel, clean

LANGUAGES = ("de", "en")
PARTS = ("train", "val", "test_2016_flickr")


def load_captions(source: str = "de", target: str = "en") -> Parallel:
    """Read 29,000 pairs to train on, 1,014 for choices and 1,000 for the last figure.

    Args:
        source: what is read, "de" or "en".
        target: what is written.

    Returns:
        The pairs; as `verse` each has (0, 0, its line, counted from 1).

    Raises:
        ValueError: if a language is neither; or as `data.downloads.fetch`.
        ConnectionError: as `data.downloads.fetch`.

    Source: Elliott et al. 2016, "Multi30K".
    """
    checks.one_of(LANGUAGES, source=source)
    checks.one_of(LANGUAGES, target=target)
    files = fetch("multi30k")
    sides = ((_lines(files[f"{part}.{end}.gz"]) for end in (source, target)) for part in PARTS)
    return Parallel(*(_pairs(*both) for both in sides))


def _lines(path: Path) -> list[str]:
    text = gzip.decompress(path.read_bytes()).decode("utf-8")
    return [clean(line) for line in text.rstrip("\n").split("\n")]


def _pairs(ones: list[str], others: list[str]) -> list[Pair]:
    both = zip(ones, others, strict=True)
    return [Pair(*pair, (0, 0, n)) for n, pair in enumerate(both, 1)]
