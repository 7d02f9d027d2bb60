"""Training and inference of four models of the usual sizes on a GPU, against other libraries."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from gpu import MEASURED, TINY, Size, compare, device, gpts, logits, training
from torch import Tensor, nn
from transformers import BertConfig as TheirBertConfig
from transformers import BertForMaskedLM, ViTForImageClassification
from transformers import ViTConfig as TheirViTConfig
from x_transformers import Decoder, Encoder, TransformerWrapper, ViTransformerWrapper

from transformer_lib.models.bert import Bert, BertConfig, MaskedWords
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig
from transformer_lib.models.vit import ViT, ViTConfig

TITLE = "On a GPU: training and inference"
NOTE = (
    "bfloat16, `torch.compile`, fused attention, no dropout. GPT: GPT-2's small model, 32 rows of "
    "1,024 tokens. BERT base: 64 rows of 512. ViT-B/16: 128 pictures of 224 × 224. Transformer-XL: "
    "12 layers, d_model 512, 32 segments of 512 behind a memory of 512; Hugging Face has none any "
    "more. Training: forward, cross-entropy, backward and fused AdamW. Share of the peak: the "
    "operations of our model's products, attention counted in full, by the time, of the bfloat16 "
    "peak in NVIDIA's data sheet. Memory: the peak, with weights, gradients and AdamW's moments."
)
HEAD = ("model", "what", "library", *MEASURED)


def rows(quick: bool):
    """Measure training for all models, then inference for all."""
    size = TINY if quick else Size()
    families = {
        "GPT": _gpt(size, *((2, 16) if quick else (32, 1024))),
        "BERT base": _bert(size, *((2, 16) if quick else (64, 512))),
        "ViT-B/16": _vit(size, *((2, 32) if quick else (128, 224))),
        "Transformer-XL": _xl(
            TINY if quick else Size(512, 8, 12), *((2, 8) if quick else (32, 512))
        ),
    }
    for what in ("training", "inference"):
        for family, (makers, loss, forward, tokens) in families.items():
            task = training(loss) if what == "training" else _inference(forward)
            for row in compare(makers, task, tokens, quick=quick):
                yield family, what, *row


def _inference(forward: Callable[[Callable], Tensor]) -> Callable:
    def task(model: nn.Module, called: nn.Module) -> Callable[[], None]:
        def read() -> None:
            model.eval()
            with torch.no_grad():
                forward(called)

        return read

    return task


def _scored(forward: Callable[[Callable], Tensor], targets: Tensor) -> Callable:
    return lambda called: F.cross_entropy(forward(called).flatten(0, -2).float(), targets.flatten())


def _draw(high: int, *shape: int) -> Tensor:
    return torch.randint(high, shape, device=device())


def _gpt(size: Size, batch: int, length: int):
    ids, targets = _draw(size.vocab_size, 2, batch, length)

    def forward(called: Callable) -> Tensor:
        return logits(called(ids))

    return gpts(size, length), _scored(forward, targets), forward, batch * length


def _bert(size: Size, batch: int, length: int):
    vocab_size = min(size.vocab_size, 30_522)
    ids, targets = _draw(vocab_size - 1, 2, batch, length) + 1  # 0 is padding

    def forward(called: Callable) -> Tensor:
        return logits(called(ids))

    makers = {
        "ours": lambda: MaskedWords(
            Bert(
                BertConfig(
                    vocab_size, max_len=length, d_model=size.d_model, num_heads=size.num_heads,
                    num_layers=size.num_layers, d_ff=4 * size.d_model, dropout=0.0,
                )
            )
        ),
        "Hugging Face": lambda: BertForMaskedLM(
            TheirBertConfig(
                vocab_size=vocab_size, max_position_embeddings=length, hidden_size=size.d_model,
                num_attention_heads=size.num_heads, num_hidden_layers=size.num_layers,
                intermediate_size=4 * size.d_model, hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0, attn_implementation="sdpa",
            )
        ),
        "x-transformers": lambda: TransformerWrapper(
            num_tokens=vocab_size, max_seq_len=length, tie_embedding=True,
            attn_layers=Encoder(
                dim=size.d_model, depth=size.num_layers, heads=size.num_heads,
                attn_dim_head=size.d_model // size.num_heads, attn_flash=True, pre_norm=False,
            ),
        ),
    }  # fmt: skip
    return makers, _scored(forward, targets), forward, batch * length


def _vit(size: Size, batch: int, image_size: int):
    patch_size, num_classes = 16, 1000
    images = torch.randn(batch, 3, image_size, image_size, device=device(), dtype=torch.bfloat16)
    labels = _draw(num_classes, batch)

    def forward(called: Callable) -> Tensor:
        return logits(called(images))

    makers = {
        "ours": lambda: ViT(
            ViTConfig(
                image_size, patch_size, in_channels=3, num_classes=num_classes,
                d_model=size.d_model, num_heads=size.num_heads, num_layers=size.num_layers,
                d_ff=4 * size.d_model,
            )
        ),
        "Hugging Face": lambda: ViTForImageClassification(
            TheirViTConfig(
                image_size=image_size, patch_size=patch_size, hidden_size=size.d_model,
                num_hidden_layers=size.num_layers, num_attention_heads=size.num_heads,
                intermediate_size=4 * size.d_model, num_labels=num_classes,
                attn_implementation="sdpa",
            )
        ),
        "x-transformers": lambda: ViTransformerWrapper(
            image_size=image_size, patch_size=patch_size, num_classes=num_classes,
            attn_layers=Encoder(
                dim=size.d_model, depth=size.num_layers, heads=size.num_heads,
                attn_dim_head=size.d_model // size.num_heads, attn_flash=True,
            ),
        ),
    }  # fmt: skip
    patches = batch * (image_size // patch_size) ** 2
    return makers, _scored(forward, labels), forward, patches


def _xl(size: Size, batch: int, length: int):
    ids, targets, before = _draw(size.vocab_size, 3, batch, length)
    memories = WeakKeyDictionary()  # each model's own, of the tokens before

    def forward(called: Callable) -> Tensor:
        inside = getattr(called, "_orig_mod", called)
        ours = isinstance(inside, TransformerXL)
        if inside not in memories:
            with torch.no_grad():
                found = inside(before) if ours else inside(before, return_mems=True)
            memories[inside] = found[1]
        memory = memories[inside]
        return (called(ids, memory) if ours else called(ids, mems=memory, return_mems=True))[0]

    makers = {
        "ours": lambda: TransformerXL(
            TransformerXLConfig(
                size.vocab_size, d_model=size.d_model, num_heads=size.num_heads,
                num_layers=size.num_layers, d_ff=4 * size.d_model, dropout=0.0, mem_len=length,
            )
        ),
        "x-transformers": lambda: TransformerWrapper(
            num_tokens=size.vocab_size, max_seq_len=length, max_mem_len=length,
            use_abs_pos_emb=False,
            attn_layers=Decoder(
                dim=size.d_model, depth=size.num_layers, heads=size.num_heads,
                attn_dim_head=size.d_model // size.num_heads, rotary_pos_emb=True, attn_flash=True,
            ),
        ),
    }  # fmt: skip
    return makers, _scored(forward, targets), forward, batch * length
