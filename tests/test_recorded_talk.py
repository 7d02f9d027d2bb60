"""The recorded talk: one strip for each question and model, words as they are, no script."""

import re

import pytest

from transformer_lib.show.recorded_talk import RecordedTalk

RIGHT = [[["Paris", 0.9], [" <b>", 0.1]], [["<i>\n", 0.6], [" x", 0.4]]]
WRONG = [[["Rome", 0.51], ["Paris", 0.49]]]
TALK = RecordedTalk(["Where?", "Who & why?"], {"right": ("off by 0", [RIGHT, WRONG]),
                                               "<wrong>": ("off by 3", [WRONG, []])})  # fmt: skip


def test_every_question_and_model_has_its_strip_and_its_rule():
    html = TALK._repr_html_()
    strips = set(re.findall(r'class="talk (q\dm\d)"', html))
    assert strips == {"q0m0", "q1m0", "q0m1", "q1m1"}
    for strip in strips:
        q, m = strip[:2], strip[2:]
        assert re.search(rf":has\(\.{q}:checked\):has\(\.{m}:checked\) \.{strip}{{display:bl", html)
    assert html.count(" checked>") == 2  # the first of each
    assert "<script" not in html


def test_words_are_text_and_never_markup():
    html = TALK._repr_html_()
    assert "<b>" not in html.replace("<b>90.0%</b>", "").split("<code>")[1]
    assert "&lt;wrong&gt;" in html
    assert "Who &amp; why?" in html
    assert "<code>␣&lt;b&gt;</code>" in html
    assert "<code>&lt;i&gt;↵</code>" in html
    assert "<i>" not in html
    assert 'aria-label="Paris 90%; ␣&lt;b&gt; 10%"' in html


def test_it_can_be_read_without_a_page():
    lines = ["right: off by 0", "  Where? 'Paris<i>\\n'", "  Who & why? 'Rome'",
             "<wrong>: off by 3", "  Where? 'Rome'", "  Who & why? ''"]  # fmt: skip
    assert repr(TALK) == "\n".join(lines)


def test_two_talks_on_one_page_do_not_answer_for_each_other():
    other = RecordedTalk(["Where?"], {"right": ("", [WRONG])})
    keys = [re.search(r'id="(tlq-\w+)"', talk._repr_html_())[1] for talk in (TALK, other)]
    assert keys[0] != keys[1]
    assert keys[0] == re.search(r'id="(tlq-\w+)"', TALK._repr_html_())[1]


@pytest.mark.parametrize(
    ("questions", "talks", "message"),
    [
        ([], {"a": ("", [])}, "must hold one at least, got none"),
        (["?"], {}, "must hold one at least, got none"),
        (["?", "!"], {"a": ("", [RIGHT])}, "talks must have 2 answers each, got 1 of 'a'"),
    ],
)
def test_what_does_not_fit_is_refused(questions, talks, message):
    with pytest.raises(ValueError, match=message):
        RecordedTalk(questions, talks)
