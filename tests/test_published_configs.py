"""What a published config.json says is said in our words: each entry, at no default of ours."""

from dataclasses import fields

import pytest

from transformer_lib.pretrained.bert import bert_config
from transformer_lib.pretrained.clip import text_config, vision_config
from transformer_lib.pretrained.gpt2 import gpt2_config
from transformer_lib.pretrained.llama import llama_config
from transformer_lib.pretrained.vit import vit_config

ENCODER = {
    "vocab_size": 37, "hidden_size": 24, "num_attention_heads": 6, "num_hidden_layers": 5,
    "intermediate_size": 40, "max_position_embeddings": 19,
}  # fmt: skip
OF_ENCODER = {"d_model": 24, "num_heads": 6, "num_layers": 5, "d_ff": 40}
EYES = ENCODER | {"image_size": 20, "patch_size": 5, "num_channels": 2}
OF_EYES = OF_ENCODER | {"image_size": 20, "patch_size": 5, "in_channels": 2}


@pytest.mark.parametrize(
    ("config_of", "published", "ours"),
    [
        (
            bert_config,
            ENCODER
            | {
                "model_type": "bert", "hidden_act": "relu", "type_vocab_size": 3,
                "hidden_dropout_prob": 0.25, "layer_norm_eps": 1e-3, "pad_token_id": 9,
            },
            OF_ENCODER
            | {
                "vocab_size": 37, "max_len": 19, "activation": "relu", "num_segments": 3,
                "dropout": 0.25, "eps": 1e-3, "pad_id": 9,
            },
        ),
        (
            vit_config,
            EYES
            | {
                "model_type": "vit", "hidden_act": "gelu_new", "num_labels": 7,
                "hidden_dropout_prob": 0.25, "layer_norm_eps": 1e-3,
            },
            OF_EYES
            | {"activation": "gelu_tanh", "num_classes": 7, "dropout": 0.25, "eps": 1e-3},
        ),
        (
            vit_config,
            EYES | {"model_type": "vit", "id2label": {"0": "a", "1": "b", "2": "c"}},
            OF_EYES | {"num_classes": 3, "activation": "gelu", "eps": 1e-12},
        ),
        (
            lambda published: vision_config(published, 12),
            EYES | {"hidden_act": "gelu", "layer_norm_eps": 1e-3},
            OF_EYES | {"num_classes": 12, "embedding_norm": True, "eps": 1e-3},
        ),
        (
            lambda published: text_config(published, 12),
            ENCODER | {"eos_token_id": 11, "layer_norm_eps": 1e-3},
            OF_ENCODER | {"vocab_size": 37, "width": 12, "max_len": 19, "end_id": 11, "eps": 1e-3},
        ),
        (
            lambda published: text_config(published, 12),
            ENCODER | {"eos_token_id": 2},  # of old files: the largest id
            OF_ENCODER | {"end_id": 36, "activation": "quick_gelu", "eps": 1e-5},
        ),
        (
            gpt2_config,
            {
                "vocab_size": 37, "n_positions": 19, "n_embd": 24, "n_head": 6, "n_layer": 5,
                "n_inner": 40, "activation_function": "relu", "resid_pdrop": 0.25,
                "layer_norm_epsilon": 1e-3, "eos_token_id": 5, "pad_token_id": 9,
            },
            OF_ENCODER
            | {
                "vocab_size": 37, "max_len": 19, "activation": "relu", "dropout": 0.25,
                "eps": 1e-3, "eos_id": 5, "pad_id": 9,
            },
        ),
        (
            gpt2_config,
            {"vocab_size": 37, "n_positions": 19, "n_embd": 24, "n_head": 6, "n_layer": 5,
             "eos_token_id": 5},
            {"d_ff": 96, "activation": "gelu_tanh", "dropout": 0.1, "eps": 1e-5, "pad_id": 5},
        ),
        (
            llama_config,
            ENCODER
            | {
                "num_key_value_heads": 3, "rope_theta": 500.0, "tie_word_embeddings": True,
                "rms_norm_eps": 1e-3, "eos_token_id": 5, "pad_token_id": 9,
            },
            OF_ENCODER
            | {
                "vocab_size": 37, "max_len": 19, "num_kv_heads": 3, "rotary_base": 500.0,
                "tie": True, "eps": 1e-3, "eos_id": 5, "pad_id": 9,
            },
        ),
        (
            llama_config,
            ENCODER | {"rope_parameters": {"rope_type": "default", "rope_theta": 700.0}},
            OF_ENCODER | {"rotary_base": 700.0, "tie": False, "eps": 1e-6},
        ),
    ],
)  # fmt: skip
def test_each_entry_has_its_place(config_of, published, ours):
    found = config_of(published)
    assert ours.keys() <= {field.name for field in fields(found)}
    assert {name: getattr(found, name) for name in ours} == ours


@pytest.mark.parametrize("config_of", [bert_config, vit_config, gpt2_config, llama_config])
@pytest.mark.parametrize("published", [None, 5, "text", [("vocab_size", 3)]])
def test_what_is_no_config_is_refused(config_of, published):
    with pytest.raises(ValueError, match="published must be a dict, got "):
        config_of(published)


@pytest.mark.parametrize(
    ("config_of", "change"),
    [
        (vit_config, {"qkv_bias": False}),
        (vit_config, {"hidden_act": "silu"}),
        (bert_config, {"position_embedding_type": "relative_key"}),
        (gpt2_config, {"scale_attn_weights": False}),
        (llama_config, {"attention_bias": True}),
        (llama_config, {"rope_parameters": {"rope_type": "yarn"}}),
    ],
)
def test_what_ours_cannot_be_is_refused(config_of, change):
    kind = config_of.__name__.removesuffix("_config")
    sizes = {"n_positions": 9, "n_embd": 8, "n_head": 2, "n_layer": 1}
    with pytest.raises(ValueError, match="must be one of"):
        config_of(EYES | sizes | {"model_type": kind} | change)
