"""A talk that was recorded token by token, for several models: choose a question and a model.

Nothing runs but the page's own style sheet: no kernel and no script. A token that is pointed at,
pressed or reached by the tab key shows what else the model thought of.
"""

import hashlib
from collections.abc import Mapping, Sequence
from html import escape

STYLE = """
.tlq{--ink:var(--pst-color-text-base,var(--jp-content-font-color1,#1f2328));
--soft:var(--pst-color-text-muted,var(--jp-content-font-color2,#59636e));
--line:var(--pst-color-border,var(--jp-border-color1,#d0d7de));
--lit:var(--pst-color-primary,#0072b2);color:var(--ink);max-width:44rem;margin:1rem 0}
.tlq fieldset{border:0;padding:0;margin:0 0 .6rem}
.tlq legend{font-weight:600;font-size:1rem;margin:0;padding:0;float:none;width:auto}
.tlq label{display:inline-flex;gap:.35rem;align-items:center;margin:0 1rem 0 0;min-height:1.9rem}
.tlq input{margin:0;accent-color:var(--lit)}
.tlq .talk{display:none;position:relative;border:1px solid var(--line);border-radius:6px;
padding:.6rem .8rem 10.6rem}
.tlq p{margin:0 0 .5rem;color:var(--soft);font-size:.9rem}
.tlq .token{white-space:pre-wrap;border-radius:3px;padding:.1rem 0;line-height:1.9;cursor:default;
border-bottom:3px solid color-mix(in srgb,var(--lit) calc(var(--p)*100%),transparent)}
.tlq .token:hover,.tlq .token:focus{outline:2px solid var(--lit)}
.tlq .rivals{display:none;position:absolute;left:.8rem;right:.8rem;bottom:.6rem;font-size:.9rem}
.tlq .token:hover .rivals,.tlq .token:focus .rivals{display:grid;
grid-template-columns:minmax(5rem,10rem) 1fr 4rem;gap:.15rem .6rem;align-items:center}
.tlq .rivals code{white-space:pre;overflow:hidden;text-overflow:ellipsis;color:var(--ink)}
.tlq .bar{height:.7rem;background:var(--lit);width:calc(var(--p)*100%);min-width:1px}
.tlq .rivals b{font-weight:400;text-align:right}
"""


class RecordedTalk:
    """Answers of several models to the same questions, token by token.

    Args:
        questions: what was asked.
        talks: for each model, by its name, what is said of it and its answers, one for each
            question. An answer is a list of tokens, and a token the list of its likeliest rivals,
            itself first, each with its probability.

    Raises:
        ValueError: if there is nothing to show, or a model has not one answer for each question.
    """

    def __init__(
        self,
        questions: Sequence[str],
        talks: Mapping[str, tuple[str, Sequence[Sequence[Sequence[tuple[str, float]]]]]],
    ):
        if not questions or not talks:
            raise ValueError("questions and talks must hold one at least, got none")
        for name, (_, answers) in talks.items():
            if len(answers) != len(questions):
                raise ValueError(
                    f"talks must have {len(questions)} answers each, got {len(answers)} of {name!r}"
                )
        self.questions, self.talks = list(questions), dict(talks)

    def _repr_html_(self) -> str:
        body = "".join(
            self._talk(i, j, said, answer)
            for j, (said, answers) in enumerate(self.talks.values())
            for i, answer in enumerate(answers)
        )
        key = "tlq-" + hashlib.sha256(body.encode()).hexdigest()[:8]
        shown = "".join(
            f"#{key}:has(.q{i}:checked):has(.m{j}:checked) .q{i}m{j}{{display:block}}"
            for i in range(len(self.questions))
            for j in range(len(self.talks))
        )
        questions = _choice("You ask", "q", key, self.questions)
        models = _choice("The model", "m", key, list(self.talks))
        return (
            f'<style>{STYLE}{shown}</style><div class="tlq" data-play id="{key}">'
            f"{questions}{models}{body}</div>"
        )

    def __repr__(self) -> str:
        lines = []
        for name, (said, answers) in self.talks.items():
            lines.append(f"{name}: {said}")
            for question, answer in zip(self.questions, answers, strict=True):
                lines.append(f"  {question} {''.join(token[0][0] for token in answer)!r}")
        return "\n".join(lines)

    def _talk(self, i: int, j: int, said: str, answer: Sequence) -> str:
        tokens = "".join(_token(rivals) for rivals in answer)
        return f'<div class="talk q{i}m{j}" role="group"><p>{escape(said)}</p>{tokens}</div>'


def _choice(title: str, kind: str, key: str, names: Sequence[str]) -> str:
    options = "".join(
        f'<label><input type="radio" name="{key}-{kind}" class="{kind}{i}"'
        f"{' checked' * (not i)}>{escape(name)}</label>"
        for i, name in enumerate(names)
    )
    return f"<fieldset><legend>{title}</legend>{options}</fieldset>"


def _token(rivals: Sequence[tuple[str, float]]) -> str:
    """A word, underlined as strongly as it was sure, with its rivals inside."""
    word, p = rivals[0]
    rows = "".join(
        f'<code>{escape(_visible(other))}</code><span class="bar" style="--p:{q:g}"></span>'
        f"<b>{q:.1%}</b>"
        for other, q in rivals
    )
    spoken = "; ".join(f"{_visible(other)} {q:.0%}" for other, q in rivals)
    return (
        f'<span class="token" tabindex="0" style="--p:{p:g}" aria-label="{escape(spoken)}">'
        f'{escape(word)}<span class="rivals" aria-hidden="true">{rows}</span></span>'
    )


def _visible(token: str) -> str:
    """A token as one can read it: blanks and the ends of lines have signs."""
    return token.replace("\n", "↵").replace(" ", "␣")
