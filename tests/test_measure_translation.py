"""BLEU and chrF by the library that the field uses; what it would misread is refused."""

import pytest
import sacrebleu

from transformer_lib.measure.translation import translation_score

WRITTEN = ["the cat sat on the mat", "he went home .", "a b c d e"]
REFERENCES = ["the cat sat on a mat", "he went to his home .", "a b c d f"]


def test_scores_are_those_of_sacrebleu():
    score = translation_score(WRITTEN, REFERENCES)
    assert score.bleu == sacrebleu.corpus_bleu(WRITTEN, [REFERENCES]).score
    assert score.chrf == sacrebleu.corpus_chrf(WRITTEN, [REFERENCES]).score
    assert score.brevity == sacrebleu.corpus_bleu(WRITTEN, [REFERENCES]).bp < 1
    for part in ("BLEU nrefs:1|case:mixed", "tok:13a", "smooth:exp", "chrF nrefs:1", "nc:6"):
        assert part in score.signature


def test_the_order_of_sentences_does_not_matter():
    again = translation_score(WRITTEN[::-1], REFERENCES[::-1])
    assert again.bleu == pytest.approx(translation_score(WRITTEN, REFERENCES).bleu)


@pytest.mark.parametrize(
    ("written", "references", "said"),
    [
        (WRITTEN, [[text] for text in REFERENCES], "references must be a list of strings"),
        (WRITTEN, [REFERENCES], "references must be a list of strings"),
        ("one", ["one"], "written must be a list of strings"),
        (WRITTEN, REFERENCES[:2], "equally many, at least one, got 3 and 2"),
        ([], [], "at least one, got 0 and 0"),
    ],
)
def test_what_the_library_would_misread_is_refused(written, references, said):
    with pytest.raises(ValueError, match=said):
        translation_score(written, references)
