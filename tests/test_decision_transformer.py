"""The Decision Transformer: equal to Hugging Face's, blind to what it must not see."""

from dataclasses import replace

import pytest
import torch
import transformers
from oracles import EXACT, randn, redraw
from torch.testing import assert_close

from transformer_lib.models.decision_transformer import (
    DecisionTransformer,
    DecisionTransformerConfig,
)

SMALL = DecisionTransformerConfig(4, 3, 20, d_model=8, num_heads=2, num_layers=2, d_ff=32)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def inputs(batch=2, length=5, first=0):
    steps = first + torch.arange(length).expand(batch, -1)
    return randn(batch, length), randn(batch, length, 4), torch.randint(3, (batch, length)), steps


def changed(given, at, t):
    """The same inputs, but the one at `at` changed at step t."""
    given = [x.clone() for x in given]
    given[at][:, t] = (given[at][:, t] + 1) % 3 if at == 2 else given[at][:, t] + 1
    return given


# --- the oracle -----------------------------------------------------------------------------


def theirs_with(model):
    """Hugging Face's model, redrawn, and ours with its weights."""
    c = model.config
    theirs = redraw(
        transformers.DecisionTransformerModel(
            transformers.DecisionTransformerConfig(
                state_dim=c.state_dim, act_dim=c.num_actions, hidden_size=c.d_model,
                max_ep_len=c.max_steps, n_layer=c.num_layers, n_head=c.num_heads,
                n_inner=c.d_ff, activation_function=c.activation, action_tanh=False,
            )
        )
    ).eval()  # fmt: skip
    given = theirs.state_dict()
    ours = {
        "return_proj.weight": given["embed_return.weight"],
        "return_proj.bias": given["embed_return.bias"],
        "state_proj.weight": given["embed_state.weight"],
        "state_proj.bias": given["embed_state.bias"],
        # A table of what their linear map makes of an action that is written as a single 1.
        "action_embedding.weight": given["embed_action.weight"].T + given["embed_action.bias"],
        "positions.weight": given["embed_timestep.weight"],
        "norm.weight": given["embed_ln.weight"],
        # GPT-2's positions are left in: the first is added to every token.
        "norm.bias": given["embed_ln.bias"] + given["encoder.wpe.weight"][0],
        "stack.final_norm.weight": given["encoder.ln_f.weight"],
        "stack.final_norm.bias": given["encoder.ln_f.bias"],
        "head.weight": given["predict_action.0.weight"],
        "head.bias": given["predict_action.0.bias"],
    }
    for n in range(c.num_layers):
        old, new = f"encoder.h.{n}", f"stack.layers.{n}"
        for kind in ("weight", "bias"):
            q, k, v = given[f"{old}.attn.c_attn.{kind}"].chunk(3, dim=-1)
            parts = {
                "self_attention.q_proj": q, "self_attention.k_proj": k,
                "self_attention.v_proj": v,
                "self_attention.out_proj": given[f"{old}.attn.c_proj.{kind}"],
                "feed_forward.linear1": given[f"{old}.mlp.c_fc.{kind}"],
                "feed_forward.linear2": given[f"{old}.mlp.c_proj.{kind}"],
            }  # fmt: skip
            ours |= {f"{new}.{name}.{kind}": x.T if x.dim() > 1 else x for name, x in parts.items()}
            for norm in "12":
                ours[f"{new}.norm{norm}.{kind}"] = given[f"{old}.ln_{norm}.{kind}"]
    model.load_state_dict(ours)
    return theirs


def test_it_equals_hugging_faces():
    model = DecisionTransformer(SMALL).double().eval()
    theirs = theirs_with(model)
    returns, states, actions, steps = inputs()
    one_hot = torch.nn.functional.one_hot(actions, 3).double()
    expected = theirs(
        states=states, actions=one_hot, returns_to_go=returns[..., None], timesteps=steps
    ).action_preds
    assert_close(model(returns, states, actions, steps), expected, **EXACT)


def test_returns_are_divided_by_their_scale():
    model, plain = (
        DecisionTransformer(replace(SMALL, return_scale=scale)).double().eval()
        for scale in (50.0, 1.0)
    )
    plain.load_state_dict(model.state_dict())
    returns, *rest = inputs()
    assert_close(model(50 * returns, *rest), plain(returns, *rest), **EXACT)


# --- what it may see ------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("at", "from_step"), [(0, 2), (1, 2), (2, 3)], ids=["R", "s", "a"])
def test_an_action_is_chosen_after_its_wish_and_state_and_before_itself(at, from_step, training):
    model, given = redraw(DecisionTransformer(SMALL)).train(training), inputs()
    torch.manual_seed(1)
    before = model(*given)
    torch.manual_seed(1)
    after = model(*changed(given, at, 2))
    assert_close(after[:, :from_step], before[:, :from_step], **EXACT)
    assert (after[:, from_step:] - before[:, from_step:]).abs().amax(-1).min() > 1e-9


def test_the_tokens_of_a_step_stand_in_their_order_and_share_its_position():
    model = redraw(DecisionTransformer(SMALL)).eval()
    returns, states, actions, steps = inputs()
    model.norm = torch.nn.Identity()
    tokens = model.embed(returns, states, actions, steps)
    assert tokens.shape == (2, 15, 8)
    at = model.positions.weight[:5]
    assert_close(tokens[:, 0::3], model.return_proj(returns[..., None]) + at, **EXACT)
    assert_close(tokens[:, 1::3], model.state_proj(states) + at, **EXACT)
    assert_close(tokens[:, 2::3], model.action_embedding(actions) + at, **EXACT)


def test_filling_behind_the_end_changes_nothing():
    model, given = redraw(DecisionTransformer(SMALL)).eval(), inputs(length=7)
    short = model(*(x[:, :4] for x in given))
    assert_close(model(*given)[:, :4], short, **EXACT)


def test_only_the_clock_knows_when_a_window_begins():
    model, given = redraw(DecisionTransformer(SMALL)).eval(), inputs()
    later = *given[:3], given[3] + 6
    assert (model(*later) - model(*given)).abs().min() > 1e-9
    with torch.no_grad():
        model.positions.weight.copy_(model.positions.weight.roll(6, dims=0))
    moved = model(*later)
    with torch.no_grad():
        model.positions.weight.copy_(model.positions.weight.roll(-6, dims=0))
    assert_close(moved, model(*given), **EXACT)


# --- what it refuses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "bad", "said"),
    [
        (0, torch.zeros(2, 4).double(), r"returns must be \(2, 5\), as actions are .*, got \(2, 4"),
        (0, torch.zeros(2, 5), "returns must be torch.float64"),
        (1, torch.zeros(2, 5, 3).double(), r"states must be \(2, 5, 4\), .* got \(2, 5, 3\)"),
        (1, [1.0], "states must be .* got list"),
        (2, torch.full((2, 5), 3), r"actions must be in 0 … num_actions - 1 = 2, got 3"),
        (3, torch.full((2, 5), 20), r"steps must be in 0 … max_steps - 1 = 19, got 20"),
        (3, torch.zeros(2, 4).long(), r"steps must be \(2, 5\)"),
    ],
)
def test_what_does_not_fit_is_refused(at, bad, said):
    model, given = DecisionTransformer(SMALL).double(), list(inputs())
    given[at] = bad
    with pytest.raises(ValueError, match=said):
        model(*given)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_actions": 0}, "num_actions must be at least 1, got 0"),
        ({"max_steps": 0}, "max_steps must be at least 1, got 0"),
        ({"return_scale": 0.0}, "return_scale must be positive"),
        ({"num_heads": 3}, "d_model must be a positive multiple of num_heads"),
    ],
)
def test_a_config_that_cannot_be_is_refused(change, said):
    arguments = {"state_dim": 4, "num_actions": 3, "max_steps": 20, "d_model": 8} | change
    with pytest.raises(ValueError, match=said):
        DecisionTransformerConfig(**arguments)
