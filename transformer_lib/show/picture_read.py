"""How a model reads a picture, drawn from a run: patches, a token for each, the stack, scores."""

from dataclasses import dataclass

from torch import Tensor, nn

from transformer_lib.layers.patches import patchify
from transformer_lib.show.canvas import Canvas
from transformer_lib.show.runs import Event, Run, same, watch
from transformer_lib.show.streams import alike, put, shape_of, weights_said

LEFT, WIDE, MIDDLE = 8, 344, 180  # the row of tokens, and the middle of what stands over it
PICTURE = 84  # how wide the picture is drawn
SHOWN = 3  # numbers of each token


@dataclass(frozen=True, eq=False)
class _Reading:
    """A run, and which of its parts did what."""

    run: Run
    picture: Tensor  # (1, 1, height, width)
    patches: Tensor  # (1, patches, size²), as the first weights were given them
    eyes: Event  # makes patches tokens
    added: list[Event]  # what adds to tokens, such as positions
    stack: Event
    head: Event

    @property
    def size(self) -> int:
        """Of a patch, in pixels."""
        return round(self.patches.size(-1) ** 0.5)

    @property
    def tokens(self) -> Tensor:
        """What positions are added to: the patches' tokens, and what was put before them."""
        return [*self.added, self.stack][0].tensors[0]

    @property
    def before(self) -> int:
        """How many tokens stand before the patches."""
        return self.tokens.size(1) - self.patches.size(1)

    @property
    def pooled(self) -> str:
        """What the head reads."""
        features, read = self.stack.got, self.head.tensors[0]
        if same(read, features[:, 0]):
            return "the first token"
        if same(read, features.mean(dim=1)):
            return "the mean"
        raise ValueError("model must have a head that reads the mean of all tokens, or the first")

    @property
    def layers(self) -> list[str]:
        """What the stack is made of, as "2 × norm1, self_attention, norm2, feed_forward"."""
        parts = self.run.parts
        return [
            f"{count} × {', '.join(p.own_name for p in parts(part.name))}"
            if parts(part.name)
            else part.own_name
            for count, part in alike(self.run, parts(self.stack.name))
        ]

    def said(self) -> str:
        """The drawing in sentences."""
        return " ".join(
            [
                f"A picture, {shape_of(self.picture)}, is cut into patches, "
                f"{shape_of(self.patches)}. {self.eyes.own_name} makes each of them a token.",
                *["One more token is put before them."] * self.before,
                *[f"{part.own_name} is added." for part in self.added],
                f"{self.stack.own_name} ({'; '.join(self.layers)}) reads {shape_of(self.tokens)}.",
                f"{self.head.own_name} reads {self.pooled}, and gives scores, "
                f"{shape_of(self.run.got)}.",
                weights_said([self.eyes, *self.added, self.stack, self.head]),
            ]
        )


def picture_read(model: nn.Module, picture: Tensor) -> Canvas:
    """Draw what becomes of one picture, from its pixels to the scores of the classes.

    Patches are what the first weights were given; lines are drawn on the picture if they are its
    squares. A class token is what stands before them, positions are what was added, and what the
    head reads is looked for in the stack's output. So another model is another drawing.

    Args:
        model: its parts, in order: what makes patches tokens; what adds to them, or nothing; the
            stack; the head. It is run.
        picture: grey, (1, 1, height, width), from 0 to 1.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: for another picture, or if the first weights read no rows of patches, or the
            head neither the mean of the tokens nor the first.
    """
    if picture.dim() != 4 or picture.shape[:2] != (1, 1):
        raise ValueError(f"picture must be (1, 1, height, width), got {shape_of(picture)}")
    run = watch(model, picture)
    eyes, *added, stack, head = run.parts()
    patches = [*run.parts(eyes.name), eyes][0].tensors[0]
    reading = _Reading(run, picture, patches, eyes, added, stack, head)
    if patches.dim() != 3 or patches.size(-1) != reading.size**2:
        raise ValueError(f"model must read squares in rows first, got {shape_of(patches)}")
    c = Canvas(f"{type(model).__name__}: a picture is read", reading.said())
    y = _picture(c, reading)
    y = _tokens(c, reading, y)
    y = _stack(c, reading, y)
    _scores(c, reading, y)
    return c


def _picture(c: Canvas, reading: _Reading) -> float:
    """The picture, and under it the row of its patches. Returns how far down it goes."""
    picture, patches, size = reading.picture, reading.patches[0], reading.size
    left, top = MIDDLE - PICTURE / 2, 22
    c.text(MIDDLE, 12, f"picture {shape_of(picture)}", "shape")
    c.pixels(left, top, picture[0, 0], size=PICTURE)
    if same(patches, patchify(picture, size)[0]):
        for i in range(1, picture.size(-1) // size):
            step = PICTURE * size * i / picture.size(-1)
            for line in (
                ((left + step, top), (left + step, top + PICTURE)),
                ((left, top + step), (left + PICTURE, top + step)),
            ):
                c.line(*line, kind="shut", tip=False)
    y = top + PICTURE
    c.line((MIDDLE, y + 2), (MIDDLE, y + 16))
    c.text(MIDDLE, y + 26, f"patches {shape_of(reading.patches)}", "shape")
    cell = WIDE / reading.tokens.size(1)
    for i, patch in enumerate(patches, start=reading.before):
        c.pixels(LEFT + i * cell + 1, y + 36, patch.view(size, size), size=cell - 2)
        c.line((LEFT + (i + 0.5) * cell, y + 36 + cell), (LEFT + (i + 0.5) * cell, y + 50 + cell))
    return y + 50 + cell


def _tokens(c: Canvas, reading: _Reading, y: float) -> float:
    """One map for all patches; its tokens, and what is added to them."""
    start = LEFT + reading.before * WIDE / reading.tokens.size(1)
    end = LEFT + WIDE
    put(c, reading.eyes, (start + end) / 2, y + 21, end - start, 42, "weights")
    c.line((MIDDLE, y + 42), (MIDDLE, y + 56))
    y = _row(c, y + 56, reading.tokens, f"tokens {shape_of(reading.tokens)}")
    for part in reading.added:
        c.plus(MIDDLE - 100, y + 16)
        new = part.got - part.tensors[0]
        y = _row(c, y + 4, new, f"{part.own_name} {shape_of(new)}")
    c.line((MIDDLE, y + 2), (MIDDLE, y + 16))
    return y + 16


def _stack(c: Canvas, reading: _Reading, y: float) -> float:
    """The stack, its tokens, and what of them is read."""
    height = 30 + 18 * len(reading.layers)
    c.box(MIDDLE, y + height / 2, WIDE, height, "", "weights")
    c.text(MIDDLE, y + 15, reading.stack.own_name, "name")
    for i, line in enumerate(reading.layers):
        c.text(MIDDLE, y + 35 + 18 * i, line, "shape")
    features = reading.stack.got
    c.line((MIDDLE, y + height), (MIDDLE, y + height + 14))
    y = _row(c, y + height + 14, features, f"tokens {shape_of(features)}", numbers=1)
    first, end = LEFT + WIDE / features.size(1) / 2, LEFT + WIDE
    if reading.pooled == "the first token":
        c.line((first, y + 2), (first, y + 14), (MIDDLE, y + 14), (MIDDLE, y + 40))
    else:
        c.line((LEFT, y + 3), (LEFT, y + 10), (end, y + 10), (end, y + 3), tip=False)
        c.line((MIDDLE, y + 10), (MIDDLE, y + 40))
    read = reading.head.tensors[0]
    c.text(MIDDLE + 10, y + 25, f"{reading.pooled} {shape_of(read)}", "shape left")
    return y + 40


def _scores(c: Canvas, reading: _Reading, y: float) -> None:
    """The head, and how likely it makes each class."""
    scores = reading.run.got
    chances = scores.softmax(dim=-1)
    put(c, reading.head, MIDDLE, y + 21, 220, 42, "weights")
    c.line((MIDDLE, y + 42), (MIDDLE, y + 56))
    c.text(MIDDLE, y + 66, f"scores {shape_of(scores)}, as probabilities", "shape")
    cell = min(28.0, WIDE / scores.size(1))
    left = MIDDLE - cell * scores.size(1) / 2
    c.grid(left, y + 76, chances, "score", cell=cell)
    for i, chance in enumerate(chances[0].tolist()):
        best = chance == chances.max().item()
        c.text(left + (i + 0.5) * cell, y + 88 + cell, str(i), "name" if best else "shape")


def _row(c: Canvas, y: float, tokens: Tensor, text: str, numbers: int = SHOWN) -> float:
    """Tokens side by side, a column each: their first numbers. Returns how far down it goes."""
    c.text(MIDDLE, y + 12, text, "shape")
    cell = WIDE / tokens.size(1)
    c.grid(LEFT, y + 24, tokens[0, :, :numbers].T, "score", cell=cell)
    return y + 24 + numbers * cell
