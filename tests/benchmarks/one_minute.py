"""A minute of learning: what `learn` makes of a text, and nanoGPT's recipe beside it."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from measure import has_bf16_products

from transformer_lib.data.text import Text, Windows, load_king_james, load_tiny_shakespeare
from transformer_lib.learning.files import read
from transformer_lib.learning.fitting import Training, fit, steps_that_fit
from transformer_lib.learning.split import split
from transformer_lib.learning.writer import Writer
from transformer_lib.measure.bits import bits_sliding
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.training.losses import token_loss
from transformer_lib.training.schedules import cosine_schedule
from transformer_lib.training.train import train

TITLE = "A minute of learning, against nanoGPT's recipe"
NOTE = (
    "`learn(file, minutes=1)`, as it comes, on a text in a file, and in the same seconds what "
    "nanoGPT's README gives for a CPU: 4 layers, 4 heads, d_model 128, 12 windows of 64 "
    "characters, no dropout, AdamW with 0.001 (betas 0.9 and 0.99, decay 0.1), 100 steps of "
    "warm-up, a cosine down to a tenth; same loop, same kernels, and no look at dev underway, "
    "where ours has ten. Bits a character on the first 20,000 characters of test, with a sliding "
    "window of each model's own length: three seeds. Ours was chosen on the dev part of King "
    "James."
)
HEAD = ("text", "numbers", "recipe", "parameters", "steps", "seconds", "bits a character")
SEEDS = (0, 1, 2)
BLOCK = 64  # characters that nanoGPT's recipe looks back on


@dataclass(frozen=True)
class Side:
    """One of the two: how it trains once, and how it is scored."""

    model: torch.nn.Module
    steps: int
    train: Callable[[], object]
    score: Callable[[], float]


def rows(quick: bool):
    """King James in both kinds of numbers, Shakespeare, where it is at hand, in the fast one."""
    fast = has_bf16_products()
    yield from _rows("King James", load_king_james(), [False, True] if fast else [False], quick)
    try:
        shakespeare = load_tiny_shakespeare()
    except ConnectionError:
        yield "tiny Shakespeare", *["not at hand"] * (len(HEAD) - 1)
    else:
        yield from _rows("tiny Shakespeare", shakespeare, [fast], quick)


def _rows(name: str, text: Text, kinds: list[bool], quick: bool):
    for autocast in kinds:
        for recipe, make in (("ours", _ours), ("nanoGPT", _nano)):
            runs = []
            for seed in SEEDS[: 1 if quick else None]:
                side = make(text, autocast, seed, 0.02 if quick else 1.0)
                start = time.perf_counter()
                side.train()
                runs.append((side, time.perf_counter() - start, side.score()))
            yield (
                name,
                "bfloat16" if autocast else "float32",
                recipe,
                f"{sum(p.numel() for p in side.model.parameters()):,}",
                ", ".join(f"{side.steps:,}" for side, _, _ in runs),
                f"{statistics.median(seconds for _, seconds, _ in runs):.0f}",
                ", ".join(f"{bits:.3f}" for _, _, bits in runs),
            )


def _ours(text: Text, autocast: bool, seed: int, minutes: float) -> Side:
    """What `learn` does, but for the counting, with another seed and the numbers that are asked."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "text.txt"
        file.write_text(text.train + text.held_out, encoding="utf-8")
        data = read(file)
    parts = split(data)
    torch.manual_seed(seed)
    task = Writer(Writer.facts_of(data, parts)).eval()
    training = replace(task.make_training(parts), autocast=autocast)
    steps = steps_that_fit(training, minutes, partial(task.look, parts.dev))
    run = partial(fit, training, steps, partial(task.look, parts.dev))
    return Side(task.model, steps, run, partial(task.score, "model", parts.test))


def _nano(text: Text, autocast: bool, seed: int, minutes: float) -> Side:
    """The recipe of nanoGPT's README for a CPU, on our GPT."""
    torch.manual_seed(seed)
    encode = text.characters.encode
    sizes = {"d_model": 128, "num_heads": 4, "num_layers": 4, "d_ff": 512}
    model = GPT(
        GPTConfig(len(text.characters), BLOCK, **sizes, activation="gelu", bias=False, dropout=0.0)
    )
    training = Training(
        model,
        lambda model, batch: token_loss(model(batch[0]), batch[1], pad_id=-1),
        Windows(encode(text.train), batch_size=12, seq_len=BLOCK),
        _adamw,
        most=10**9,
        autocast=autocast,
    )
    steps = steps_that_fit(training, minutes, lambda: None)
    warmup = min(100, steps // 10)
    fall = cosine_schedule(steps, warmup=warmup)
    run = partial(
        train,
        model,
        training.loss,
        training.batches,
        optimizer=_adamw(model),
        schedule=lambda step: fall(step) if step <= warmup else 0.1 + 0.9 * fall(step),
        steps=steps,
        autocast=autocast,
    )
    ids = encode(text.test[:20_000])

    def score() -> float:
        return bits_sliding(model.eval(), ids, window=BLOCK, stride=BLOCK // 2).mean().item()

    return Side(model, steps, run, score)


def _adamw(model: GPT) -> torch.optim.Optimizer:
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True)
