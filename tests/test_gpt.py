"""A stack that writes: blind to the future, cached or not, as large and as fresh as published."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from oracles import EXACT, redraw
from torch import nn
from torch.testing import assert_close

from transformer_lib.generation import beam_search, generate
from transformer_lib.layers.cache import KVCache
from transformer_lib.models.gpt import GPT, GPT2, GPTConfig

SMALL = GPTConfig(
    13, max_len=20, d_model=8, num_heads=2, num_layers=2, d_ff=12, dropout=0.3, eos_id=2
)
MODERN = replace(
    SMALL, max_len=None, positions="rotary", norm="rms", bias=False, activation="relu2"
)
KINDS = {
    "gpt2": SMALL,
    "modern": MODERN,
    "swiglu-untied": replace(MODERN, activation="swiglu", tie=False),
    "rotary-with-biases": replace(SMALL, positions="rotary"),
    "llama": replace(MODERN, activation="swiglu", num_kv_heads=1, rotary_base=1e5),
    "layernorm-without-biases": replace(SMALL, bias=False),
}
EVERY = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def model_of(config, **changes):
    return redraw(GPT(replace(config, **changes))).eval()


def ids(*shape):
    return torch.randint(3, 13, shape)


# --- what it computes -----------------------------------------------------------------------


@EVERY
def test_order_matters(config):
    model, tokens = model_of(config, num_layers=1), ids(1, 6)
    tokens[0, :2] = torch.tensor([3, 4])
    out = model(tokens)[:, -1]
    assert (out - model(tokens[:, [1, 0, 2, 3, 4, 5]])[:, -1]).abs().max() > 1e-9


def test_rotary_models_read_any_length():
    model, tokens = model_of(MODERN), ids(1, 200)
    out = model(tokens)
    assert_close(model(tokens[:, :150]), out[:, :150], **EXACT)
    assert generate(model, tokens, max_new_tokens=2).size(1) >= 1


@EVERY
def test_parts_are_put_together_as_published(config):
    model, tokens = model_of(config), ids(2, 5)
    x = model.embedding.weight[tokens]
    if config.positions == "learned":
        x = x + model.positions.table.weight[:5]
    for layer in model.stack.layers:
        x = x + layer.self_attention(layer.norm1(x))
        x = x + layer.feed_forward(layer.norm2(x))
    x = model.stack.final_norm(x)
    head = model.embedding if config.tie else model.head
    assert_close(model(tokens), x @ head.weight.T, **EXACT)
    assert_close(model.logits(model.features(tokens)), model(tokens), **EXACT)


class Float64:
    """Torch for a module that counts norms and angles in `torch.float32`, whatever it is given."""

    float = float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


def llama_of(config, monkeypatch):
    """Hugging Face's Llama of the same size, and its weights by our names."""
    from transformers import LlamaConfig, LlamaForCausalLM  # not above: it takes seconds
    from transformers.models.llama import modeling_llama

    monkeypatch.setattr(modeling_llama, "torch", Float64())
    theirs = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config.vocab_size, hidden_size=config.d_model,
            num_attention_heads=config.num_heads, num_key_value_heads=config.num_kv_heads,
            num_hidden_layers=config.num_layers, intermediate_size=config.d_ff,
            rope_parameters={"rope_type": "default", "rope_theta": config.rotary_base},
            rms_norm_eps=config.eps, tie_word_embeddings=True,
            bos_token_id=1, eos_token_id=2, pad_token_id=0,
        )
    )  # fmt: skip
    theirs = redraw(theirs).eval()
    weights = {"embedding.weight": theirs.model.embed_tokens.weight}
    weights["stack.final_norm.weight"] = theirs.model.norm.weight
    for n, layer in enumerate(theirs.model.layers):
        at, mlp, attention = f"stack.layers.{n}.", layer.mlp, layer.self_attn
        for ours, module in (("q", "q"), ("k", "k"), ("v", "v"), ("out", "o")):
            name = f"{at}self_attention.{ours}_proj.weight"
            weights[name] = getattr(attention, f"{module}_proj").weight
        weights[f"{at}norm1.weight"] = layer.input_layernorm.weight
        weights[f"{at}norm2.weight"] = layer.post_attention_layernorm.weight
        weights[f"{at}feed_forward.linear1.weight"] = torch.cat(
            [mlp.gate_proj.weight, mlp.up_proj.weight]
        )
        weights[f"{at}feed_forward.linear2.weight"] = mlp.down_proj.weight
    return theirs, weights


@pytest.mark.parametrize("num_kv_heads", [1, 3])
def test_a_llama_is_a_configuration(num_kv_heads, monkeypatch):
    config = GPTConfig(
        29, d_model=24, num_heads=3, num_kv_heads=num_kv_heads, num_layers=2, d_ff=20,
        activation="swiglu", positions="rotary", rotary_base=1e5, norm="rms", bias=False,
        dropout=0.0,
    )  # fmt: skip
    theirs, weights = llama_of(config, monkeypatch)
    model, tokens = GPT(config).double().eval(), torch.randint(29, (3, 17))
    model.load_state_dict(weights)
    with torch.no_grad():
        expected = theirs(tokens).logits
        assert expected.std() > 0.1
        assert_close(model(tokens), expected, rtol=0, atol=1e-10)
        cache = KVCache()
        parts = [model(part, cache=cache) for part in tokens.split([5, 1, 1, 10], dim=1)]
    assert_close(torch.cat(parts, dim=1), expected, rtol=0, atol=1e-10)


def test_greedy_choice_and_search_with_one_beam_agree():
    for config in KINDS.values():
        model, prompt = model_of(config), ids(4, 5)
        written = generate(model, prompt, max_new_tokens=12)
        assert torch.equal(beam_search(model, prompt, max_new_tokens=12, num_beams=1), written)
        tokens = prompt
        for t in range(written.size(1)):  # the same by full passes
            going_on = (tokens[:, 5:] != config.eos_id).all(dim=1)
            new = model(tokens)[:, -1].argmax(dim=-1)
            assert torch.equal(new[going_on], written[going_on, t])
            tokens = torch.cat([tokens, written[:, t : t + 1]], dim=1)


def test_beams_find_likelier_texts_than_greedy_choice():
    model, prompt = model_of(SMALL, eos_id=None), ids(16, 4)
    model.stack.final_norm.weight.data *= 10  # or all texts would be about as likely

    def log_p(written):
        logits = model(torch.cat([prompt, written], dim=1))[:, 3:-1].log_softmax(dim=-1)
        return logits.gather(-1, written[..., None]).sum(dim=(1, 2))

    greedy = log_p(generate(model, prompt, max_new_tokens=8))
    beams, scores = beam_search(
        model, prompt, max_new_tokens=8, num_beams=6, length_penalty=0.0, return_scores=True
    )
    assert_close(log_p(beams).float(), scores, rtol=0, atol=1e-4)
    assert log_p(beams).mean() > greedy.mean() + 0.01


def test_a_text_without_end_goes_on_to_the_limit():
    model = model_of(SMALL, eos_id=None)
    assert generate(model, ids(2, 5), max_new_tokens=15).shape == (2, 15)


def test_dropout_falls_on_embeddings_weights_and_sublayers():
    model = GPT(replace(SMALL, dropout=0.25))
    dropped = [m.p for m in model.modules() if isinstance(m, nn.Dropout)]
    assert dropped.count(0.25) == 1 + 2  # on embeddings, and one for each layer
    assert [layer.self_attention.dropout for layer in model.stack.layers] == [0.25] * 2
    silent = model_of(SMALL).train()
    for m in silent.modules():
        if isinstance(m, nn.Dropout):
            m.p = 1.0
    nothing = silent.logits(silent.stack.final_norm(torch.zeros(1, 3, 8).double()))
    assert_close(silent(ids(1, 3)), nothing, **EXACT)


@pytest.mark.parametrize("config", [replace(SMALL, dropout=0.0), replace(MODERN, dropout=0.0)])
def test_it_learns_to_count(config):
    model = GPT(replace(config, d_model=32, d_ff=64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        tokens = (torch.randint(13, (32, 1)) + torch.arange(12)) % 13
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    written = generate(model, torch.tensor([[4, 5], [6, 7]]), max_new_tokens=4)
    assert written.tolist() == [[6, 7, 8, 9], [8, 9, 10, 11]]


# --- its parameters -------------------------------------------------------------------------


def test_gpt2_is_as_large_as_published():
    with torch.device("meta"):
        model = GPT(GPT2)
    count = sum(p.numel() for p in model.parameters())
    d, layers = 768, 12
    layer = 4 * (d * d + d) + 8 * d * d + 5 * d + 4 * d
    assert count == 50_257 * d + 1024 * d + layers * layer + 2 * d == 124_439_808


def test_what_an_argument_adds():
    def count(**changes):
        return sum(p.numel() for p in GPT(replace(SMALL, **changes)).parameters())

    plain = count()
    assert count(tie=False) - plain == 13 * 8
    assert plain - count(positions="rotary") == 20 * 8
    assert plain - count(bias=False) == 2 * (4 * 8 + 12 + 8 + 2 * 8) + 8
    assert count(bias=False) == count(bias=False, norm="rms")
    assert count(activation="swiglu") - plain == 2 * (8 * 12 + 12)


@EVERY
def test_nothing_in_the_state_dict_twice(config):
    model = GPT(config)
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}
    assert len({w.data_ptr() for w in model.state_dict().values()}) == len(model.state_dict())
    assert config.bias or not any(name.endswith("bias") for name in model.state_dict())


def test_fresh_weights_are_as_published():
    model = GPT(replace(SMALL, d_model=64, d_ff=128, num_layers=8, tie=False, vocab_size=500))
    for name, p in model.named_parameters():
        if p.dim() == 2:
            adds = name.endswith(("out_proj.weight", "linear2.weight"))
            std = 0.02 / 4 if adds else 0.02  # √(2 · 8) = 4
            assert float(p.detach().std()) == pytest.approx(std, rel=0.06), name
            assert abs(float(p.detach().mean())) < 0.1 * std, name
        else:
            assert (p == (1.0 if "norm" in name and "weight" in name else 0.0)).all(), name


def test_norms_are_what_the_config_says():
    for config, kind in ((SMALL, nn.LayerNorm), (MODERN, nn.RMSNorm)):
        model = GPT(replace(config, eps=1e-3))
        norms = [m for m in model.modules() if isinstance(m, (nn.LayerNorm, nn.RMSNorm))]
        assert len(norms) == 2 * 2 + 1
        assert all(isinstance(m, kind) and m.eps == 1e-3 for m in norms)


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": 0}, "vocab_size must be at least 1, got 0"),
        ({"max_len": 0}, "max_len must be None or at least 1, got 0"),
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
        ({"d_model": 10, "num_heads": 4}, "d_model = 10, num_heads = 4"),
        ({"num_heads": 0}, "num_heads must be at least 1, got 0"),
        ({"num_kv_heads": 4}, "num_kv_heads must divide num_heads = 2, got 4"),
        ({"rotary_base": 0.0}, "rotary_base must be positive and finite, got 0.0"),
        ({"positions": "alibi"}, r"positions must be one of \('learned', 'rotary'\), got 'alibi'"),
        ({"norm": "batch"}, r"norm must be one of \('layer', 'rms'\), got 'batch'"),
        ({"max_len": None}, "max_len must be given with learned positions, got None"),
        ({"eos_id": 13}, "eos_id must be in 0 … vocab_size - 1 = 12, got 13"),
        ({"pad_id": -1}, "pad_id must be in 0 … vocab_size - 1 = 12, got -1"),
        ({"activation": "tanh"}, "activation must be one of .* got 'tanh'"),
        ({"dropout": 2.0}, r"dropout must be in \[0, 1\), got 2.0"),
    ],
)
def test_impossible_configs_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        GPT(replace(SMALL, **changes))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.ones(5, dtype=torch.long), r"ids must be \(batch, length\) of int64 or int32"),
        (torch.ones(2, 5), r"ids must be .* got \(2, 5\) of torch.float32"),
        (torch.ones(2, 21, dtype=torch.long), "ids must have at most max_len = 20"),
    ],
)
def test_impossible_tokens_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        GPT(SMALL)(tokens)


def test_a_prompt_that_is_empty_or_longer_than_the_window_is_refused():
    model = GPT(SMALL)
    with pytest.raises(ValueError, match="prompt must have at most max_len = 20 tokens, got 21"):
        generate(model, ids(1, 21), max_new_tokens=1)
    with pytest.raises(ValueError, match=r"prompt must have at least one token, got \(1, 0\)"):
        generate(model, ids(1, 0), max_new_tokens=1)


def test_a_cached_text_counts_what_came_before():
    model, cache = model_of(SMALL), KVCache()
    model(ids(2, 18), cache=cache)
    with pytest.raises(ValueError, match="ids must have at most max_len = 20 tokens, got 21"):
        model(ids(2, 3), cache=cache)
