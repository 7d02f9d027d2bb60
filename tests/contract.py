"""What stands under the contract of all models (test_contract.py): a new model joins by a line."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from transformer_lib.models.bert import Bert, BertConfig
from transformer_lib.models.clip import (
    CLIP,
    BagOfWords,
    BagOfWordsConfig,
    CLIPConfig,
    TextTower,
    TextTowerConfig,
)
from transformer_lib.models.decision_transformer import (
    DecisionTransformer,
    DecisionTransformerConfig,
)
from transformer_lib.models.detection import DETR, DETRConfig
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.recurrent import Recurrent, RecurrentConfig
from transformer_lib.models.segmentation import Segmenter, SegmenterConfig
from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig
from transformer_lib.models.vit import ViT, ViTConfig


@dataclass(frozen=True)
class Subject:
    """A model under contract, small, with dropout.

    Args:
        make: makes it, fresh.
        inputs: from a length, what `forward` takes: a batch of two.
        causal: which of the inputs is read from left to right; None if none is.
        padded: which of the inputs may be longer than its row, and by what it is filled.
        output: takes the scores out of what `forward` returns.
        traced: whether it can be compiled and exported whole.
        idle: the parameters that get no gradient though nothing is wrong, by a pattern.
    """

    make: Callable[[], nn.Module]
    inputs: Callable[[int], tuple[Tensor, ...]]
    causal: int | None = None
    padded: tuple[int, int] | None = None
    output: Callable = lambda out: out
    traced: bool = True
    idle: str = ""

    def scores(self, model: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
        """What the model says, with the same dropout every time."""
        torch.manual_seed(1)
        return self.output(model(*inputs))


def _text(length):
    return (torch.randint(3, 13, (2, length)),)


def _pair(length):
    source, target = *_text(length + 1), *_text(length)
    source[1, -2:] = 0  # a row that is shorter
    return source, target


def _episodes(length):
    steps = torch.arange(length).expand(2, -1)
    actions = torch.randint(13, (2, length))
    return torch.randn(2, length).double(), torch.randn(2, length, 3).double(), actions, steps


def _pictures(_):
    return (torch.rand(2, 1, 8, 8).double(),)


def _pictures_and_names(length):
    ids = torch.randint(3, 13, (2, length + 1))
    ids[:, -1] = 2  # the end
    return *_pictures(length), ids


def _of_pairs(logits):
    """What picture n and text n are to each other, as logits of five classes."""
    return logits.diagonal()[:, None] * torch.arange(5)


def _first(out):
    return out[0]


def _of_last_layer(guesses):
    return torch.cat(guesses[-1], dim=-1)


def _eyes():
    return ViT(ViTConfig(8, 2, 1, 5, **DEEP))


def _of_pixels(logits):
    return logits.movedim(1, -1)  # the classes last


# Before the first layer queries hold nothing. All have the same value, whomever they look at.
FIRST_LOOK = r"decoder\.0\.self_attention\.([qk]_proj|v_proj\.weight)"
FIRST_LOOK_PRE_NORM = r"decoder\.0\.(self_attention\.[qk]_proj|norm1\.weight)"

SMALL = {"d_model": 8, "num_heads": 2, "d_ff": 12, "dropout": 0.3}
DEEP = SMALL | {"num_layers": 2}
PAIR = SMALL | {"num_encoder_layers": 2, "num_decoder_layers": 2}
MODERN = DEEP | {"positions": "rotary", "norm": "rms", "bias": False, "activation": "swiglu"}
READER = TextTowerConfig(
    13, width=5, max_len=20, d_model=8, num_heads=2, num_layers=2, d_ff=12, end_id=2
)
GROUPS = DEEP | {"cutoffs": (5, 9), "div_value": 2.0, "share_biases": False, "norm_first": True}

SUBJECTS = {
    "bert": Subject(lambda: Bert(BertConfig(13, max_len=20, **DEEP)), _text, padded=(0, 0)),
    "gpt": Subject(lambda: GPT(GPTConfig(13, max_len=20, **DEEP)), _text, 0, (0, 0)),
    "gpt, modern": Subject(lambda: GPT(GPTConfig(13, tie=False, **MODERN)), _text, 0, (0, 0)),
    "transformer": Subject(
        lambda: Transformer(TransformerConfig(13, 13, **PAIR)), _pair, 1, (0, 0)
    ),
    "transformer, post-norm, learned": Subject(
        lambda: Transformer(
            TransformerConfig(13, 13, positions="learned", max_len=20, norm_first=False, **PAIR)
        ),
        _pair,
        1,
        (0, 0),
    ),
    "transformer, rotary, shared": Subject(
        lambda: Transformer(
            TransformerConfig(13, 13, positions="rotary", share_embeddings=True, **PAIR)
        ),
        _pair,
        1,
        (0, 0),
    ),
    "recurrent": Subject(
        lambda: Recurrent(RecurrentConfig(13, 13, d_model=8, num_layers=2, dropout=0.3)),
        _pair,
        1,
        (0, 0),
        traced=False,
    ),
    "recurrent, without attention": Subject(
        lambda: Recurrent(RecurrentConfig(13, 13, d_model=8, attention=False)),
        _pair,
        1,
        (0, 0),
        traced=False,
    ),
    "xl": Subject(lambda: TransformerXL(TransformerXLConfig(13, **DEEP)), _text, 0, (0, 0), _first),
    "xl, adaptive": Subject(
        lambda: TransformerXL(TransformerXLConfig(13, **GROUPS)), _text, 0, (0, 0), _first
    ),
    "clip": Subject(
        lambda: CLIP(CLIPConfig(), _eyes(), TextTower(READER)),
        _pictures_and_names,
        padded=(1, 0),
        output=_of_pairs,
    ),
    "clip, a bag of words": Subject(
        lambda: CLIP(CLIPConfig(), _eyes(), BagOfWords(BagOfWordsConfig(13, 5))),
        _pictures_and_names,
        padded=(1, 0),
        output=_of_pairs,
    ),
    "vit": Subject(lambda: ViT(ViTConfig(8, 2, 1, 5, **DEEP)), _pictures),
    "vit, mean, grid": Subject(
        lambda: ViT(ViTConfig(8, 2, 1, 5, pooling="mean", positions="learned_2d", **DEEP)),
        _pictures,
    ),
    "detr": Subject(
        lambda: DETR(DETRConfig(4, 4, **PAIR), _eyes()),
        _pictures,
        output=_of_last_layer,
        idle=FIRST_LOOK,
    ),
    "detr, anchors": Subject(
        lambda: DETR(DETRConfig(4, 4, queries="anchors", norm_first=True, **PAIR), _eyes()),
        _pictures,
        output=_of_last_layer,
        idle=FIRST_LOOK_PRE_NORM,
    ),
    "decision transformer": Subject(
        lambda: DecisionTransformer(DecisionTransformerConfig(3, 13, 13, **DEEP)), _episodes
    ),
    "segmenter": Subject(
        lambda: Segmenter(SegmenterConfig(5), _eyes()), _pictures, output=_of_pixels
    ),
    "segmenter, pixels": Subject(
        lambda: Segmenter(SegmenterConfig(5, "pixels"), _eyes()), _pictures, output=_of_pixels
    ),
    "segmenter, class tokens": Subject(
        lambda: Segmenter(SegmenterConfig(5, "pixels", class_layers=2), _eyes()),
        _pictures,
        output=_of_pixels,
    ),
}

# What each kind of input, or of value in a config, must not be.
BAD_IDS = {
    "one row": lambda x: x[0],
    "bool": lambda x: x.bool(),
    "uint8": lambda x: x.to(torch.uint8),
    "int16": lambda x: x.short(),
    "float": lambda x: x.double(),
    "complex": lambda x: x.to(torch.complex64),
    "list": lambda x: x.tolist(),
    "array": lambda x: x.numpy(),
    "none": lambda x: None,
    "meta": lambda x: x.to("meta"),
    "negative": lambda x: x.index_fill(1, torch.tensor([2]), -1),
    "beyond": lambda x: x.index_fill(1, torch.tensor([2]), 13),
}
BAD_PICTURES = {
    "one picture": lambda x: x[0],
    "other channels": lambda x: x.expand(-1, 3, -1, -1),
    "other size": lambda x: x[..., :6],
    "bytes": lambda x: (255 * x).to(torch.uint8),
    "int64": lambda x: x.long(),
    "bool": lambda x: x.bool(),
    "float32": lambda x: x.float(),
    "complex": lambda x: x.to(torch.complex128),
    "list": lambda x: x.tolist(),
    "none": lambda x: None,
    "meta": lambda x: x.to("meta"),
}
BAD_NUMBERS = {
    "one row": lambda x: x[0],
    "another axis": lambda x: x[..., None],
    "other length": lambda x: x[:, :3],
    "int64": lambda x: x.long(),
    "bool": lambda x: x.bool(),
    "float32": lambda x: x.float(),
    "complex": lambda x: x.to(torch.complex128),
    "list": lambda x: x.tolist(),
    "none": lambda x: None,
    "meta": lambda x: x.to("meta"),
}
BAD_VALUES = {
    int: (-1, 1.5, "8", True),
    float: (-0.5, math.nan, math.inf, "0.1", None, True),
    bool: ("no", 1, None),
    str: ("none of these", None, 3),
}
