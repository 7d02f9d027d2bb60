"""Positions: what each encoding says about order, and that it says it at any offset."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import EXACT, FEW, complex_rotary, loop_alibi, loop_sinusoids, randn, redraw
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing import assert_close

from transformer_lib.layers import positions
from transformer_lib.layers.positions import ALiBi, LearnedPositions, Rotary, SinusoidalPositions

# Those that take a sequence (…, seq_len, 8) and an offset, and those that keep tables of waves.
ADDED = [SinusoidalPositions(8), redraw(LearnedPositions(64, 8))]
WAVES = [SinusoidalPositions, Rotary]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def name(case):
    return getattr(case, "__name__", type(case).__name__)


# --- what the sequence encodings share ------------------------------------------------------


@pytest.mark.parametrize("encoding", [*ADDED, Rotary(8)], ids=name)
@FEW
@given(seq_len=st.integers(0, 9), offset=st.integers(0, 20))
def test_offset_is_the_position_of_the_first_token(encoding, seq_len, offset):
    x = randn(2, 3, offset + seq_len, 8)
    piece = encoding(x[:, :, offset:], offset=offset)
    assert_close(piece, encoding(x)[:, :, offset:], **EXACT)


@pytest.mark.parametrize("encoding", [*ADDED, Rotary(8)], ids=name)
def test_every_gradient_of_an_encoding_is_right(encoding):
    assert torch.autograd.gradcheck(lambda x: encoding(x, offset=3), randn(1, 2, 4, 8, grad=True))


@pytest.mark.parametrize("encoding", ADDED, ids=name)
def test_added_positions_are_the_same_for_every_sequence(encoding):
    x = randn(3, 5, 8)
    added = encoding(x) - x
    assert added.shape == (3, 5, 8)
    assert_close(added, added[:1].expand_as(added), **EXACT)


@pytest.mark.parametrize("encoding", [*ADDED, Rotary(8)], ids=name)
@pytest.mark.parametrize(
    ("shape", "offset", "message"),
    [
        ((2, 5, 6), 0, r"x must be \(…, seq_len, 8\), got \(2, 5, 6\)"),
        ((8,), 0, r"x must be \(…, seq_len, 8\), got \(8,\)"),
        ((2, 5, 8), -1, "offset must be at least 0, got -1"),
    ],
)
def test_input_of_the_wrong_width_or_offset_is_refused(encoding, shape, offset, message):
    with pytest.raises(ValueError, match=message):
        encoding(randn(*shape), offset=offset)


@pytest.mark.parametrize("encoding", [*ADDED, Rotary(8)], ids=name)
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool])
def test_input_that_is_no_number_with_a_fraction_is_refused(encoding, dtype):
    with pytest.raises(ValueError, match=f"x must be floating point, got {dtype}"):
        encoding(torch.ones(1, 3, 8, dtype=dtype))


# --- the tables of sinusoidal and rotary ----------------------------------------------------


@pytest.mark.parametrize("waves", WAVES, ids=name)
def test_a_module_holds_nothing_of_its_table(waves):
    encoding = waves(8)
    before = dict(vars(encoding))
    encoding(randn(1, 4, 8))
    assert vars(encoding) == before
    assert not [*encoding.buffers(), *encoding.parameters(), *encoding.state_dict()]


@pytest.mark.parametrize("waves", WAVES, ids=name)
def test_any_length_follows_any_other(waves):
    encoding, x = waves(8), randn(1, 300, 8)
    short = encoding(x[:, :3])
    long = encoding(x)
    assert_close(long[:, :3], short, **EXACT)
    assert_close(encoding(x[:, :3]), short, **EXACT)


@pytest.mark.parametrize("waves", WAVES, ids=name)
def test_token_by_token_the_table_is_made_only_a_few_times(waves):
    encoding = waves(8)
    positions._table.cache_clear()
    for position in range(100):
        encoding(randn(1, 1, 8), offset=position)
    assert positions._table.cache_info().misses == 8  # for 1, 2, 4, …, 128 positions


@pytest.mark.parametrize("waves", WAVES, ids=name)
def test_a_table_of_fake_numbers_is_not_kept(waves):
    encoding, x = waves(8), randn(1, 4, 8)
    positions._table.cache_clear()
    with FakeTensorMode():
        encoding(torch.empty(1, 4, 8, dtype=torch.float64))
    assert encoding(x).isfinite().all()


@pytest.mark.parametrize("waves", WAVES, ids=name)
def test_any_dtype_follows_any_other(waves):
    encoding, x = waves(8), randn(1, 4, 8)
    for dtype in (torch.bfloat16, torch.float32, torch.float64, torch.bfloat16):
        out = encoding(x.to(dtype))
        assert out.dtype == dtype
        assert torch.equal(out, waves(8)(x.to(dtype)))


@pytest.mark.parametrize("waves", WAVES, ids=name)
def test_tables_follow_the_input_to_another_device_and_back(waves):
    encoding, x = waves(8), randn(1, 4, 8)
    before = encoding(x)
    assert encoding(x.to("meta")).device.type == "meta"
    assert_close(encoding(x), before, **EXACT)


@pytest.mark.parametrize("waves", WAVES, ids=name)
@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float32])
def test_a_module_cast_to_a_wider_dtype_forgets_the_rounding_of_the_narrow_one(waves, narrow):
    encoding, x = waves(8), randn(1, 40, 8)
    encoding(x.to(narrow))
    assert_close(encoding.to(torch.float64)(x), waves(8)(x), **EXACT)


@pytest.mark.parametrize("waves", WAVES, ids=name)
def test_a_pass_in_inference_mode_leaves_tables_that_can_be_trained_with(waves):
    encoding, x = waves(8), randn(1, 4, 8, grad=True)
    with torch.inference_mode():
        encoding(x)
    encoding(x).sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("waves", WAVES, ids=name)
@pytest.mark.parametrize("width", [0, -2, 7])
def test_a_width_that_is_not_positive_and_even_is_refused(waves, width):
    with pytest.raises(ValueError, match=f"must be a positive even number, got {width}"):
        waves(width)


@pytest.mark.parametrize("waves", WAVES, ids=name)
@pytest.mark.parametrize("base", [0.0, -1.0, float("nan"), float("inf")])
def test_a_base_that_is_not_positive_and_finite_is_refused(waves, base):
    with pytest.raises(ValueError, match="base must be positive and finite, got"):
        waves(8, base=base)


# --- sinusoidal -----------------------------------------------------------------------------


@FEW
@given(length=st.integers(1, 20), pairs=st.integers(1, 6), base=st.sampled_from([100.0, 10000.0]))
def test_sinusoidal_table_is_the_formula_of_the_paper(length, pairs, base):
    x = randn(1, length, 2 * pairs)
    added = SinusoidalPositions(2 * pairs, base=base)(x) - x
    assert_close(added[0], loop_sinusoids(length, 2 * pairs, base), **EXACT)


def test_far_sinusoids_are_as_exact_as_near_ones():
    far = SinusoidalPositions(8)(torch.zeros(1, 1, 8), offset=100_000)
    assert_close(far[0].double(), loop_sinusoids(1, 8, offset=100_000), rtol=0, atol=1e-6)


def test_a_shift_is_one_linear_map_for_every_position():
    table = SinusoidalPositions(8, base=100.0)(randn(1, 40, 8) * 0)[0]
    shift = torch.linalg.lstsq(table[:20], table[5:25]).solution  # found at twenty positions ...
    assert_close(table[:-5] @ shift, table[5:], rtol=0, atol=1e-9)  # ... it holds at all of them


def test_the_slowest_wave_is_almost_base_times_the_fastest():
    x = torch.zeros(1, 2, 512, dtype=torch.float64)
    waves = SinusoidalPositions(512)(x)[0, 1, ::2].asin()  # the angles at position 1
    assert waves[0].item() == pytest.approx(1.0)
    assert waves[-1].item() == pytest.approx(1e-4, rel=0.05)


# --- learned --------------------------------------------------------------------------------


def test_learned_positions_add_the_rows_of_their_table():
    learned = redraw(LearnedPositions(10, 8))
    x = randn(2, 4, 8)
    assert_close(learned(x, offset=6), x + learned.table.weight[6:10], **EXACT)


def test_learned_positions_train_only_the_rows_that_were_used():
    positions = redraw(LearnedPositions(10, 8))
    positions(randn(2, 3, 8), offset=4).sum().backward()
    used = positions.table.weight.grad.abs().sum(dim=1) > 0
    assert used.nonzero().flatten().tolist() == [4, 5, 6]


def test_learned_positions_are_in_the_state_dict_and_start_small():
    positions = LearnedPositions(200, 50)
    assert list(positions.state_dict()) == ["table.weight"]
    assert positions.table.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_learned_positions_refuse_what_reaches_beyond_max_len():
    positions = redraw(LearnedPositions(10, 8))
    with pytest.raises(ValueError, match=r"max_len = 10 .* offset 7 \+ length 4 = 11"):
        positions(randn(1, 4, 8), offset=7)


def test_learned_positions_need_a_positive_max_len():
    with pytest.raises(ValueError, match="max_len must be at least 1, got 0"):
        LearnedPositions(0, 8)
    with pytest.raises(ValueError, match="d_model must be at least 1, got 0"):
        LearnedPositions(5, 0)


# --- rotary ---------------------------------------------------------------------------------


@FEW
@given(
    seq_len=st.integers(1, 9),
    pairs=st.integers(1, 5),
    offset=st.integers(0, 50),
    base=st.sampled_from([100.0, 10000.0]),
)
def test_rotary_is_the_complex_form_of_the_paper_reordered(seq_len, pairs, offset, base):
    x = randn(2, 3, seq_len, 2 * pairs)
    # The paper's neighbours (2i, 2i + 1) are our features (i, i + head_dim / 2).
    neighbours = torch.arange(2 * pairs).view(2, pairs).T.flatten()
    mine = Rotary(2 * pairs, base=base)(x, offset)
    assert_close(mine[..., neighbours], complex_rotary(x[..., neighbours], offset, base), **EXACT)


def test_far_rotations_are_as_exact_as_near_ones():
    pair = torch.tensor([3.0, 4.0]).expand(4, 2)  # four pairs, each of which turns at its own pace
    far = Rotary(8)(pair.T.flatten()[None], offset=100_000).double()
    expected = complex_rotary(pair.double().flatten()[None], offset=100_000)
    assert_close(far.unflatten(-1, (2, 4)).mT.flatten(1), expected, rtol=0, atol=1e-5)


def test_rotary_keeps_the_length_of_every_vector():
    x = randn(2, 3, 50, 8)
    assert_close(Rotary(8)(x).norm(dim=-1), x.norm(dim=-1), **EXACT)


@pytest.mark.parametrize("shift", [1, 7, 1000])
def test_rotary_scores_depend_on_the_distance_only(shift):
    rotary, q, k = Rotary(8), randn(1, 1, 5, 8), randn(1, 1, 5, 8)
    here = rotary(q) @ rotary(k).mT
    there = rotary(q, offset=shift) @ rotary(k, offset=shift).mT
    assert_close(there, here, **EXACT)


def test_rotary_scores_do_depend_on_the_distance():
    rotary, q, k = Rotary(8), randn(1, 1, 1, 8), randn(1, 1, 1, 8)
    scores = [rotary(q, offset=m) @ rotary(k).mT for m in range(5)]
    assert len({round(score.item(), 6) for score in scores}) == 5


def test_rotary_leaves_position_zero_as_it_is():
    x = randn(2, 3, 1, 8)
    assert_close(Rotary(8)(x), x, **EXACT)


# --- ALiBi ----------------------------------------------------------------------------------


@FEW
@given(num_heads=st.sampled_from([1, 2, 4, 8]), q_len=st.integers(0, 6), offset=st.integers(0, 6))
def test_alibi_is_minus_slope_times_distance(num_heads, q_len, offset):
    bias = ALiBi(num_heads).double()(q_len, offset)
    assert_close(bias, loop_alibi(num_heads, q_len, offset), **EXACT)


def test_alibi_slopes_of_eight_heads_are_those_of_the_paper():
    assert ALiBi(8).slopes.tolist() == [2.0**-h for h in range(1, 9)]


def test_alibi_takes_any_number_of_heads():
    assert_close(ALiBi(6)(4, 2).double(), loop_alibi(6, 4, 2), rtol=0, atol=1e-6)


def test_alibi_slopes_are_a_buffer_that_is_not_saved():
    alibi = ALiBi(4)
    assert [key for key, _ in alibi.named_buffers()] == ["slopes"]
    assert len(alibi.state_dict()) == 0
    assert alibi.to("meta")(3).device.type == "meta"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ALiBi(0), "num_heads must be at least 1, got 0"),
        (lambda: ALiBi(1.5), "num_heads must be a whole number, got 1.5"),
        (lambda: ALiBi(2)(3, offset=-1), "offset must be at least 0, got -1"),
    ],
)
def test_alibi_refuses_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
