"""How close a translation comes to a reference, as the field measures it: `sacrebleu`.

    score = translation_score(written, references)
    score.bleu, score.chrf, score.signature

A BLEU is only worth as much as its signature: how words are cut, whether case counts, how counts of
zero are treated. Chapter 13 writes BLEU in twenty lines, and holds them to this.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sacrebleu.metrics import BLEU, CHRF


class TranslationScore(NamedTuple):
    """Of all sentences together.

    Attributes:
        bleu: 0 to 100, from runs of one to four words.
        chrf: 0 to 100, from runs of one to six characters.
        brevity: what BLEU was multiplied by because too little was written; 1 if it was not.
        signature: of both, which says how they were computed.
    """

    bleu: float
    chrf: float
    brevity: float
    signature: str


def translation_score(written: Sequence[str], references: Sequence[str]) -> TranslationScore:
    """Score translations, each against its one reference.

    Args:
        written: what is to be measured, one string a sentence.
        references: what a human wrote, in the same order.

    Raises:
        ValueError: if they are not two lists of strings, of one length and not empty. A list of
            lists is refused: `sacrebleu` itself would read it silently as something else.
    """
    for name, texts in (("written", written), ("references", references)):
        if isinstance(texts, str) or not isinstance(texts, Sequence):
            raise ValueError(f"{name} must be a list of strings, one a sentence, got {texts!r:.60}")
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{name} must be a list of strings, one a sentence, got {texts!r:.60}")
    if not written or len(written) != len(references):
        raise ValueError(
            f"written and references must be equally many, at least one, got {len(written)} and "
            f"{len(references)}"
        )
    bleu, chrf = BLEU(), CHRF()
    one = bleu.corpus_score(list(written), [list(references)])
    other = chrf.corpus_score(list(written), [list(references)])
    signature = f"BLEU {bleu.get_signature()} chrF {chrf.get_signature()}"
    return TranslationScore(one.score, other.score, one.bp, signature)
