"""The line judge computes what the baseline does, and takes no markup from a word."""

import pytest
import torch

from transformer_lib.learning.tables import Logistic
from transformer_lib.learning.tokens import Tokens
from transformer_lib.show.line_judge import LineJudge

TEXTS = ["good good film :)", "bad film", "a good day", "a bad bad day :("]


def test_it_is_logistic_regression_on_single_words():
    tokens = Tokens.of(TEXTS, "words")
    model = Logistic(len(tokens), 1, 2)
    model.fit([tokens.encode(text) for text in TEXTS], torch.tensor([1, 0, 1, 0]))
    pulls = (model.weight[:, 1] - model.weight[:, 0]).tolist()
    rows = zip(model.tfidf.grams.tolist(), model.tfidf.idf.tolist(), pulls, strict=True)
    table = {tokens.symbols[i - 4]: (idf, pull) for i, idf, pull in rows}
    judge = LineJudge(table, (model.bias[1] - model.bias[0]).item(), ("bad", "good"), text=TEXTS[0])
    for text in [*TEXTS, "Good, bad!"]:
        ids = tokens.encode(text)
        known = ids[ids > 3]
        wanted = model.probabilities([known])[0, 1].item()
        assert judge.chance(text) == pytest.approx(wanted, abs=1e-3)


def test_words_are_never_markup():
    judge = LineJudge({"<": (1.0, 2.0)}, 0.0, ("a", "<b>"), text='< "x"')
    page = judge._repr_html_()
    assert "<b>," not in page.replace("<b>+", "")
    assert 'value="&lt; &quot;x&quot;"' in page


@pytest.mark.parametrize(("table", "classes"), [({}, ("a", "b")), ({"x": (1, 1)}, ("a",))])
def test_bad_input_is_refused(table, classes):
    with pytest.raises(ValueError, match="must"):
        LineJudge(table, 0.0, classes, text="x")
