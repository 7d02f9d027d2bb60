"""Today's English back into that of 1611: chapter 13 shows what such a model can only guess."""

from dataclasses import replace
from functools import partial

from transformer_lib.recipes.translation import RECIPE, card, load_verses

LONGEST = 20  # words of a verse
VOCAB_SIZE = 1000

RECIPE = replace(
    RECIPE,
    name="english_1611",
    title="Today's English to that of 1611, verse by verse",
    steps=2000,
    data=partial(
        load_verses, "world_english", "king_james", longest=LONGEST, vocab_size=VOCAB_SIZE
    ),
    card=partial(
        card,
        does="reads a verse in today's English and writes it in that of 1611",
        texts="World English and King James",
        longest=LONGEST,
        limits=(
            "\n  Whether *you* is one or many, and so *thou* or *ye*, it guesses: today's English "
            "does not say."
        ),
    ),
    trials={},
)
