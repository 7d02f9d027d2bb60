"""The loss of a set: the best of all assignments, blind to order, equal to Hugging Face's.

Classes without "no object" are held against the formulas of Deformable DETR, written out here.
"""

from itertools import permutations

import pytest
import torch
import torch.nn.functional as F
import transformers
from oracles import EXACT
from torch.testing import assert_close
from transformers.loss.loss_for_object_detection import ForObjectDetectionLoss

from transformer_lib.measure.boxes import generalized_iou, to_centres, to_corners
from transformer_lib.measure.sets import match, match_cost, set_loss


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def some_objects(*counts, classes=3):
    def one(count):
        first = 0.6 * torch.rand(count, 2, dtype=torch.float64)
        size = 0.1 + 0.3 * torch.rand(count, 2, dtype=torch.float64)
        return torch.randint(classes, (count,)), torch.cat([first, first + size], dim=1)

    return [one(count) for count in counts]


def some_guesses(batch, *, layers=1, queries=5, classes=3):
    return [
        (
            torch.randn(batch, queries, classes + 1, dtype=torch.float64, requires_grad=True),
            torch.rand(batch, queries, 4, dtype=torch.float64, requires_grad=True),
        )
        for _ in range(layers)
    ]


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (3, 0)])
def test_the_match_is_the_best_of_all(shape):
    for _ in range(5):
        cost = torch.randn(shape, dtype=torch.float64)
        rows, columns = match(cost)
        assert len(rows) == min(shape) == len(set(rows.tolist())) == len(set(columns.tolist()))
        wide = cost if shape[0] <= shape[1] else cost.T
        each = range(len(wide))
        sums = [
            sum(float(wide[i, j]) for i, j in zip(each, order, strict=True))
            for order in permutations(range(wide.size(1)), len(wide))
        ]
        assert float(cost[rows, columns].sum()) == pytest.approx(min(sums), abs=1e-12)


def test_the_cost_has_no_gradient_and_takes_batches():
    (logits, boxes), (objects,) = some_guesses(2)[0], some_objects(3)
    cost = match_cost(logits, boxes, objects)
    assert not cost.requires_grad
    for n in range(2):
        assert_close(cost[n], match_cost(logits[n], boxes[n], objects), **EXACT)


def test_greed_would_choose_worse():
    rows, columns = match(torch.tensor([[1.0, 2.0], [2.0, 9.0]]))
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])


def test_the_cost_by_hand():
    logits = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]).log()
    boxes = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.5, 0.7, 0.2, 0.2]])
    objects = torch.tensor([1]), torch.tensor([[0.4, 0.4, 0.6, 0.6]])
    cost = match_cost(logits, boxes, objects)
    assert_close(cost, torch.tensor([[-0.25 - 2.0], [-0.2 + 5 * 0.2 - 2 * 0.0]]))


@pytest.mark.parametrize("counts", [(1, 2), (4, 0, 5), (0, 0)])
def test_it_is_hugging_faces_loss_with_all_layers(counts):
    guesses, objects = some_guesses(len(counts), layers=3), some_objects(*counts)
    config = transformers.DetrConfig(auxiliary_loss=True, num_labels=3)
    labels = [{"class_labels": a, "boxes": to_centres(b)} for a, b in objects]
    classes = torch.stack([logits for logits, _ in guesses])
    boxes = torch.stack([boxes for _, boxes in guesses])
    torch.set_default_dtype(torch.float64)  # of the weights of the classes, in there
    try:
        expected, _, _ = ForObjectDetectionLoss(
            classes[-1], labels, "cpu", boxes[-1], config, classes, boxes
        )
    finally:
        torch.set_default_dtype(torch.float32)
    loss = set_loss(guesses, objects)
    assert_close(loss.total, expected, rtol=0, atol=1e-10)
    assert loss.total > 0.1
    ours = torch.autograd.grad(loss.total, [x for layer in guesses for x in layer])
    theirs = torch.autograd.grad(expected, [x for layer in guesses for x in layer])
    assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_neither_the_order_of_objects_nor_that_of_queries_matters():
    (logits, boxes), objects = some_guesses(2)[0], some_objects(4, 3)
    before = set_loss([(logits, boxes)], objects)
    turned = [(labels.flip(0), there.flip(0)) for labels, there in objects]
    assert_close(set_loss([(logits, boxes)], turned), before, **EXACT)
    order = torch.tensor([3, 1, 4, 0, 2])
    assert_close(set_loss([(logits[:, order], boxes[:, order])], objects), before, **EXACT)
    apart = set_loss([(logits[:, order], boxes)], objects)  # classes of other queries
    assert (apart.total - before.total).abs() > 1e-3


def test_a_query_never_takes_the_object_of_another_picture():
    guesses, objects = some_guesses(2), some_objects(2, 2)
    logits, boxes = guesses[0]
    together = set_loss(guesses, objects)
    alone = [set_loss([(logits[n : n + 1], boxes[n : n + 1])], objects[n : n + 1]) for n in (0, 1)]
    for name in ("distance", "overlap", "classes"):  # as many objects: the means weigh the same
        mean = (getattr(alone[0], name) + getattr(alone[1], name)) / 2
        assert_close(getattr(together, name), mean, **EXACT)


def test_every_layer_is_matched_by_itself_and_added():
    guesses, objects = some_guesses(2, layers=3), some_objects(2, 3)
    alone = [set_loss([layer], objects).total for layer in guesses]
    assert_close(set_loss(guesses, objects).total, sum(alone), **EXACT)


def test_a_guess_without_an_object_learns_that_and_not_its_box():
    (logits, boxes), objects = some_guesses(1)[0], some_objects(2)
    rows, _ = match(match_cost(logits[0], boxes[0], objects[0]))
    loss = set_loss([(logits, boxes)], objects)
    grad_logits, grad_boxes = torch.autograd.grad(loss.total, [logits, boxes])
    others = torch.tensor([n for n in range(5) if n not in rows])
    assert (grad_boxes[0, others] == 0).all()
    assert (grad_boxes[0, rows].abs().amax(-1) > 0).all()
    assert (grad_logits[0, others, -1] < 0).all()  # "no object" shall grow


@pytest.mark.parametrize("no_object", [0.1, 1.0])
def test_no_object_weighs_what_it_is_given(no_object):
    logits, boxes = torch.zeros(1, 2, 3), torch.full((1, 2, 4), 0.5)
    logits[..., 2] = torch.tensor(4.0).log()  # p = 1/6, 1/6, 2/3
    objects = [(torch.tensor([0]), torch.tensor([[0.25, 0.25, 0.75, 0.75]]))]
    loss = set_loss([(logits, boxes)], objects, no_object=no_object)
    wrong, right = torch.tensor(6.0).log(), torch.tensor(1.5).log()
    assert_close(loss.classes, (wrong + no_object * right) / (1 + no_object))
    assert_close(loss.distance, torch.tensor(0.0))
    assert_close(loss.overlap, torch.tensor(0.0))


# --- classes that are asked one by one -------------------------------------------------------


def focal(logits, wanted):
    """As torchvision's `sigmoid_focal_loss` computes it, without its sum."""
    p = logits.sigmoid()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    right = p * wanted + (1 - p) * (1 - wanted)
    return (0.25 * wanted + 0.75 * (1 - wanted)) * (1 - right) ** 2 * cross_entropy


def asked_one_by_one(logits, boxes, objects):
    """The loss of one layer, picture by picture, with the costs and weights of Deformable DETR."""
    classes = distance = overlap = 0.0
    for n, (labels, true) in enumerate(objects):
        p = logits[n].detach().sigmoid()
        no, yes = 0.75 * p**2 * -(1 - p).log(), 0.25 * (1 - p) ** 2 * -p.log()
        apart = torch.cdist(boxes[n], to_centres(true), p=1)
        giou = generalized_iou(to_corners(boxes[n]), true)
        cost = 2 * (yes - no)[:, labels] + 5 * apart.detach() - 2 * giou.detach()
        assert_close(match_cost(logits[n], boxes[n], (labels, true), no_object=False), cost)
        rows, columns = match(cost)
        wanted = torch.zeros_like(logits[n])
        wanted[rows, labels[columns]] = 1.0
        classes = classes + focal(logits[n], wanted).sum()
        distance = distance + apart[rows, columns].sum()
        overlap = overlap + (1 - giou[rows, columns]).sum()
    number = max(sum(len(labels) for labels, _ in objects), 1)
    return (2 * classes + 5 * distance + 2 * overlap) / number


@pytest.mark.parametrize("counts", [(1, 2), (4, 0, 5), (0, 0)])
def test_without_no_object_it_is_the_focal_loss_of_every_class(counts):
    guesses, objects = some_guesses(len(counts), layers=2, classes=2), some_objects(*counts)
    loss = set_loss(guesses, objects, no_object=None).total
    expected = sum(asked_one_by_one(*layer, objects) for layer in guesses)
    assert_close(loss, expected, rtol=0, atol=1e-10)
    assert loss > 0.1
    leaves = [x for layer in guesses for x in layer]
    ours = torch.autograd.grad(loss, leaves, allow_unused=True)
    theirs = torch.autograd.grad(expected, leaves, allow_unused=True)
    for one, other in zip(ours, theirs, strict=True):
        if one is not None and other is not None:
            assert_close(one, other, rtol=0, atol=1e-10)
        assert (other is None) <= (one is None or one.abs().max() == 0)


def test_without_no_object_a_guess_left_over_learns_no_to_every_class():
    (logits, boxes), objects = some_guesses(1, classes=2)[0], some_objects(2)
    cost = match_cost(logits[0], boxes[0], objects[0], no_object=False)
    rows, columns = match(cost)
    loss = set_loss([(logits, boxes)], objects, no_object=None)
    grad = torch.autograd.grad(loss.total, logits)[0][0]
    others = torch.tensor([n for n in range(5) if n not in rows])
    assert (grad[others] > 0).all()
    assert (grad[rows, objects[0][0][columns]] < 0).all()


def test_without_no_object_neither_order_matters():
    (logits, boxes), objects = some_guesses(2, classes=2)[0], some_objects(4, 3)
    before = set_loss([(logits, boxes)], objects, no_object=None)
    turned = [(labels.flip(0), there.flip(0)) for labels, there in objects]
    assert_close(set_loss([(logits, boxes)], turned, no_object=None), before, **EXACT)
    order = torch.tensor([3, 1, 4, 0, 2])
    moved = [(logits[:, order], boxes[:, order])]
    assert_close(set_loss(moved, objects, no_object=None), before, **EXACT)


GUESS = (torch.zeros(1, 2, 4), torch.full((1, 2, 4), 0.5))
OBJECT = (torch.tensor([2]), torch.tensor([[0.0, 0.0, 1.0, 1.0]]))


@pytest.mark.parametrize(
    ("guesses", "objects", "message"),
    [
        ([], [OBJECT], "guesses must be a list of at least one entry"),
        ([GUESS], [], "objects must be a list of at least one entry"),
        ([GUESS[0]], [OBJECT], r"guesses\[0\] must be logits and boxes"),
        ([GUESS], [OBJECT, OBJECT], "objects must be of 1 pictures, as guesses are, got 2"),
        ([GUESS], [(OBJECT[0] + 1, OBJECT[1])], r"labels must be in 0 … .* = 2, got 3"),
        ([GUESS], [(OBJECT[0] - 3, OBJECT[1])], "labels must not be negative, got -1"),
        ([GUESS], [(OBJECT[0], OBJECT[1].flip(1))], r"boxes must be \(left, top, right"),
        ([GUESS], [(OBJECT[0].repeat(3), OBJECT[1].repeat(3, 1))], "as many as queries, 2, got 3"),
        ([(GUESS[0], GUESS[1][:, :1])], [OBJECT], "logits and boxes must be .* got .* and"),
        ([(GUESS[0][0], GUESS[1][0])], [OBJECT], r"guesses\[0\] must be of a batch, got \(2, 4\)"),
        ([(GUESS[0].long(), GUESS[1])], [OBJECT], "logits must be of floating point"),
        ([(GUESS[0][0], GUESS[1])], [OBJECT], "logits and boxes must be .* got .* and"),
    ],
)
def test_what_cannot_be_compared_is_refused(guesses, objects, message):
    with pytest.raises(ValueError, match=message):
        set_loss(guesses, objects)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: match(torch.ones(3)), "cost must be of floating point, with 2 axes"),
        (lambda: match(torch.ones(2, 2) / 0), "cost must be finite, got NaN or infinity"),
        (lambda: set_loss([GUESS], [OBJECT], no_object=0.0), "no_object must be positive"),
        (lambda: match_cost(GUESS[0][0], GUESS[1][0], OBJECT[0]), "objects must be labels and"),
        (
            lambda: match_cost(GUESS[0][0], GUESS[1][0], OBJECT, no_object=None),
            "no_object must be True or False, got None",
        ),
        (
            lambda: set_loss([GUESS], [(OBJECT[0] + 2, OBJECT[1])], no_object=None),
            r"labels must be in 0 … .* = 3, got 4",
        ),
    ],
)
def test_other_costs_and_weights_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
