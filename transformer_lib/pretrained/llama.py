"""Llama, and SmolLM2 as one of its kind: no model of its own, but a configuration of our GPT.

Two forms of the same weights are read: a folder as `LlamaForCausalLM.save_pretrained` writes it,
and a GGUF file as llama.cpp does. They differ in names, and in the order of the rows of queries and
keys: a head turns the features i and i + head_dim / 2 together here and in `transformers`, and in
llama.cpp the neighbours 2i and 2i + 1.
"""

import os
from collections.abc import Mapping

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.pretrained.gguf import GGUF
from transformer_lib.pretrained.table import (
    Name,
    check_known,
    check_there,
    fill_weights,
    read_config,
    read_weights,
)

_OURS, _FOLDER, _FILE = "stack.layers.*.", "model.layers.*.", "blk.*."
_TABLE = [  # ours, that of `transformers`, that of llama.cpp
    ("embedding", "model.embed_tokens", "token_embd"),
    (_OURS + "norm1", _FOLDER + "input_layernorm", _FILE + "attn_norm"),
    (_OURS + "self_attention.q_proj", _FOLDER + "self_attn.q_proj", _FILE + "attn_q"),
    (_OURS + "self_attention.k_proj", _FOLDER + "self_attn.k_proj", _FILE + "attn_k"),
    (_OURS + "self_attention.v_proj", _FOLDER + "self_attn.v_proj", _FILE + "attn_v"),
    (_OURS + "self_attention.out_proj", _FOLDER + "self_attn.o_proj", _FILE + "attn_output"),
    (_OURS + "norm2", _FOLDER + "post_attention_layernorm", _FILE + "ffn_norm"),
    (_OURS + "feed_forward.linear1", _FOLDER + "mlp.gate_up_proj", _FILE + "ffn_gate_up"),
    (_OURS + "feed_forward.linear2", _FOLDER + "mlp.down_proj", _FILE + "ffn_down"),
    ("stack.final_norm", "model.norm", "output_norm"),
]
LLAMA_NAMES = [Name(f"{theirs}.weight", f"{ours}.weight") for ours, theirs, _ in _TABLE]
GGUF_NAMES = [Name(f"{theirs}.weight", f"{ours}.weight") for ours, _, theirs in _TABLE]
_CARRIED = Name(_FOLDER + "self_attn.rotary_emb.inv_freq")  # 1 / base^…, in older files

_NEEDED = (
    "vocab_size",
    "max_position_embeddings",
    "hidden_size",
    "num_attention_heads",
    "num_hidden_layers",
    "intermediate_size",
)


def load_llama(source: str | os.PathLike | GGUF, *, dtype: torch.dtype | None = None) -> GPT:
    """Make the model that a published Llama is, in evaluation mode.

    Args:
        source: a GGUF file that was opened; or a folder with `config.json` and weights, as
            `save_pretrained` writes it.
        dtype: type of the parameters; by default torch's own.

    Raises:
        ValueError: if there is no such model, or one that departs from Llama.
    """
    if isinstance(source, GGUF):
        config, names = gguf_config(source.settings), GGUF_NAMES
        weights = halved(source, config)
    else:
        config, weights = llama_config(read_config(source)), read_weights(source)
        names = [*LLAMA_NAMES, _CARRIED]
    head = "embedding" if config.tie else "head"
    names = [
        *names,
        *(Name(f"{theirs}.weight", f"{head}.weight") for theirs in ("lm_head", "output")),
    ]
    with torch.device("meta"):  # no weights are drawn that would be overwritten
        model = GPT(config)
    model = model.to(dtype or torch.get_default_dtype()).to_empty(device="cpu")
    fill_weights(model, stacked(weights), names)
    return model.eval()


def stacked(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put the two matrices of each SwiGLU on top of each other: the gate, and what it lets pass."""
    new = dict(weights)
    for name in weights:
        for gate, up, both in (
            (".gate_proj.", ".up_proj.", ".gate_up_proj."),
            (".ffn_gate.", ".ffn_up.", ".ffn_gate_up."),
        ):
            if gate in name and (other := name.replace(gate, up)) in weights:
                new[name.replace(gate, both)] = torch.cat([new.pop(name), new.pop(other)])
    return new


def halved(weights: Mapping[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """Bring the rows of queries and keys from llama.cpp's order into ours: pairs into halves."""
    new = {}
    for name, tensor in weights.items():
        if name.endswith((".attn_q.weight", ".attn_k.weight")):
            pairs = tensor.unflatten(0, (-1, config.head_dim // 2, 2))  # (heads, pairs, 2, d_model)
            tensor = pairs.transpose(1, 2).flatten(0, 2)
        new[name] = tensor
    return new


def llama_config(published: dict) -> GPTConfig:
    """Say in our words what a published `config.json` says.

    Raises:
        ValueError: if it describes another kind of model, or a Llama that ours cannot be.
    """
    checks.mapping(published=published)
    wanted = {
        "model_type": ["llama"],
        "hidden_act": ["silu"],
        "attention_bias": [False],
        "mlp_bias": [False],
        "rope_scaling": [None],
    }
    published = {name: known[0] for name, known in wanted.items()} | published
    check_known(published, wanted)
    check_there(published, _NEEDED)
    rotary = published.get("rope_parameters") or {}
    check_known({"rope_type": "default"} | rotary, {"rope_type": ["default"]})
    width = published["hidden_size"] // published["num_attention_heads"]
    check_known({"head_dim": width} | published, {"head_dim": [None, width]})
    return _config(
        vocab_size=published["vocab_size"],
        max_len=published["max_position_embeddings"],
        d_model=published["hidden_size"],
        num_heads=published["num_attention_heads"],
        num_kv_heads=published.get("num_key_value_heads"),
        num_layers=published["num_hidden_layers"],
        d_ff=published["intermediate_size"],
        rotary_base=rotary.get("rope_theta") or published.get("rope_theta", 10_000.0),
        tie=published.get("tie_word_embeddings", False),
        eps=published.get("rms_norm_eps", 1e-6),
        eos_id=published.get("eos_token_id"),
        pad_id=published.get("pad_token_id"),
    )


def gguf_config(settings: Mapping) -> GPTConfig:
    """Say in our words what the settings of a GGUF file say.

    Raises:
        ValueError: if they describe another kind of model, or a Llama that ours cannot be.
    """
    check_known(settings, {"general.architecture": ["llama"]})
    if scaled := [name for name in settings if name.startswith("llama.rope.scaling")]:
        raise ValueError(f"settings must leave rotary positions as they are, got {scaled}")
    names = {
        "max_len": "llama.context_length",
        "d_model": "llama.embedding_length",
        "num_heads": "llama.attention.head_count",
        "num_kv_heads": "llama.attention.head_count_kv",
        "num_layers": "llama.block_count",
        "d_ff": "llama.feed_forward_length",
        "rotary_base": "llama.rope.freq_base",
        "eps": "llama.attention.layer_norm_rms_epsilon",
        "eos_id": "tokenizer.ggml.eos_token_id",
    }
    missing = [name for name in (*names.values(), "tokenizer.ggml.tokens") if name not in settings]
    if missing:
        raise ValueError(f"settings must have {', '.join(missing)}, got only {[*settings]}")
    width = settings[names["d_model"]] // settings[names["num_heads"]]
    turned = {"llama.rope.dimension_count": width}
    check_known(turned | dict(settings), {name: [width] for name in turned})
    return _config(
        vocab_size=len(settings["tokenizer.ggml.tokens"]),
        tie=True,
        pad_id=settings.get("tokenizer.ggml.padding_token_id"),
        **{ours: settings[theirs] for ours, theirs in names.items()},
    )


def _config(*, vocab_size: int, eos_id: int | None, pad_id: int | None, **sizes) -> GPTConfig:
    """What all Llamas have in common."""
    if isinstance(eos_id, list):  # several tokens may end a text: `generate` knows one
        raise ValueError(f"eos_token_id must be one token, got {eos_id}")
    fillers = [token for token in (pad_id, eos_id) if token is not None]
    checks.at_least(1, vocab_size=vocab_size)
    return GPTConfig(
        vocab_size,
        activation="swiglu",
        positions="rotary",
        norm="rms",
        bias=False,
        dropout=0.0,
        eos_id=eos_id,
        pad_id=next(iter(fillers), 0),
        **sizes,
    )
