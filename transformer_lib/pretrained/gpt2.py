"""GPT-2 as `GPT2LMHeadModel.save_pretrained` writes it, or the bare `GPT2Model`."""

import os

import torch

from transformer_lib import checks
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.pretrained.table import (
    ACTIVATIONS,
    Name,
    check_known,
    check_there,
    load_pretrained,
    read_config,
)

_LAYER = "stack.layers.*."
_ATTENTION = _LAYER + "self_attention."
GPT2_NAMES = [
    Name("wte.weight", "embedding.weight"),
    Name("wpe.weight", "positions.table.weight"),
    Name("h.*.ln_1.*", _LAYER + "norm1.*"),
    Name(
        "h.*.attn.c_attn.*",  # queries, keys and values side by side
        [_ATTENTION + f"{part}_proj.*" for part in "qkv"],
        transpose=True,
    ),
    Name("h.*.attn.c_proj.*", _ATTENTION + "out_proj.*", transpose=True),
    Name("h.*.ln_2.*", _LAYER + "norm2.*"),
    Name("h.*.mlp.c_fc.*", _LAYER + "feed_forward.linear1.*", transpose=True),
    Name("h.*.mlp.c_proj.*", _LAYER + "feed_forward.linear2.*", transpose=True),
    Name("ln_f.*", "stack.final_norm.*"),
    Name("h.*.attn.bias"),  # the causal mask, which older files carry along
    Name("h.*.attn.masked_bias"),  # the number it wrote where it masked
    Name("lm_head.weight", "embedding.weight"),  # the same matrix once more, in older files
]
GPT2_PREFIX = "transformer."


def load_gpt2(folder: str | os.PathLike, *, dtype: torch.dtype | None = None) -> GPT:
    """Make the model that a published GPT-2 folder holds, in evaluation mode.

    Args:
        folder: with `config.json` and weights, as `save_pretrained` writes it.
        dtype: type of the parameters; by default torch's own.

    Raises:
        ValueError: if the folder holds no such model, or one that departs from GPT-2.
    """
    model = GPT(gpt2_config(read_config(folder))).to(dtype)
    load_pretrained(model, folder, GPT2_NAMES, prefix=GPT2_PREFIX)
    return model.eval()


def gpt2_config(published: dict) -> GPTConfig:
    """Say in our words what a published `config.json` says.

    Raises:
        ValueError: if it describes another kind of model, or a GPT-2 that ours cannot be.
    """
    checks.mapping(published=published)
    wanted = {
        "model_type": ["gpt2"],
        "activation_function": list(ACTIVATIONS),
        "scale_attn_weights": [True],
        "scale_attn_by_inverse_layer_idx": [False],
        "tie_word_embeddings": [True],
        "add_cross_attention": [False],
    }
    published = {name: known[0] for name, known in wanted.items()} | published
    check_known(published, wanted)
    check_there(published, ("vocab_size", "n_positions", "n_embd", "n_head", "n_layer"))
    eos_id, pad_id = published.get("eos_token_id"), published.get("pad_token_id")
    fillers = [token for token in (pad_id, eos_id) if token is not None]  # GPT-2 has no padding
    return GPTConfig(
        published["vocab_size"],
        max_len=published["n_positions"],
        d_model=published["n_embd"],
        num_heads=published["n_head"],
        num_layers=published["n_layer"],
        d_ff=published.get("n_inner") or 4 * published["n_embd"],
        activation=ACTIVATIONS[published["activation_function"]],
        dropout=published.get("resid_pdrop", 0.1),
        eps=published.get("layer_norm_epsilon", 1e-5),
        eos_id=eos_id,
        pad_id=next(iter(fillers), 0),
    )
