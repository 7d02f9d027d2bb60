"""Chapter 13: do wide beams harm? The translator that ships, on all test verses, nothing trained.

Each search is held to four beams with the same penalty. Its lead: the middle 95 % of 1,000 draws,
the same draws of verses for both (Koehn 2004).
"""

import torch
from study import chapter, keep

from transformer_lib.data.pairs import encode_words
from transformer_lib.generation import beam_search

BEAMS, PENALTIES = (4, 1, 16, 50), (0.0, 0.6)
SEARCHES = [{"penalty": penalty, "beams": beams} for penalty in PENALTIES for beams in BEAMS]
here = chapter("13_translation")
verses = here.load_parallel("elberfelder", "world_english", longest=25).test
by_length = sorted(range(len(verses)), key=lambda i: len(verses[i].source))
drawn = torch.randint(len(verses), (1000, len(verses)), generator=torch.Generator().manual_seed(0))
four = {}  # of four beams, by penalty: of each verse what is counted


def run(penalty: float, beams: int) -> dict:
    """Translate every verse; the score, and how far ahead of four beams."""
    model = here.load("translation").eval()
    options = {"num_beams": beams, "length_penalty": penalty, "max_new_tokens": 64}
    written: dict[int, str] = {}
    for start in range(0, len(by_length), 32):
        part = by_length[start : start + 32]
        source = encode_words([here.clean(verses[i].source) for i in part], model.symbols)
        found = beam_search(model, source, **options)
        written |= {i: model.symbols.decode(ids) for i, ids in zip(part, found, strict=True)}
    pairs = [(written[i], verse.target) for i, verse in enumerate(verses)]
    counted = torch.tensor([here.counts(*pair) for pair in pairs]).double()
    mine, theirs = (x[drawn].sum(dim=1) for x in (counted, four.setdefault(penalty, counted)))
    lead = here.bleu_of(mine) - here.bleu_of(theirs)
    ends = lead.quantile(torch.tensor([0.025, 0.975]).double()).tolist()
    score = here.translation_score(*map(list, zip(*pairs, strict=True)))
    figures = {"bleu": round(score.bleu, 2), "chrf": round(score.chrf, 2)}
    return figures | {"brevity": round(score.brevity, 3), "lead": [round(end, 2) for end in ends]}


if __name__ == "__main__":
    keep(__file__, SEARCHES, run)
