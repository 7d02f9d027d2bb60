"""Encoder and decoder, whole: a step of training and inference, against two other libraries."""

import warnings

import torch
import torch.nn.functional as F
from measure import LIMIT, cells, has_bf16_products, side_by_side
from torch import Tensor, nn
from x_transformers import Decoder as XDecoder
from x_transformers import Encoder as XEncoder

from transformer_lib.layers.blocks import DecoderLayer, EncoderLayer
from transformer_lib.layers.decoder import Decoder
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention

D_MODEL, NUM_HEADS, NUM_LAYERS, D_FF, VOCAB_SIZE = 256, 4, 4, 1024, 1000

TITLE = "Speed of the encoder-decoder against `torch.nn.Transformer` and x-transformers"
NOTE = (
    f"{NUM_LAYERS}+{NUM_LAYERS} pre-norm layers, d_model {D_MODEL}, {NUM_HEADS} heads, d_ff "
    f"{D_FF}, ReLU, no dropout, no padding; all three between the same embeddings and the same "
    f"output layer, with a vocabulary of {VOCAB_SIZE:,}. Training step: forward pass, cross-"
    "entropy, backward pass and AdamW. Inference: forward pass of the whole target under "
    "`no_grad`. x-transformers with `attn_flash=True`. In bfloat16 the weights are cast, and so "
    "are AdamW's moments. Above 1.00 ours is faster. Ratio of neighbouring calls: median "
    f"(quartiles). Left out: calls longer than {LIMIT:.0f} s, and training in bfloat16 where the "
    "CPU has no bfloat16 products, so that a step takes many times as long as in float32."
)
HEAD = (
    "batch × length", "dtype", "what", "ours, ms", "torch, ms", "x-transformers, ms",
    "torch / ours", "x-transformers / ours",
)  # fmt: skip


class Ours(nn.Module):
    """Stacks of our layers."""

    def __init__(self):
        super().__init__()

        def attention(causal=False):
            return MultiHeadAttention(D_MODEL, NUM_HEADS, causal=causal)

        def think():
            return FeedForward(D_MODEL, D_FF)

        self.encoder = Encoder(
            [EncoderLayer(attention(), think()) for _ in range(NUM_LAYERS)],
            final_norm=nn.LayerNorm(D_MODEL),
        )
        self.decoder = Decoder(
            [DecoderLayer(attention(True), attention(), think()) for _ in range(NUM_LAYERS)],
            final_norm=nn.LayerNorm(D_MODEL),
        )

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """(batch, source_len, d_model), (batch, target_len, d_model) → like the target."""
        return self.decoder(target, self.encoder(source))


class Torchs(nn.Module):
    """`torch.nn.Transformer`, which knows that its mask is causal."""

    def __init__(self):
        super().__init__()
        with warnings.catch_warnings(action="ignore"):  # it would like to drop padding: none here
            self.stacks = nn.Transformer(
                D_MODEL, NUM_HEADS, NUM_LAYERS, NUM_LAYERS, D_FF,
                dropout=0.0, batch_first=True, norm_first=True,
            )  # fmt: skip

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """As ours."""
        mask = nn.Transformer.generate_square_subsequent_mask(target.size(1), dtype=target.dtype)
        return self.stacks(source, target, tgt_mask=mask, tgt_is_causal=True)


class XTransformers(nn.Module):
    """The stacks of x-transformers, as fast as they can be set."""

    def __init__(self):
        super().__init__()
        same = {
            "dim": D_MODEL, "depth": NUM_LAYERS, "heads": NUM_HEADS,
            "attn_dim_head": D_MODEL // NUM_HEADS, "attn_flash": True,
            "ff_mult": D_FF / D_MODEL, "ff_custom_activation": nn.ReLU(),
        }  # fmt: skip
        self.encoder, self.decoder = XEncoder(**same), XDecoder(cross_attend=True, **same)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """As ours."""
        return self.decoder(target, context=self.encoder(source))


def rows(quick: bool):
    """Time training and inference in both dtypes."""
    batch, length = (2, 16) if quick else (8, 256)
    ids = torch.randint(VOCAB_SIZE, (2, batch, length))
    for dtype in (torch.float32, torch.bfloat16):
        kind = str(dtype).removeprefix("torch.")
        models = [_calls(body(), ids, dtype) for body in (Ours, Torchs, XTransformers)]
        for name in models[0]:
            times, seconds = None, 0.1 if quick else 25.0
            if dtype == torch.float32 or name == "inference" or has_bf16_products():
                times = side_by_side(*(calls[name] for calls in models), seconds=seconds)
            yield f"{batch} × {length}", kind, name, *cells(times, opponents=2)


def _calls(body: nn.Module, ids: Tensor, dtype: torch.dtype) -> dict:
    """The two things that are timed, for one of the three."""
    embedding, head = nn.Embedding(VOCAB_SIZE, D_MODEL), nn.Linear(D_MODEL, VOCAB_SIZE)
    model = nn.ModuleList([embedding, body, head]).to(dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    source, target = ids

    def logits() -> Tensor:
        return head(body(embedding(source), embedding(target)))

    def training_step() -> None:
        model.train()
        F.cross_entropy(logits().flatten(0, 1).float(), target.flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()

    def inference() -> None:
        model.eval()
        with torch.no_grad():
            logits()

    return {"training step": training_step, "inference": inference}
