"""GPT and ViT, whole: a step of training and inference, against three other libraries."""

import torch
import torch.nn.functional as F
from measure import LIMIT, cells, has_bf16_products, side_by_side
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, ViTForImageClassification
from transformers import ViTConfig as TheirViTConfig
from x_transformers import Decoder, Encoder, TransformerWrapper, ViTransformerWrapper

from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.vit import ViT, ViTConfig

D_MODEL, NUM_HEADS, NUM_LAYERS, D_FF = 256, 4, 4, 1024
VOCAB_SIZE, NUM_CLASSES, PATCH_SIZE = 1000, 10, 16

TITLE = "Speed of `GPT` and `ViT` against Hugging Face, x-transformers and torch"
NOTE = (
    f"{NUM_LAYERS} pre-norm layers, d_model {D_MODEL}, {NUM_HEADS} heads, d_ff {D_FF}, the exact "
    "GELU, no dropout, batch 8. GPT: GPT-2's architecture, but for its GELU, on 256 tokens, "
    f"vocabulary {VOCAB_SIZE:,}; beside it `GPT2LMHeadModel`. ViT: pictures of 224 × 224 in "
    f"patches of {PATCH_SIZE}; beside it `ViTForImageClassification`. Torch: "
    "`nn.TransformerEncoder` between the same embeddings and output layer. x-transformers with "
    "`attn_flash=True`. Training step: forward pass, cross-entropy, backward pass and AdamW. "
    "Inference under `no_grad`. Above 1.00 ours is faster. Ratio of neighbouring calls: median "
    f"(quartiles). Left out: calls longer than {LIMIT:.0f} s, and training in bfloat16 where the "
    "CPU has no bfloat16 products."
)
HEAD = (
    "model", "dtype", "what", "ours, ms", "Hugging Face, ms", "x-transformers, ms", "torch, ms",
    "Hugging Face / ours", "x-transformers / ours", "torch / ours",
)  # fmt: skip


class TorchStack(nn.Module):
    """`nn.TransformerEncoder` between tokens or patches and an output layer."""

    def __init__(self, read: nn.Module, length: int, num_outputs: int, *, causal: bool):
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            D_MODEL, NUM_HEADS, D_FF, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.stack = nn.TransformerEncoder(
            layer, NUM_LAYERS, nn.LayerNorm(D_MODEL), enable_nested_tensor=False
        )
        self.read, self.head, self.causal = read, nn.Linear(D_MODEL, num_outputs), causal
        self.positions = nn.Parameter(torch.zeros(length, D_MODEL))

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of every token, or of the mean of all patches."""
        x = self.read(inputs)
        if x.dim() == 4:  # a convolution's output
            x = x.flatten(2).transpose(1, 2)
        x, mask = x + self.positions, None
        if self.causal:
            mask = nn.Transformer.generate_square_subsequent_mask(x.size(1), dtype=x.dtype)
        x = self.stack(x, mask=mask, is_causal=self.causal)
        return self.head(x if self.causal else x.mean(dim=1))


def gpts(length: int) -> list[nn.Module]:
    """Ours, Hugging Face's, that of x-transformers, torch's."""
    same = {"heads": NUM_HEADS, "attn_dim_head": D_MODEL // NUM_HEADS, "attn_flash": True}
    return [
        GPT(
            GPTConfig(
                VOCAB_SIZE, max_len=length, d_model=D_MODEL, num_heads=NUM_HEADS,
                num_layers=NUM_LAYERS, d_ff=D_FF, dropout=0.0, activation="gelu",
            )
        ),
        GPT2LMHeadModel(
            GPT2Config(
                vocab_size=VOCAB_SIZE, n_positions=length, n_embd=D_MODEL, n_layer=NUM_LAYERS,
                n_head=NUM_HEADS, n_inner=D_FF, activation_function="gelu",
                resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
                use_cache=False, bos_token_id=0, eos_token_id=0,
            )
        ),
        TransformerWrapper(
            num_tokens=VOCAB_SIZE, max_seq_len=length,
            attn_layers=Decoder(dim=D_MODEL, depth=NUM_LAYERS, **same),
        ),
        TorchStack(nn.Embedding(VOCAB_SIZE, D_MODEL), length, VOCAB_SIZE, causal=True),
    ]  # fmt: skip


def vits(image_size: int) -> list[nn.Module]:
    """Ours, Hugging Face's, that of x-transformers, torch's."""
    same = {"heads": NUM_HEADS, "attn_dim_head": D_MODEL // NUM_HEADS, "attn_flash": True}
    patches = nn.Conv2d(3, D_MODEL, PATCH_SIZE, PATCH_SIZE)
    return [
        ViT(
            ViTConfig(
                image_size, PATCH_SIZE, in_channels=3, num_classes=NUM_CLASSES, d_model=D_MODEL,
                num_heads=NUM_HEADS, num_layers=NUM_LAYERS, d_ff=D_FF,
            )
        ),
        ViTForImageClassification(
            TheirViTConfig(
                image_size=image_size, patch_size=PATCH_SIZE, hidden_size=D_MODEL,
                num_hidden_layers=NUM_LAYERS, num_attention_heads=NUM_HEADS,
                intermediate_size=D_FF, num_labels=NUM_CLASSES,
            )
        ),
        ViTransformerWrapper(
            image_size=image_size, patch_size=PATCH_SIZE, num_classes=NUM_CLASSES,
            attn_layers=Encoder(dim=D_MODEL, depth=NUM_LAYERS, **same),
        ),
        TorchStack(patches, (image_size // PATCH_SIZE) ** 2, NUM_CLASSES, causal=False),
    ]  # fmt: skip


def rows(quick: bool):
    """Time both models, in training and inference, in both dtypes."""
    batch, length, image_size = (2, 16, 32) if quick else (8, 256, 224)
    tokens = torch.randint(VOCAB_SIZE, (2, batch, length))
    images = torch.randn(batch, 3, image_size, image_size)
    labels = torch.randint(NUM_CLASSES, (batch,))
    tasks = {"GPT": (gpts(length), *tokens), "ViT": (vits(image_size), images, labels)}
    for model, (rivals, inputs, targets) in tasks.items():
        for dtype in (torch.float32, torch.bfloat16):
            kind = str(dtype).removeprefix("torch.")
            given = inputs.to(dtype) if inputs.is_floating_point() else inputs
            calls = [_calls(rival.to(dtype), given, targets) for rival in rivals]
            for what in calls[0]:
                times, seconds = None, 0.1 if quick else 15.0
                if dtype == torch.float32 or what == "inference" or has_bf16_products():
                    times = side_by_side(*(call[what] for call in calls), seconds=seconds)
                yield model, kind, what, *cells(times, opponents=3)


def _calls(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict:
    """The two things that are timed, for one of the four."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def logits() -> Tensor:
        found = model(inputs)
        return getattr(found, "logits", found)

    def training_step() -> None:
        model.train()
        F.cross_entropy(logits().flatten(0, -2).float(), targets.flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()

    def inference() -> None:
        model.eval()
        with torch.no_grad():
            logits()

    return {"training step": training_step, "inference": inference}
