"""Draw the picture of the landing page: where each word of a verse looks.

    python book/hero.py        writes book/_static/hero.png

Nothing in it is drawn by hand and nothing is trained. Each word gets a vector from the company that
it keeps in the King James Bible: how much more often than by chance it shares a verse with each
other word, pressed into 64 numbers by a singular value decomposition. `attention` then compares
each word of one verse with all others but itself; rare words ask with a longer query than frequent
ones. The arcs are its weights.
"""

import math
import re
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.patches import Arc
from PIL import Image

from transformer_lib.data.verses import load_verses
from transformer_lib.layers.attention import attention
from transformer_lib.show import plots

VERSE = (23, 11, 6)  # Isaiah 11:6
WIDTH, SHARPNESS = 64, 18.0


def word_vectors(texts: list[list[str]]) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """Of each word that stands in three verses or more: a vector of length 1, and its rarity."""
    counts = Counter(word for words in texts for word in dict.fromkeys(words))
    index = {word: i for i, word in enumerate(w for w, n in counts.most_common() if n >= 3)}
    cells = [
        (row, index[w]) for row, ws in enumerate(texts) for w in dict.fromkeys(ws) if w in index
    ]
    size = (len(texts), len(index))
    here = torch.sparse_coo_tensor(
        torch.tensor(cells).T, torch.ones(len(cells)), size, check_invariants=True
    )
    together = torch.sparse.mm(here.T, here.to_dense())  # (words, words): verses that hold both
    alone = together.diagonal()
    information = (together * len(texts) / (alone[:, None] * alone)).log().clamp(min=0)
    torch.manual_seed(0)
    left, strength, _ = torch.svd_lowrank(information.fill_diagonal_(0), q=WIDTH, niter=12)
    vectors = F.normalize(left * strength.sqrt(), dim=-1)
    rarity = {word: math.log(len(texts) / counts[word]) for word in index}
    return {word: vectors[i] for word, i in index.items()}, rarity


def look(words: list[str], vectors: dict, rarity: dict) -> torch.Tensor:
    """The attention weights (words, words) of a verse. A word without a vector is masked."""
    nothing = torch.zeros(WIDTH)
    keys = torch.stack([vectors.get(word, nothing) for word in words])
    queries = SHARPNESS * torch.tensor([rarity.get(word, 0.0) for word in words])[:, None] * keys
    known = torch.tensor([word in vectors for word in words])
    others = torch.tensor([[a != b for b in words] for a in words])  # True = may attend
    mask = others & known & known[:, None]
    return attention(queries, keys, keys, mask, return_weights=True)[1]


def draw(words: list[str], weights: torch.Tensor) -> plt.Figure:
    """Words in a line; above it an arc for each look ahead, below it for each look back."""
    fig, ax = plt.subplots(figsize=(plots.WIDTH, 3.9))
    band = 2.1  # half the height of the band that holds the words
    for i, j in (weights > 0.033).nonzero().tolist():
        w, ahead = float(weights[i, j]), j > i
        start = 0 if ahead else 180
        ax.add_patch(
            Arc(
                ((i + j) / 2, band if ahead else -band),
                abs(j - i),
                0.56 * abs(j - i),
                theta1=start,
                theta2=start + 180,
                color=plots.COLORS["blue" if ahead else "vermillion"],
                alpha=min(1, 0.1 + 1.3 * w),
                linewidth=0.5 + 3.2 * w,
                capstyle="round",
            )
        )
    for i, word in enumerate(words):
        strong = weights[i].max() > 0.3 or weights[:, i].max() > 0.3
        ax.text(
            i,
            0,
            word,
            rotation=90,
            ha="center",
            va="center",
            fontsize=9.5,
            family="serif",
            weight="bold" if strong else "normal",
        )
    ax.set(xlim=(-0.8, len(words) - 0.2), ylim=(-12, 12))
    ax.axis("off")
    return fig


def main() -> None:
    """Compute the weights, draw them, and say the strongest."""
    plots.use_style()
    everything = {at: re.findall(r"[a-z']+", text.lower()) for at, text in load_verses().items()}
    words = everything[VERSE]
    weights = look(words, *word_vectors(list(everything.values())))
    path = Path(__file__).parent / "_static" / "hero.png"
    draw(words, weights).savefig(path, facecolor="white")  # README is read on dark pages too
    Image.open(path).quantize(128, method=Image.Quantize.FASTOCTREE).save(path, optimize=True)
    for i in (weights.amax(-1) > 0.3).nonzero().flatten().tolist():
        j = int(weights[i].argmax())
        print(f"{words[i]:>8} looks at {words[j]:<8} {float(weights[i, j]):.2f}")


if __name__ == "__main__":
    main()
