"""Defaults that a paper or a docstring gives are those that the signatures have: one table."""

import inspect

import pytest

from transformer_lib.data.augment import jitter
from transformer_lib.generation import beam_search
from transformer_lib.layers.positions import RelativePositions, Rotary, SinusoidalPositions
from transformer_lib.measure.effective_context import effective_context_length
from transformer_lib.models.gpt import GPTConfig
from transformer_lib.models.recurrent import RecurrentConfig
from transformer_lib.models.transformer import TransformerConfig
from transformer_lib.models.transformer_xl import TransformerXLConfig
from transformer_lib.models.vit import ViTConfig
from transformer_lib.training.history import History
from transformer_lib.training.optimizers import muon_and_adamw, orthogonalize
from transformer_lib.training.schedules import paper_schedule
from transformer_lib.training.train import train

DEFAULTS = {
    "Vaswani et al. 2017, Table 3, base, but pre-norm": (
        TransformerConfig,
        {
            "d_model": 512, "num_heads": 8, "num_encoder_layers": 6, "num_decoder_layers": 6,
            "d_ff": 2048, "activation": "relu", "dropout": 0.1, "norm_first": True,
            "positions": "sinusoidal", "max_len": None, "share_embeddings": False,
        },
    ),
    "Vaswani et al. 2017, §6.1": (beam_search, {"num_beams": 4, "length_penalty": 0.6}),
    "Vaswani et al. 2017, §5.3": (paper_schedule, {"warmup": 4000}),
    "Vaswani et al. 2017, §3.5": (SinusoidalPositions, {"base": 10_000.0}),
    "Su et al. 2021, §3.2.2": (Rotary, {"base": 10_000.0}),
    "Dai et al. 2019, §3.3": (RelativePositions, {"base": 10_000.0}),
    "Radford et al. 2019, the smallest, as released": (
        GPTConfig,
        {
            "d_model": 768, "num_heads": 12, "num_layers": 12, "d_ff": 3072,
            "activation": "gelu_tanh", "positions": "learned", "norm": "layer", "bias": True,
            "tie": True, "dropout": 0.1, "eps": 1e-5, "eos_id": None, "pad_id": 0,
        },
    ),
    "Dosovitskiy et al. 2021, Table 1, base, patches of 16": (
        ViTConfig,
        {
            "image_size": 224, "patch_size": 16, "in_channels": 3, "num_classes": 1000,
            "d_model": 768, "num_heads": 12, "num_layers": 12, "d_ff": 3072,
            "activation": "gelu", "dropout": 0.0, "pooling": "class", "positions": "learned",
            "eps": 1e-6,
        },
    ),
    "Dai et al. 2019, 12 layers for enwik8, as released": (
        TransformerXLConfig,
        {
            "d_model": 512, "num_heads": 8, "num_layers": 12, "d_ff": 2048, "activation": "relu",
            "dropout": 0.1, "attention_dropout": 0.0, "norm_first": False, "mem_len": 512,
            "same_length": False, "clamp_len": None, "share_biases": True, "cutoffs": (),
            "div_value": 1.0,
        },
    ),
    "Dai et al. 2019, appendix C": (effective_context_length, {"threshold": 0.01}),
    "the docstring of RecurrentConfig": (
        RecurrentConfig,
        {"d_model": 256, "num_layers": 1, "attention": True, "dropout": 0.1, "max_len": None},
    ),
    "Jordan et al. 2024": (orthogonalize, {"steps": 5}),
    "Jordan et al. 2024, as in the released code": (muon_and_adamw, {"lr": 0.02}),
    "the label of the figure": (History.smooth_loss, {"window": 50}),
    "the docstring of train": (train, {"clip": 1.0, "accumulate": 1, "every": 1000}),
    "the docstring of jitter": (
        jitter,
        {"shift": 2.0, "degrees": 10.0, "scale": 0.1, "shear": 0.1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("source", DEFAULTS)
def test_a_default_is_what_its_source_says(source):
    function, documented = DEFAULTS[source]
    parameters = inspect.signature(function).parameters
    assert {name: parameters[name].default for name in documented} == documented


@pytest.mark.parametrize("config", [TransformerConfig, RecurrentConfig])
def test_special_tokens_are_the_first_of_the_vocabulary(config):
    made = config(13, 13)
    assert (made.pad_id, made.bos_id, made.eos_id) == (0, 1, 2)
