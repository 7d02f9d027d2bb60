"""The word table of 1993: which word becomes which, learnt from pairs of sentences by counting.

    table = WordTable(pairs)              # IBM model 1, six rounds
    table.partners("Haus")                # [("house", 0.78), …]
    table.replace("das Haus")             # every word by its likeliest partner
    table.search("das Haus")              # … and in an order that also sounds right

Nobody says which word of a sentence belongs to which of the other. Model 1 begins by believing that
all belong to all alike, counts with these shares, believes the counts, and counts again
(expectation maximisation). It is the baseline of chapter 13.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from transformer_lib import checks

NOTHING = ""  # stands in every source sentence, for words that come from none of its own
WORDS = re.compile(r"\w+(?:'\w+)*|[^\w\s]")
KEPT = 6  # partners of a word


class WordTable:
    """p(target word | source word), and p(target word | the one before).

    Args:
        pairs: source and target sentences.
        rounds: of expectation maximisation.

    Raises:
        ValueError: if there is no pair, or a round too few.

    Source: Brown et al. 1993, §4.
    """

    def __init__(self, pairs: Iterable[Sequence[str]], *, rounds: int = 6):
        checks.at_least(1, rounds=rounds)
        checks.several(pairs=pairs)
        rows = [([NOTHING, *WORDS.findall(pair[0])], WORDS.findall(pair[1])) for pair in pairs]
        if not rows:
            raise ValueError("pairs must hold at least one pair, got none")
        self._table = _model_1(rows, rounds)
        self._bigrams: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for _, target in rows:
            for before, word in zip([NOTHING, *target], target, strict=False):
                self._bigrams[before][word] += 1
        self._counts = Counter(word for _, target in rows for word in target)
        self._total = self._counts.total()

    def partners(self, word: str) -> list[tuple[str, float]]:
        """The likeliest target words and their probabilities; a word never seen stays itself.

        Raises:
            ValueError: if `word` is no string.
        """
        checks.string(word=word)
        return self._table.get(word) or [(word, 1.0)]

    def replace(self, text: str) -> str:
        """Put for each word its likeliest partner, in the order of the source.

        Raises:
            ValueError: if `text` is no string.
        """
        checks.string(text=text)
        return join(self.partners(word)[0][0] for word in WORDS.findall(text))

    def search(
        self, text: str, *, weight: float = 0.2, dropping: float = -5.0, num_beams: int = 8
    ) -> str:
        """Choose partners that also follow one another well; the order stays that of the source.

        Args:
            text: the source.
            weight: of the logarithm of p(word | the one before), against that of the table's.
            dropping: what it costs to write nothing for a word.
            num_beams: beginnings that are kept.

        Raises:
            ValueError: if `text` is no string, `weight` is negative or not finite, `dropping` not
                finite, or `num_beams` less than 1.
        """
        checks.string(text=text)
        checks.not_negative(weight=weight)
        checks.finite(dropping=dropping)
        checks.at_least(1, num_beams=num_beams)
        beams: list[tuple[float, list[str]]] = [(0.0, [NOTHING])]
        for source in WORDS.findall(text):
            following = [(score + dropping, row) for score, row in beams]
            for score, row in beams:
                for word, p in self.partners(source):
                    after = weight * (1 + self._log_bigram(row[-1], word))
                    following.append((score + math.log(p) + after, [*row, word]))
            beams = sorted(following, key=lambda beam: -beam[0])[:num_beams]
        return join(beams[0][1][1:])

    def _log_bigram(self, before: str, word: str) -> float:
        """Witten and Bell: as often as seen, and for the rest as often as the word alone."""
        seen = self._bigrams.get(before, Counter())
        kinds = max(1, len(seen))
        alone = (self._counts[word] + 0.5) / (self._total + 0.5 * len(self._counts))
        return math.log((seen[word] + kinds * alone) / (seen.total() + kinds))


def join(words: Iterable[str]) -> str:
    """Words to a text again: no blank before the signs that close.

    Raises:
        ValueError: if `words` are no list, nor anything like one.
    """
    checks.several(words=words)
    text = re.sub(r" ([,.;:!?)])", r"\1", " ".join(words))
    return text.replace("( ", "(")


def _model_1(
    rows: list[tuple[list[str], list[str]]], rounds: int
) -> dict[str, list[tuple[str, float]]]:
    number, names = _numbers(row[0] for row in rows)
    number_of, name = _numbers(row[1] for row in rows)
    # Every source word of a sentence beside every target word of it: one long column of each.
    ones = np.concatenate([np.tile([number[w] for w in s], len(t)) for s, t in rows])
    others = np.concatenate([np.repeat([number_of[w] for w in t], len(s)) for s, t in rows])
    # Which target place of the whole text each row of the column asks about.
    sizes = [len(s) for s, t in rows for _ in t]
    places = np.repeat(np.arange(len(sizes)), sizes)
    kinds, kind = np.unique(ones.astype(np.int64) * len(name) + others, return_inverse=True)
    source = kinds // len(name)
    p = np.ones(len(kinds))
    for _ in range(rounds):
        share = p[kind]
        share = share / np.bincount(places, share)[places]  # each target word is 1, shared out
        counts = np.bincount(kind, share)
        p = counts / np.bincount(source, counts)[source]
    table = defaultdict(list)
    for one, other, chance in zip(source, kinds % len(name), p, strict=True):
        if chance > 0.02:
            table[names[one]].append((name[other], float(chance)))
    return {word: sorted(found, key=lambda f: -f[1])[:KEPT] for word, found in table.items()}


def _numbers(rows: Iterable[list[str]]) -> tuple[dict[str, int], list[str]]:
    number: dict[str, int] = {}
    for row in rows:
        for word in row:
            number.setdefault(word, len(number))
    return number, list(number)
