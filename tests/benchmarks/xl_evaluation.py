"""How fast a memory reads: Transformer-XL against a window computed anew for every token."""

import torch
from measure import cells, side_by_side
from torch import Tensor

from transformer_lib.layers.cache import MemoryCache
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig

SIZES = {"d_model": 512, "num_heads": 8, "num_layers": 2, "d_ff": 2048, "dropout": 0.0}
VOCAB_SIZE = 66
PAPER = {800: 363, 1800: 773, 2800: 1409, 3800: 1874}  # Dai et al. 2019, Table 9
SEGMENTS = (1, 128, 512)

TITLE = "Speed of reading with a memory, against a window"
NOTE = (
    "Time for one more token, batch 1, float32, no gradients; as wide as the paper's model for "
    "enwik8 (d_model 512, 8 heads, d_ff 2048) and 2 layers deep, vocabulary "
    f"{VOCAB_SIZE}. `TransformerXL.read`: a segment behind a full memory of the attention length, "
    "its time divided by the tokens of the segment. Window: a GPT of the same sizes, with absolute "
    "positions, reads as many tokens as the attention length anew for each token, and scores the "
    "last one; so the paper's vanilla model is evaluated. Cache: the same GPT reads one token "
    "behind that many keys and values; its positions end there, so that it cannot go on. Above "
    "1.00 Transformer-XL is faster. Ratio of neighbouring calls: median (quartiles). The paper's "
    "ratios are those of Dai et al. 2019, Table 9, on one GPU; it does not name the length of its "
    "segments."
)
HEAD = (
    "attention length", "segment", "ours, ms", "window, ms", "cache, ms", "window / ours",
    "cache / ours", "window / ours in the paper",
)  # fmt: skip


@torch.no_grad()
def rows(quick: bool):
    """Time each length of attention, for each length of a segment."""
    lengths = (16, 24) if quick else tuple(PAPER)
    seconds = 0.1 if quick else 15.0
    for length in lengths:
        window = torch.randint(VOCAB_SIZE, (1, length))
        # The cache forgets what lies farther back, so that each call costs the same. It counts up
        # to twice its length before it moves the rest: the GPT gets as many positions.
        gpt = GPT(GPTConfig(VOCAB_SIZE, 2 * length + 1, **SIZES)).eval()
        config = TransformerXLConfig(VOCAB_SIZE, norm_first=True, mem_len=length, **SIZES)
        xl = TransformerXL(config).eval()
        memory, cache = xl.read(window)[1], MemoryCache(length)
        gpt(window, cache=cache)

        def recompute(gpt=gpt, window=window) -> Tensor:
            return gpt.logits(gpt.features(window)[:, -1])

        def go_on(gpt=gpt, window=window, cache=cache) -> Tensor:
            return gpt.step(window[:, :1], cache)

        for segment in SEGMENTS:
            ids = window[:, :1].expand(1, segment).contiguous()

            def read(xl=xl, memory=memory, ids=ids) -> Tensor:
                return xl.read(ids, memory)[0]

            times = side_by_side(read, recompute, go_on, seconds=seconds)
            if times is not None:
                times[0] = [t / segment for t in times[0]]
            yield length, segment, *cells(times, opponents=2), PAPER.get(length, "")
