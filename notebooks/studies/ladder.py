"""One line that gets better: the same prompt, written by what the book has built so far.

The same reading for all: the King James dev text, once, in pieces of 128 characters. What is
trained here reads as many characters, each rung at the best of three rates, which seed 0 chose.
"""

from functools import cache

import torch
from study import first_losses, keep
from torch import nn

import transformer_lib as tl
from transformer_lib.chat import ARCHIVE, load_chat
from transformer_lib.data import archives
from transformer_lib.data.text import Windows, load_king_james
from transformer_lib.measure.bits import bits_in_chunks, bits_sliding, bits_with_memory
from transformer_lib.recipes.verses_gpt import window_loss

PROMPT, LENGTH, TEMPERATURE = "And the king said", 60, 0.8
STEPS, BATCH, PIECE, WIDTH, RATES = 400, 16, 128, 128, (0.001, 0.003, 0.01)
BEST = {"one head": 0.003, "positions": 0.01, "blocks": 0.01}  # `conclude` checks it
CHAPTERS = {
    "counting": "01_attention",
    "one head": "01_attention",
    "positions": "03_positions",
    "blocks": "04_blocks",
    "GPT": "10_gpt",
    "Transformer-XL": "22_transformer_xl",
    "chat model": "27_pretrained",
}
ARMS = [{"rung": rung, "rate": rate, "seed": 0} for rung in BEST for rate in RATES]
ARMS += [{"rung": rung, "rate": rate, "seed": s} for rung, rate in BEST.items() for s in (1, 2)]
ARMS += [{"rung": r, "rate": None, "seed": s} for r in CHAPTERS if r not in BEST for s in range(3)]

text = load_king_james()
size, encode, decode = len(text.characters), cache(text.characters.encode), text.characters.decode


def reader(rung: str) -> nn.Module:
    """One head of attention between embedding and scores; or two blocks of it."""
    rotary = None if rung == "one head" else tl.Rotary(WIDTH)
    heads = [tl.MultiHeadAttention(WIDTH, 1, causal=True, rotary=rotary) for _ in range(2)]
    layers = [tl.EncoderLayer(head, tl.FeedForward(WIDTH, 4 * WIDTH)) for head in heads]
    blocks = tl.Encoder(layers, final_norm=nn.LayerNorm(WIDTH))
    middle = blocks if rung == "blocks" else heads[0]
    return nn.Sequential(nn.Embedding(size, WIDTH), middle, nn.Linear(WIDTH, size))


def read(score) -> dict:
    """Bits per character of the dev text."""
    bits = bits_in_chunks(score, encode(text.dev), window=PIECE)
    return {"bits": round(bits.mean().item(), 4)}


@cache
def ready(rung: str) -> tuple:
    """What needs no training here: how it scores the next character, and its figures."""
    if rung == "counting":
        ids, pairs = encode(text.train), torch.ones(size, size)  # 1, so that none is impossible
        pairs.index_put_((ids[:-1], ids[1:]), torch.tensor(1.0), accumulate=True)
        table = (pairs / pairs.sum(dim=1, keepdim=True)).log()
        return table.__getitem__, read(table.__getitem__)
    if rung == "GPT":
        gpt = tl.load("verses_gpt")
        twice = bits_sliding(gpt, encode(text.dev), window=2 * PIECE, stride=PIECE)
        return gpt, read(gpt) | {"sliding": round(twice.mean().item(), 4)}
    xl = tl.load("verses_xl")  # which carries its memory from piece to piece
    bits = bits_with_memory(xl.read, encode(text.dev), seg_len=PIECE)
    return lambda ids: xl(ids)[0], {"bits": round(bits.mean().item(), 4)}


@torch.inference_mode()
def write(score, ids: torch.Tensor, decode, seed: int, end: int = -1) -> str:
    """Go on from the prompt, by chance."""
    luck = torch.Generator().manual_seed(seed)
    choose = tl.Sampler(temperature=TEMPERATURE, generator=luck)
    while len(decode(ids.tolist())) < LENGTH and ids[-1] != end:
        ids = torch.cat([ids, choose(score(ids[None])[:, -1])])
    return decode(ids.tolist())[:LENGTH]


def run(rung: str, rate: float | None, seed: int, *, stop: int | None = None) -> dict:
    """Train a reader, or take what is there; then read and write."""
    if rung == "chat model":
        chat = load_chat()
        ids = torch.tensor(chat.tokenizer.encode(PROMPT).ids)
        end = chat.model.eos_id
        return {"line": write(chat.model, ids, chat.tokenizer.decode, seed, end)}
    if rung in BEST:
        torch.manual_seed(seed)
        score = reader(rung)
        history = tl.train(
            score,
            window_loss,
            Windows(encode(text.train), batch_size=BATCH, seq_len=PIECE, seed=seed),
            optimizer=torch.optim.AdamW(score.parameters(), lr=rate),
            schedule=tl.cosine_schedule(STEPS, warmup=20),
            steps=stop or STEPS,
        )
        if stop:
            return {"losses": first_losses(history)}
        figures = {"losses": first_losses(history)} | read(score.eval())
    else:
        score, figures = ready(rung)
    return figures | {"line": write(score, encode(PROMPT), decode, seed)}


def conclude(runs: list[dict]) -> dict:
    """The rungs from the lowest, each at its best rate: bits and lines of all seeds."""
    rungs = []
    for rung, chapter in CHAPTERS.items():
        mine = [r for r in runs if r["rung"] == rung]
        if rung in BEST:
            best = min((r for r in mine if r["seed"] == 0), key=lambda r: r["bits"])["rate"]
            assert best == BEST[rung], f"BEST[{rung!r}] must be {best}"
            mine = [r for r in mine if r["rate"] == best]
        bits, lines = [r["bits"] for r in mine if "bits" in r], [r["line"] for r in mine]
        rungs.append({"name": rung, "chapter": chapter, "bits": bits, "lines": lines})
    twice = next(r["sliding"] for r in runs if r["rung"] == "GPT")
    rungs = [rung for rung in rungs if rung["lines"]]  # without the archive there is no chat model
    return {"prompt": PROMPT, "piece": PIECE, "sliding": twice, "rungs": rungs}


if __name__ == "__main__":
    here = set(CHAPTERS) - ({"chat model"} if ARCHIVE in archives.missing() else set())
    keep(__file__, [arm for arm in ARMS if arm["rung"] in here], run, conclude)
