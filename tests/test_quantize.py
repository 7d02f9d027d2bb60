"""Eight bits: nothing moves by more than half a step, and what was packed comes back."""

import json

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from transformer_lib.show.quantize import dequantize_rows, pack, quantize_rows, unpack


@pytest.fixture
def weights():
    """Tensors of one to four axes, the third a second name of the first."""
    torch.manual_seed(0)
    weights = {
        "embedding.weight": torch.randn(7, 5),
        "norm.bias": torch.randn(5),
        "patches.weight": torch.randn(3, 1, 2, 4, dtype=torch.float64),
    }
    return weights | {"head.weight": weights["embedding.weight"]}


@pytest.mark.parametrize("shape", [(6,), (4, 6), (2, 3, 6)])
def test_no_number_moves_by_more_than_half_a_step(shape):
    x = torch.randn(shape, generator=torch.manual_seed(1))
    whole, scales = quantize_rows(x)
    assert (whole.dtype, whole.shape, scales.shape) == (torch.int8, x.shape, x.shape[:-1])
    error = (dequantize_rows(whole, scales) - x).abs()
    assert (error <= 0.501 * scales[..., None]).all()
    assert error.max() > 0.3 * scales.max()  # it is rounded, after all


def test_each_row_has_its_own_scale():
    x = torch.tensor([[1.0, -0.5], [1000.0, 3.0], [1e-6, 0.0]])
    whole, scales = quantize_rows(x)
    assert_close(scales * 127, torch.tensor([1.0, 1000.0, 1e-6]))
    assert whole[:, 0].tolist() == [127, 127, 127]
    assert whole.min() >= -127


def test_the_largest_number_of_a_row_is_exact_and_signs_are_symmetric():
    x = torch.randn(50, 20, generator=torch.manual_seed(2))
    back = dequantize_rows(*quantize_rows(x))
    largest = x.abs().argmax(dim=-1, keepdim=True)
    assert_close(back.gather(1, largest), x.gather(1, largest))
    assert torch.equal(dequantize_rows(*quantize_rows(-x)), -back)


def test_a_row_of_zeros_stays_and_rounding_twice_changes_nothing():
    x = torch.tensor([[0.0, 0.0], [0.3, -1.0]])
    back = dequantize_rows(*quantize_rows(x))
    assert back[0].tolist() == [0.0, 0.0]
    assert_close(dequantize_rows(*quantize_rows(back)), back)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (torch.tensor(1.0), r"x must be \(…, width\) and not empty, got \(\)"),
        (torch.empty(0, 3), r"got \(0, 3\)"),
        (torch.tensor([1.0, float("nan")]), "x must be finite"),
        (torch.tensor([1.0, float("inf")]), "x must be finite"),
    ],
)
def test_rows_that_cannot_be_rounded_are_refused(x, said):
    with pytest.raises(ValueError, match=said):
        quantize_rows(x)


def test_what_was_packed_comes_back(weights):
    data, contents = pack(weights)
    assert json.loads(json.dumps(contents)) == [list(entry) for entry in contents]
    back = unpack(data, json.loads(json.dumps(contents)))
    assert list(back) == ["embedding.weight", "norm.bias", "patches.weight"]  # tied: once
    assert torch.equal(back["norm.bias"], weights["norm.bias"])
    for name, tensor in back.items():
        assert tensor.dtype == torch.float32
        if tensor.dim() > 1:
            assert torch.equal(tensor, dequantize_rows(*quantize_rows(weights[name])))


def test_a_packed_matrix_takes_a_quarter(weights):
    data, _ = pack(weights)
    assert len(data) == (7 * 5 + 7 * 4) + 5 * 4 + (24 + 6 * 4)
    wide, _ = pack({"w": torch.randn(64, 256)})
    assert len(wide) < 0.26 * 64 * 256 * 4


def test_packing_is_the_same_every_time_and_keeps_the_order(weights):
    assert pack(weights) == pack(dict(weights))
    names = [name for name, _ in pack(dict(reversed(weights.items())))[1]]
    assert names == ["head.weight", "patches.weight", "norm.bias"]


def test_a_model_works_from_its_packed_weights():
    torch.manual_seed(3)
    model = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True).eval()
    x = torch.randn(2, 9, 32)
    before = model(x)
    model.load_state_dict(unpack(*pack(model.state_dict())))
    assert 0 < (model(x) - before).abs().max() < 0.05


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.tensor(1.0), r"got w \(\)"),
        (torch.empty(0), r"got w \(0,\)"),
        (torch.arange(3), "got w .*int64"),
        (torch.tensor([float("inf")]), "infinity or NaN in w"),
    ],
)
def test_tensors_that_cannot_be_packed_are_refused(tensor, said):
    with pytest.raises(ValueError, match=said):
        pack({"w": tensor})


def test_bytes_that_do_not_fit_are_refused(weights):
    data, contents = pack(weights)
    with pytest.raises(ValueError, match=f"data must hold the {len(data)} bytes .* got 10"):
        unpack(data[:10], contents)
