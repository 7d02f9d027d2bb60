"""What may be wrong with a training, by which number it is told, and the cure: a table.

A new check is one more entry. None judges the entropy of attention, or |update| / |weight|: healthy
trainings have every value of both that sick ones have.
"""

from collections.abc import Callable
from dataclasses import dataclass

from transformer_lib.training.trial import STUCK, learned_some

Numbers = dict[str, float]


@dataclass(frozen=True)
class Check:
    """One thing that may be wrong.

    Attributes:
        name: what is wrong.
        needs: the numbers that tell it; without them it is not examined.
        sick: whether they are those of a training that goes wrong.
        why: a sentence with the numbers in it.
        cure: what to do.
    """

    name: str
    needs: tuple[str, ...]
    sick: Callable[[Numbers], bool]
    why: str
    cure: str


# The first that applies is the first to be named. Nearly all healthy trainings are far from these
# bounds, and so are nearly all sick ones; where they come close, the line says how close.
CHECKS = (
    Check(
        "not finite",
        ("finite",),
        lambda n: not n["finite"],
        "the loss is {loss:.3g}, or its gradient holds NaN or infinity",
        "look for a row in which all is masked, log(0), 0/0, and for float16 beyond 65,504.",
    ),
    Check(
        "the future is read",
        ("future_in_evaluation", "future_in_training"),
        lambda n: max(n["future_in_evaluation"], n["future_in_training"]) > 1e-6,
        "{future_in_evaluation:.1%} of what an output depends on comes after it "
        "({future_in_training:.1%} in training mode); in a causal model 0",
        "causal=True in every layer of self-attention, whatever the mode.",
    ),
    Check(
        "padding is read",
        ("padding_read",),
        lambda n: n["padding_read"] > 1e-6,
        "{padding_read:.1%} of what the outputs depend on is padding; it should be 0",
        "hand on mask=padding_mask_from_ids(ids, pad_id), and leave padding out of means.",
    ),
    Check(
        "padding is counted",
        ("padding_counted",),
        lambda n: n["padding_counted"] > 1e-6,
        "{padding_counted:.1%} of the loss's gradient lies on padding; it should be 0",
        "give the loss ignore_index=pad_id, or take `token_sum`.",
    ),
    Check(
        "the targets are the inputs",
        ("copied",),
        lambda n: n["copied"] > 0.9,
        "{copied:.0%} of the targets stand in the input at the same place",
        "shift by one: inputs ids[:, :-1], targets ids[:, 1:].",
    ),
    Check(
        "evaluation is random",
        ("wavers",),
        lambda n: n["wavers"] > 1e-5 * max(1.0, abs(n["loss"])),
        "two evaluations of one batch differ by {wavers:.1e}",
        "let model.eval() reach all dropout: nn.Dropout, or p=0.0 if not self.training.",
    ),
    Check(
        "these weights know nothing",
        ("known",),
        lambda n: n["known"] > 0.9,
        "they are said to be trained, and lose {loss:.2f} nats; who knows nothing loses "
        "{uniform:.2f}",
        "compare what load_state_dict left out, above all a head that should be tied.",
    ),
    Check(
        "overfitting",
        ("gap_when_trained",),
        lambda n: n["gap_when_trained"] > 0.5,
        "held-out text costs {gap:.2f} nats more than text of the training",
        "more data, fewer steps, a smaller model, dropout: measure which.",
    ),
    Check(
        "the first loss is too high",
        ("surprise",),
        lambda n: n["surprise"] > 2,
        "it is {loss:.2f} nats; who knows nothing loses {uniform:.2f}",
        "draw the head's weights smaller; tied to the embedding, N(0, 0.02²).",
    ),
    # Sick 0.986 and more; healthy at most 0.9 after the trial, though 0.997 before it. Missed on
    # one processor: 24 post-norm layers at a rate of 1e-3, 0.964 there (at 3e-3 it is 1.000).
    Check(
        "all tokens have become alike",
        ("alike", "alike_after"),
        lambda n: min(n["alike"], n["alike_after"]) > 0.98,
        "the last features of two tokens have a cosine of {alike:.3f} on average, and of "
        "{alike_after:.3f} after 60 steps",
        "norm_first=True, or a long warm-up and fewer layers; and look for a lost `x +`.",
    ),
    Check(
        "a bottleneck",
        ("rank", "room"),
        lambda n: n["rank"] < 0.5 * n["room"],
        "the outputs differ in {rank} directions, and there is room for {room}",
        "widen the narrowest map between the features and the outputs.",
    ),
    Check(  # sick 1; healthy at most 0.25, and 0.75 in a small head that reads four queries
        "dead units",
        ("silent",),
        lambda n: n["silent"] > 0.9,
        "in one layer {silent:.0%} of the units are 0 for every token, so that no gradient passes",
        "draw the biases as zeros; GELU; a lower rate.",
    ),
    Check(
        "left out of the optimizer",
        ("left_out",),
        lambda n: n["left_out"] > 0,
        "{left_out} trainable tensors are in none of its groups",
        "give it model.parameters(), or freeze them with requires_grad_(False).",
    ),
    Check(
        "the rate begins at 0",
        ("first_factor",),
        lambda n: n["first_factor"] == 0,
        "the first step changes nothing",
        "count steps from 1.",
    ),
    Check(
        "the warm-up is longer than the run",
        ("rising",),
        lambda n: n["rising"] > 1.01,
        "the rate still rises at the last step, where it is {rising:.1f} times that of half-way",
        "warm up for one to ten per cent of the steps.",
    ),
    Check(
        "updates vanish in the rounding",
        ("unmoved",),
        lambda n: n["unmoved"] > 0.5,
        "a step leaves {unmoved:.0%} of a matrix bit for bit as it was",
        "keep the weights in float32 and compute in bfloat16 (autocast).",
    ),
    Check(
        "the rate is too high",
        ("rise",),
        lambda n: n["rise"] > 1.5 or n.get("tenth", 1) < 0.5,
        "on one batch, which can be learned by heart, the loss goes {start:.2f} → {highest:.2f} → "
        "{end:.2f} nats in 60 steps",
        "a tenth of the rate, and a warm-up.",
    ),
    Check(
        "the rate is too low",
        ("tenfold", "stuck"),
        lambda n: n["stuck"] and n["tenfold"] > 3,
        "on one batch, which can be learned by heart, the loss falls from {start:.3f} to {end:.3f} "
        "nats in 60 steps, and {tenfold:.0f} times as far with ten times the rate",
        "ten times the rate.",
    ),
    Check(
        "nothing is learned beyond the frequencies",
        ("by_heart",),
        lambda n: (
            n["by_heart"] > STUCK and not (n.get("tenfold", 0) > 3 or n.get("tenth", 1) < 0.5)
        ),
        "one batch cannot be learned by heart: after 240 steps its loss is {later:.2f} nats, and "
        "who knows how often each token comes loses {frequencies:.2f}",
        "take parts away until one batch can be learned; then put them back one by one.",
    ),
)


def found(numbers: Numbers) -> tuple[Check, ...]:
    """The checks that find something, of those whose numbers are there."""
    able = (check for check in CHECKS if numbers.keys() >= {*check.needs})
    return tuple(check for check in able if check.sick(numbers))


def compared(n: Numbers, trained: bool) -> Numbers:
    """The numbers, and those that are one measured thing beside another."""
    more = {}
    if n.get("uniform", 0) > 0:
        more["known" if trained else "surprise"] = n["loss"] / n["uniform"]
    if trained and "gap" in n:
        more["gap_when_trained"] = n["gap"]
    if "end" in n:
        more["rise"] = n["highest"] / max(n["start"], 1e-9)
        more["stuck"] = n["end"] > 0.98 * n["start"]
        if n.get("frequencies", 0) > 0 and (learned_some(n) or "later" in n):
            more["by_heart"] = n.get("later", n["end"]) / n["frequencies"]
            more["stuck"] = more["by_heart"] > STUCK
    return n | more
