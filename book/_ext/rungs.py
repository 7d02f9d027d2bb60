"""The ladder on the cover: what each model of the book writes, from `make study-ladder`."""

from html import escape
from pathlib import Path
from statistics import mean

from transformer_lib.show.ladder import Rung, rungs
from transformer_lib.show.studies import Study

STUDIES = Path(__file__).resolve().parents[2] / "notebooks/studies"
INTRODUCTION = (
    "Seven models go on from “{prompt}”, with the same seed: each is what the book has built by "
    "then. The number is bits per character of verses on which the first six were not trained, how "
    "hard the next one is to guess: less is better."
)
NOTE = (
    "A head of attention alone, even with positions, is on average no better than counting pairs; "
    "two layers with feed-forward, plus sign and norm are (means of three seeds). GPT and "
    "Transformer-XL are one model each, larger, and trained on 20 and 15 times as much: the table "
    "does not tell what of their lead is time. The verses are cut into pieces of {piece} "
    "characters; the Transformer-XL alone carries a memory from piece to piece. With a window that "
    "slides, the same GPT reads all twice, and pays {sliding:.2f}. The chat model has no number: "
    "it has read other books, perhaps this one among them."
)


def facts(folder: Path = STUDIES) -> dict:
    """The sentences above and below, with the numbers of the study."""
    kept = Study("ladder", folder).conclusion
    return {"above": INTRODUCTION.format(**kept), "below": NOTE.format(**kept)} | kept


def figure(root: str, folder: Path = STUDIES) -> str:
    """All of it; `root` leads to the folder of the pages."""
    ladder, said = rungs(folder), facts(folder)
    most = max(mean(rung.bits) for rung in ladder if rung.bits)
    items = "".join(_rung(rung, most, said["prompt"], root) for rung in ladder)
    return (
        f"<p>{escape(said['above'])}</p>"
        f'<ol class="ladder" aria-label="Seven models, from the simplest">{items}</ol>'
        f'<p class="ladder-note">{escape(said["below"])}</p>'
    )


def _rung(rung: Rung, most: float, prompt: str, root: str) -> str:
    """A line, and a bar as long as what it costs: the shorter, the better."""
    cost = f'<span class="number">{rung.cost()}</span>'
    bar = ""
    if rung.bits:
        bar = f'<span class="bar" style="--value:{mean(rung.bits) / most:.3f}"></span>'
    written = escape(rung.line().removeprefix(prompt))
    return (
        f'<li><a href="{root}notebooks/{rung.chapter}.html">'
        f'<span class="name">{escape(rung.name)}</span>{cost}<span class="track">{bar}</span>'
        f'<span class="written"><span>{escape(prompt)}</span>{written}</span></a></li>'
    )


def as_text(folder: Path = STUDIES) -> str:
    """The same for the page's plain-text twin."""
    said = facts(folder)
    lines = [f"{rung.name:15}{rung.cost():>4}  {rung.line()}" for rung in rungs(folder)]
    return "\n".join([said["above"], "", "```text", *lines, "```", "", said["below"]])
