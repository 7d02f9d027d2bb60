"""Reasons: exact where the answer is known, complete where it is not, and struck words stay out."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from transformer_lib.measure.reasons import (
    flips,
    from_vectors,
    gradient,
    gradient_norm,
    gradient_times_input,
    integrated_gradients,
    leave_one_out,
    strike,
)
from transformer_lib.models.bert import Bert, BertConfig, Classifier

torch.manual_seed(0)
WEIGHTS = torch.randn(5, 3, dtype=torch.float64)  # one vector a place
VECTORS = torch.randn(1, 5, 3, dtype=torch.float64)


def linear(vectors):
    return (vectors * WEIGHTS).sum(dim=(1, 2)) + 7


def cubic(vectors):
    return (vectors * WEIGHTS).sum(dim=-1).pow(3).sum(dim=-1)


def classifier(num_classes=2, **options):
    torch.manual_seed(1)
    config = BertConfig(
        20, max_len=None, d_model=8, num_heads=2, num_layers=2, d_ff=16, positions="rotary",
        num_segments=0, **{"norm_first": True} | options,
    )  # fmt: skip
    model = Classifier(Bert(config), num_classes, pool="mean").double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model.eval()


IDS = torch.tensor([[3, 7, 1, 12, 5, 3]])


def explained(**options):
    model = classifier(**options)
    vectors = model.bert.embedding(IDS).detach()
    return model, vectors, from_vectors(model, model.bert.embedding, IDS)


def test_a_linear_model_is_explained_by_its_products_in_every_way():
    baseline = torch.randn(3, dtype=torch.float64)
    assert_close(gradient(linear, VECTORS), WEIGHTS[None])
    assert_close(gradient_norm(linear, VECTORS), WEIGHTS.norm(dim=-1)[None])
    assert_close(gradient_times_input(linear, VECTORS), (WEIGHTS * VECTORS).sum(-1))
    for steps in (1, 5):
        found = integrated_gradients(linear, VECTORS, baseline, steps=steps)
        assert_close(found, (WEIGHTS * (VECTORS - baseline)).sum(-1))


def test_integrated_gradients_of_a_cubic_by_its_integral():
    """From 0 to x the integral of 3 (w·t x)² w·x is (w·x)³; the midpoint rule is near it."""
    exact = (VECTORS * WEIGHTS).sum(dim=-1).pow(3)
    zero = torch.zeros(3, dtype=torch.float64)
    errors = [
        (integrated_gradients(cubic, VECTORS, zero, steps=n) - exact).abs().max() for n in (8, 16)
    ]
    assert errors[1] < 0.01 * exact.abs().max()
    assert errors[0] / errors[1] == pytest.approx(4, rel=1e-6)  # of second order


def test_integrated_gradients_of_a_transformer_are_complete():
    model, vectors, score = explained()
    baseline = model.bert.embedding.weight[1].detach()
    found = integrated_gradients(score, vectors, baseline, steps=400)
    with torch.no_grad():
        rise = score(vectors) - score(baseline.expand_as(vectors))
    assert_close(found.sum(dim=-1), rise, atol=1e-3, rtol=1e-3)
    assert found.shape == IDS.shape
    same = vectors[0] == baseline  # a word that is the baseline explains nothing
    assert (found[0][same.all(dim=-1)] == 0).all()


@pytest.mark.parametrize("num_classes", [2, 4])
def test_the_score_is_how_far_the_answer_is_ahead(num_classes):
    model, vectors, _ = explained(num_classes=num_classes)
    answers = set()
    for _ in range(num_classes):  # each class is the answer once
        with torch.no_grad():
            for parameter in model.head.parameters():
                parameter.copy_(parameter.roll(1, dims=0))
            logits = model(IDS)[0]
            best, *others = logits.sort(descending=True).values
            score = from_vectors(model, model.bert.embedding, IDS)
            assert_close(score(vectors), (best - torch.stack(others).mean())[None])
        answers.add(int(logits.argmax()))
    assert len(answers) == num_classes


def test_the_embedding_is_itself_again_even_after_an_error():
    model, vectors, score = explained()
    before = model(IDS)
    score(vectors + 1)
    with pytest.raises(RuntimeError):
        score(vectors[..., :3])
    assert torch.equal(model(IDS), before)


def test_rows_are_explained_apart():
    _, vectors, score = explained()
    both = torch.cat([vectors, vectors + 0.3])
    assert_close(gradient(score, both)[:1], gradient(score, vectors))


@pytest.mark.parametrize("norm_first", [True, False])
def test_behind_a_layer_norm_gradient_times_input_is_zero(norm_first):
    _, vectors, score = explained(norm_first=norm_first)
    size = (gradient_norm(score, vectors) * vectors.norm(dim=-1)).max()
    assert gradient_times_input(score, vectors).abs().max() < 1e-9 * size


def test_gradients_leave_the_parameters_alone():
    model, vectors, score = explained()
    gradient_norm(score, vectors)
    assert all(parameter.grad is None for parameter in model.parameters())
    with torch.no_grad():  # and work where no gradient is wanted
        assert gradient(score, vectors).abs().sum() > 0


# --- striking words out ----------------------------------------------------------------------

WORTH = torch.tensor([0.0, 0.5, -1.0, 3.0, -0.2])  # of the tokens 0 … 4


def chance(rows):
    for_it = torch.stack([WORTH[row].sum() for row in rows]).double()
    return torch.stack([-for_it, for_it], dim=-1).softmax(dim=-1)


def test_leaving_one_out_by_hand():
    row = [1, 2, 3]
    found = leave_one_out(chance, row)
    whole = chance([row])[0, 1]
    for i, rest in enumerate(([2, 3], [1, 3], [1, 2])):
        assert_close(found[i], whole - chance([rest])[0, 1])
    assert found.argmax() == 2
    assert found[1] < 0  # it speaks against the answer


def test_leaving_one_out_explains_the_answer_that_was_given():
    found = leave_one_out(chance, [2, 1])  # against: class 0
    assert found[0] > 0 > found[1]


def test_leaving_the_only_word_out_is_refused():
    with pytest.raises(ValueError, match="row must have at least 2 tokens, got 1"):
        leave_one_out(chance, [3])


def test_strike():
    row = (4, 3, 2, 1)
    assert strike(row, [1, 3]) == [4, 2]
    assert strike(row, []) == [4, 3, 2, 1]


def test_flips_by_hand():
    rows = [[3, 2, 4], [1, 1, 2, 4]]
    scores = [torch.tensor([2.0, 1.0, 0.0]), torch.tensor([0.0, 1.0, 2.0, 3.0])]
    found = flips(chance, rows, scores, (0, 1, 3))
    # the first turns when 3 is gone; the second, against at -0.2, turns without 4: 0.0 is a tie
    assert found[0].tolist() == [False, False]
    assert found[1].tolist() == [True, False]
    assert found[3].tolist() == [True, True]  # one word stays: 4 of the first, 1 of the second


def test_what_must_stay_is_never_struck():
    seen = []

    def watch(rows):
        seen.extend(rows)
        return chance(rows)

    scores = [torch.tensor([-torch.inf, 1.0, 2.0, -torch.inf])]
    flips(watch, [[1, 3, 2, 4]], scores, (1, 2, 9))
    assert seen == [[1, 3, 2, 4], [1, 3, 4], [1, 3, 4], [1, 3, 4]]


# --- bad input -------------------------------------------------------------------------------


def test_bad_input_of_the_score():
    model = classifier()
    with pytest.raises(ValueError, match="ids must be one row"):
        from_vectors(model, model.bert.embedding, IDS.expand(2, -1))
    with pytest.raises(ValueError, match="ids must have at least one token"):
        from_vectors(model, model.bert.embedding, IDS[:, :0])
    with pytest.raises(ValueError, match="embedding must be a module, got Tensor"):
        from_vectors(model, model.bert.embedding.weight.detach(), IDS)
    with pytest.raises(ValueError, match="model must be in evaluation mode"):
        from_vectors(model.train(), model.bert.embedding, IDS)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: gradient(linear, IDS), "vectors must be of floating point"),
        (lambda: gradient(lambda x: x.sum(), VECTORS), "score must give one number for each row"),
        (lambda: integrated_gradients(linear, VECTORS, VECTORS[0, 0], steps=0), "steps must be"),
        (lambda: integrated_gradients(linear, VECTORS, torch.ones(4)), "baseline must broadcast"),
        (lambda: integrated_gradients(linear, VECTORS[0], VECTORS), "vectors must be of floating"),
        (
            lambda: integrated_gradients(linear, VECTORS.expand(2, -1, -1), VECTORS),
            "vectors must be one row",
        ),
        (lambda: flips(chance, [[1, 2]], [torch.ones(3)], (1,)), "scores must be a number"),
        (lambda: flips(chance, [[1]], [torch.tensor([torch.nan])], (1,)), "scores must be"),
        (lambda: flips(chance, [[1, 2]], [torch.ones(2)], (-1,)), r"counts\[0\] must be at least"),
        (lambda: flips(chance, [[1, 2]], [], (1,)), "scores must be one tensor for each of 1 rows"),
        (lambda: flips(chance, [[1, 2]], [[1, 2]], (1,)), "scores must be a number"),
        (lambda: flips(None, [[1, 2]], [torch.ones(2)], (1,)), "chance must be a function"),
        (lambda: leave_one_out(chance, 5), "row must be a list"),
        (lambda: strike([1, 2], ["0"]), r"places\[0\] must be a whole number"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
