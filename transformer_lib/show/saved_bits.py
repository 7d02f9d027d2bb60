"""A text on a ground that tells what a memory saves at each character, under a slider.

Python draws the first state and writes every sentence, so the figure stands where no script runs;
static/saved_bits.js shows another length, another memory, and what one character costs.
"""

import hashlib
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import STYLE

_STATIC = Path(__file__).parent / "static"
_DIGITS = 2  # of the bits in the page


class SavedBits:
    """A text in segments: the darker the ground, the more bits a memory saves at a character.

    Where a memory costs bits, a line runs under the character.

    Args:
        text: whole segments.
        bits: what each character costs, (len(text),), by whose memory it was read with, and by the
            memory's length. The lengths ascend from 0, no memory, and are the same for all.
        seg_len: characters in a segment.
        early: how many places at the start of each segment the sentence tells from the others.
        start: the length that is shown at first.
        caption: one sentence that says what to try.

    Raises:
        ValueError: if texts, lengths and bits do not go together.
    """

    def __init__(
        self,
        text: str,
        bits: Mapping[str, Mapping[int, Tensor]],
        *,
        seg_len: int,
        early: int,
        start: int,
        caption: str,
    ):
        checks.string(text=text, caption=caption)
        checks.at_least(1, seg_len=seg_len)
        if not text or len(text) % seg_len:
            raise ValueError(
                f"text must be whole segments of {seg_len}, got {len(text)} characters"
            )
        checks.one_of(range(1, seg_len), early=early)
        if not isinstance(bits, Mapping) or len({tuple(found) for found in bits.values()}) != 1:
            raise ValueError("bits must have the same lengths of the memory for one way or more")
        self.lengths = [*next(iter(bits.values()))]
        if self.lengths[0] != 0 or self.lengths != sorted({*self.lengths}):
            raise ValueError(f"bits must have lengths that ascend from 0, got {self.lengths}")
        checks.one_of(self.lengths, start=start)
        for way, found in bits.items():
            for length, row in found.items():
                checks.floating(f"bits[{way!r}][{length}]", row, dims=1)
                if len(row) != len(text) or not row.isfinite().all():
                    raise ValueError(
                        f"bits[{way!r}][{length}] must be {len(text)} finite numbers, "
                        f"got {tuple(row.shape)}"
                    )
        self.text, self.seg_len, self.early = text, seg_len, early
        self.start, self.caption = start, caption
        self.bits = {
            way: [row.double().round(decimals=_DIGITS) for row in found.values()]
            for way, found in bits.items()
        }  # by way, then by length in order

    def saved(self, way: str, length: int) -> Tensor:
        """Bits saved at each character, against no memory."""
        return self.bits[way][0] - self.bits[way][self.lengths.index(length)]

    def said(self, way: str, length: int) -> str:
        """What a memory is worth here, and at which places of the segments."""
        none, costs = self.bits[way][0].mean(), self.bits[way][self.lengths.index(length)].mean()
        if length == 0:
            return f"Without a memory a character costs {none:.2f} bits here."
        saved = self.saved(way, length)
        early = torch.arange(len(self.text)) % self.seg_len < self.early
        more = "less" if costs <= none else "more"
        return (
            f"With {length} characters of memory, {way}, a character costs {costs:.2f} bits, "
            f"{abs(none - costs):.2f} {more} than without. It saves {saved[early].mean():.2f} bits "
            f"in the first {self.early} places of a segment, {saved[~early].mean():.2f} in the "
            "others."
        )

    def _repr_html_(self) -> str:
        first = next(iter(self.bits))
        state = {
            "lengths": self.lengths,
            "segLen": self.seg_len,
            "bits": [[row.tolist() for row in rows] for rows in self.bits.values()],
            "said": [[self.said(way, length) for length in self.lengths] for way in self.bits],
        }
        script, style = (
            (_STATIC / f"saved_bits.{kind}").read_text(encoding="utf-8") for kind in ("js", "css")
        )
        saved = self.saved(first, self.start).tolist()
        letters = [
            f'<i style="--s:{bits:.{_DIGITS}f}">{escape(_visible(letter))}</i>'
            for letter, bits in zip(self.text, saved, strict=True)
        ]
        segments = "".join(
            f'<div class="tlb-segment">{"".join(letters[i : i + self.seg_len])}</div>'
            for i in range(0, len(letters), self.seg_len)
        )
        return (
            f'<figure class="tlb" data-play data-state="{escape(json.dumps(state))}">'
            f"<style>{STYLE}{style}</style><figcaption>{escape(self.caption)}</figcaption>"
            f'{self._controls()}<div class="tlb-text tld" tabindex="0" role="group" '
            'data-lm-suppress-shortcuts="true" aria-label="The text, in segments; '
            f'arrow keys go from character to character">{segments}</div>'
            f'<p class="tlb-said" aria-live="polite">{escape(self.said(first, self.start))}</p>'
            "<noscript>The ground stands still: it changes by JavaScript.</noscript>"
            f"<script>{{{script}savedBits(document.currentScript.parentElement)}}</script></figure>"
        )

    def __repr__(self) -> str:
        return f"{len(self.text)} characters, read with memories of {self.lengths}"

    def _controls(self) -> str:
        group = "tlb-" + hashlib.sha256(self.text.encode()).hexdigest()[:8]
        ways = "".join(
            f'<label><input type="radio" name="{group}" value="{i}"'
            f"{' checked' * (i == 0)}> {escape(way)}</label>"
            for i, way in enumerate(self.bits)
        )
        return (
            '<div class="tlb-controls" hidden><label>memory (characters) '
            f'<input type="range" min="0" max="{len(self.lengths) - 1}" '
            f'value="{self.lengths.index(self.start)}" aria-valuetext="{self.start}" '
            f'data-lm-suppress-shortcuts="true"> <output>{self.start}</output></label>'
            f"<span>{ways}</span></div>"
        )


def _visible(letter: str) -> str:
    """A character as it is shown: the end of a line as a sign."""
    return "↵" if letter == "\n" else letter
