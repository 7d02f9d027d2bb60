"""Average precision: COCO's own numbers, and a staircase by hand."""

import contextlib
import io

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.measure.average_precision import (
    MAX_DETECTIONS,
    RECALLS,
    THRESHOLDS,
    average_precision,
)
from transformer_lib.measure.boxes import iou

SQUARE = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
AWAY = torch.tensor([[5.0, 5.0, 6.0, 6.0]])
FIRST = torch.tensor([0])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def some_pictures(count, *, classes=3, most=4):
    """Objects, and near every object a good detection, a bad one, and some of another class."""
    detections, objects = [], []
    for n in range(count):
        m = int(torch.randint(most + 1, ())) if n else most  # some pictures are empty
        boxes = torch.rand(m, 2, dtype=torch.float64) * 0.6
        boxes = torch.cat([boxes, boxes + 0.2 + 0.2 * torch.rand(m, 2, dtype=torch.float64)], dim=1)
        labels = torch.randint(classes, (m,))
        near = [boxes + spread * torch.randn(m, 4).double() for spread in (0.03, 0.08)]
        found = torch.cat([*near, torch.rand(1, 4, dtype=torch.float64)])
        first, last = found[:, :2], found[:, 2:]
        found = torch.cat([torch.minimum(first, last), torch.maximum(first, last) + 0.01], dim=1)
        said = torch.cat([labels, torch.randint(classes, (m + 1,))])
        scores = (torch.rand(2 * m + 1, dtype=torch.float64) * 20).round() / 20  # some are equal
        detections.append((scores, said, found))
        objects.append((labels, boxes))
    return detections, objects


def coco(detections, objects, classes):
    """`pycocotools`' table (thresholds, classes), its AP, AP50 and AP75."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def described(n, label, box):
        size = (box[2:] - box[:2]).tolist()
        return {"image_id": n, "category_id": int(label) + 1, "bbox": [*box[:2].tolist(), *size]}

    truth, found = [], []
    for n, ((scores, said, boxes), (labels, true_boxes)) in enumerate(
        zip(detections, objects, strict=True)
    ):
        for label, box in zip(labels, 1000 * true_boxes, strict=True):
            size = float((box[2:] - box[:2]).prod())
            extra = {"id": len(truth) + 1, "area": size, "iscrowd": 0}
            truth.append(described(n, label, box) | extra)
        for score, label, box in zip(scores, said, 1000 * boxes, strict=True):
            found.append(described(n, label, box) | {"score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        there = COCO()
        there.dataset = {
            "images": [{"id": n} for n in range(len(objects))],
            "annotations": truth,
            "categories": [{"id": k + 1, "name": str(k)} for k in range(classes)],
        }
        there.createIndex()
        evaluation = COCOeval(there, there.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"][:, :, :, 0, 2]  # all sizes, 100 detections
    table = torch.from_numpy(precision.mean(axis=1))
    return table.masked_fill(table < 0, torch.nan), evaluation.stats[:3].tolist()


def loop_average_precision(detections, objects, label, threshold):
    """One class at one threshold, step by step: the definition."""
    sure = [
        (-float(score), n, k)
        for n, (scores, said, _) in enumerate(detections)
        for k, score in enumerate(scores)
        if said[k] == label
    ]
    total = sum(int((labels == label).sum()) for labels, _ in objects)
    hit, hits, curve = set(), 0, []
    for rank, (_, n, k) in enumerate(sorted(sure), start=1):
        labels, boxes = objects[n]
        free = [j for j in range(len(labels)) if labels[j] == label and (n, j) not in hit]
        overlap = {j: float(iou(detections[n][2][k : k + 1], boxes[j : j + 1])) for j in free}
        best = max(overlap, key=overlap.get, default=None)
        if best is not None and overlap[best] >= threshold:
            hit.add((n, best))
            hits += 1
        curve.append((hits / total, hits / rank))
    best_at = [max((p for r, p in curve if r >= recall), default=0.0) for recall in RECALLS]
    return sum(best_at) / len(best_at)


def test_it_is_what_coco_counts():
    pytest.importorskip("pycocotools")
    detections, objects = some_pictures(60)
    ours = average_precision(detections, objects, 4)  # there is no object of the last class
    table, stats = coco(detections, objects, 4)
    assert table[:, 3].isnan().all()
    assert_close(ours.table, table, rtol=0, atol=1e-9, equal_nan=True)
    assert_close([ours.ap, ours.ap50, ours.ap75], stats, rtol=0, atol=1e-9)
    assert 0.1 < ours.ap < ours.ap50 < 0.9


def test_only_the_surest_hundred_count_as_coco_counts_them():
    pytest.importorskip("pycocotools")
    scores = torch.linspace(1.0, 0.5, MAX_DETECTIONS + 1)
    boxes = torch.cat([AWAY.repeat(MAX_DETECTIONS, 1), SQUARE])
    for count, expected in ((MAX_DETECTIONS + 1, 0.0), (MAX_DETECTIONS, 1 / MAX_DETECTIONS)):
        kept = scores[-count:], torch.zeros(count).long(), boxes[-count:]
        assert average_precision([kept], [(FIRST, SQUARE)], 1).ap == pytest.approx(expected)
        assert coco([kept], [(FIRST, SQUARE)], 1)[1][0] == pytest.approx(expected)


def test_it_is_what_a_loop_over_the_definition_finds():
    detections, objects = some_pictures(12, classes=2)
    table = average_precision(detections, objects, 2).table
    expected = [
        [loop_average_precision(detections, objects, label, threshold) for label in range(2)]
        for threshold in THRESHOLDS
    ]
    assert_close(table, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


def test_by_hand():
    scores = torch.tensor([0.9, 0.8, 0.7])
    boxes = torch.cat([SQUARE, AWAY, SQUARE + 2])
    objects = [(torch.tensor([0, 0]), torch.cat([SQUARE, SQUARE + 2]))]
    found = average_precision([(scores, torch.zeros(3).long(), boxes)], objects, 1)
    # Precision 1 up to recall 0.50 (51 of the 101 recalls), 2/3 from there on.
    assert found.ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert str(found) == f"AP {found.ap:.3f}, AP50 {found.ap50:.3f}, AP75 {found.ap75:.3f}"


def test_a_second_hit_on_one_object_is_a_false_positive():
    objects = [(torch.tensor([0, 0]), torch.cat([SQUARE, SQUARE + 2]))]
    twice = (
        torch.tensor([0.9, 0.8, 0.7]),
        torch.zeros(3).long(),
        torch.cat([SQUARE] * 2 + [SQUARE + 2]),
    )
    assert average_precision([twice], objects, 1).ap == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_the_surest_detection_takes_the_object_and_not_the_best():
    close, exact = SQUARE + torch.tensor([0.0, 0.0, 0.3, 0.0]), SQUARE  # IoU 0.77 and 1
    found = torch.tensor([0.9, 0.8]), torch.zeros(2).long(), torch.cat([close, exact])
    result = average_precision([found], [(FIRST, SQUARE)], 1).table[:, 0]
    assert_close(result, torch.tensor([1.0] * 6 + [0.5] * 4, dtype=torch.float64))


def test_perfect_is_one_and_the_order_of_pictures_does_not_matter():
    detections, objects = some_pictures(10)
    perfect = [(torch.rand(len(labels)), labels, boxes) for labels, boxes in objects]
    assert average_precision(perfect, objects, 3).ap == 1.0
    distinct = [(torch.rand(len(s)), labels, boxes) for s, labels, boxes in detections]
    there, back = (average_precision(distinct[::k], objects[::k], 3).table for k in (1, -1))
    assert_close(there, back)


def test_nothing_found_is_zero_and_nothing_there_is_no_number():
    none = torch.empty(0), torch.empty(0).long(), torch.empty(0, 4)
    assert average_precision([none], [(FIRST, SQUARE)], 1).ap == 0.0
    empty = average_precision([(torch.ones(1), FIRST, SQUARE)], [none[1:]], 1)
    assert empty.table.isnan().all()


GOOD = (torch.ones(1), FIRST, SQUARE)


@pytest.mark.parametrize(
    ("detections", "objects", "message"),
    [
        ([GOOD], [], "detections must be as many as objects, .* got 1 and 0"),
        ([], [], "of at least one picture, got 0 and 0"),
        (None, [GOOD[1:]], "detections must be a list with an entry a picture, got None"),
        ([GOOD[1:]], [GOOD[1:]], r"detections\[0\] must be scores, labels and boxes"),
        ([GOOD], [GOOD], r"objects\[0\] must be labels and boxes"),
        ([GOOD], [(FIRST + 2, SQUARE)], r"objects\[0\] labels must be in 0 … .* = 1, got 2"),
        ([GOOD], [(FIRST - 1, SQUARE)], r"objects\[0\] labels must not be negative, got -1"),
        ([GOOD], [(FIRST, SQUARE.flip(1))], r"objects\[0\] boxes must be \(left, top, right"),
        ([(*GOOD[:2], SQUARE.flip(1))], [GOOD[1:]], r"detections\[0\] boxes must be \(left, top"),
        ([GOOD], [(FIRST, SQUARE.repeat(2, 1))], r"objects\[0\] boxes must be \(1, 4\), got \(2"),
        ([(torch.ones(2), *GOOD[1:])], [GOOD[1:]], "scores must be 1 finite numbers"),
        ([(torch.ones(1) / 0, *GOOD[1:])], [GOOD[1:]], "scores must be 1 finite numbers"),
        ([(FIRST, *GOOD[1:])], [GOOD[1:]], r"detections\[0\] scores must be of floating point"),
    ],
)
def test_what_cannot_be_compared_is_refused(detections, objects, message):
    with pytest.raises(ValueError, match=message):
        average_precision(detections, objects, 2)


def test_no_classes_are_refused():
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        average_precision([GOOD], [GOOD[1:]], 0)
