"""Our Transformer-XL against x-transformers' recurrence: a step of training, and reading on."""

import torch
from measure import cells, side_by_side
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from x_transformers import Decoder, TransformerWrapper

from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig

VOCAB_SIZE, D_MODEL, NUM_HEADS, NUM_LAYERS = 66, 256, 4, 4

TITLE = "Speed of `TransformerXL` against x-transformers with recurrence"
NOTE = (
    f"One segment of 128 behind a full memory of 384, batch 8; d_model {D_MODEL}, {NUM_HEADS} "
    f"heads, {NUM_LAYERS} layers, d_ff 4 · d_model, ReLU, pre-norm, vocabulary {VOCAB_SIZE}, "
    "dropout 0. Ours has the four terms of relative attention; x-transformers has rotary "
    "positions, an easier problem, in both its forms, `attn_flash=True` and `False`. A training "
    "step is forward and backward. Reading is forward without gradients; `read` keeps keys and "
    "values in place of features. Above 1.00 ours is faster. Ratio of neighbouring calls: median "
    "(quartiles)."
)
HEAD = (
    "dtype", "what", "ours, ms", "flash, ms", "plain, ms", "flash / ours", "plain / ours",
)  # fmt: skip


def rows(quick: bool):
    """Time each dtype and task."""
    batch, seg_len, mem_len = (2, 8, 24) if quick else (8, 128, 384)
    seconds = 0.1 if quick else 20.0
    before, ids, targets = (
        torch.randint(VOCAB_SIZE, (batch, length)) for length in (mem_len, seg_len, seg_len)
    )
    for dtype in (torch.float32, torch.bfloat16):
        ours = _ours(mem_len).to(dtype).eval()
        theirs = [_theirs(mem_len, flash).to(dtype).eval() for flash in (True, False)]
        with torch.no_grad():
            memory, cache = ours(before)[1], ours.read(before)[1]
            mems = [model(before, return_mems=True)[1] for model in theirs]

        def score(ours=ours, memory=memory):
            return ours(ids, memory)[0]

        rivals = [
            lambda model=model, mems=m: model(ids, mems=mems, return_mems=True)[0]
            for model, m in zip(theirs, mems, strict=True)
        ]
        reading = [_without_gradient(call) for call in (score, *rivals)]
        tasks = {
            "reading": reading,
            "reading, ours with `read`": [lambda m=ours, c=cache: m.read(ids, c), *reading[1:]],
            "training step": [
                _step(model, call, targets)
                for model, call in zip((ours, *theirs), (score, *rivals), strict=True)
            ],
        }
        for what, calls in tasks.items():
            for model in (ours, *theirs):
                model.train(what == "training step")
            times = side_by_side(*calls, seconds=seconds)
            yield str(dtype).removeprefix("torch."), what, *cells(times, opponents=2)


def _ours(mem_len: int) -> TransformerXL:
    return TransformerXL(
        TransformerXLConfig(
            VOCAB_SIZE,
            d_model=D_MODEL,
            num_heads=NUM_HEADS,
            num_layers=NUM_LAYERS,
            d_ff=4 * D_MODEL,
            dropout=0.0,
            norm_first=True,
            mem_len=mem_len,
        )
    )


def _theirs(mem_len: int, flash: bool) -> TransformerWrapper:
    return TransformerWrapper(
        num_tokens=VOCAB_SIZE,
        max_seq_len=mem_len,
        max_mem_len=mem_len,
        use_abs_pos_emb=False,
        attn_layers=Decoder(
            dim=D_MODEL,
            depth=NUM_LAYERS,
            heads=NUM_HEADS,
            attn_dim_head=D_MODEL // NUM_HEADS,
            rotary_pos_emb=True,
            attn_flash=flash,
            ff_custom_activation=nn.ReLU(),
        ),
    )


def _step(model: nn.Module, call, targets: Tensor):
    def step():
        model.zero_grad(set_to_none=True)
        cross_entropy(call().flatten(0, 1), targets.flatten()).backward()

    return step


def _without_gradient(call):
    def read():
        with torch.no_grad():
            call()

    return read
