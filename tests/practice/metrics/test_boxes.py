import functools

import numpy as np
import pytest
import torch

from cartograd.core.boxes import CLASS, CORNERS, CROWD
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import box_precision, matched_boxes
from cartograd.practice.metrics.average_recall import average_recall
from cartograd.practice.metrics.box_iou import box_iou
from cartograd.practice.metrics.coco_map import coco_map
from cartograd.practice.metrics.interval import doubted
from tests.practice.metrics.boxes import cocos, drawn
from tests.reference import Reference

coco = Reference("pycocotools.mask")
SIZES = ("all", "small", "medium", "large")


def mean(values):
    """The mean of what there is, as pycocotools sums up."""
    return values[values > -1].mean()


@pytest.mark.oracle("coco-map")
@pytest.mark.oracle("average-recall")
@pytest.mark.parametrize(
    "made",
    [
        {},
        {"seed": 1, "coarse": 32, "classes": 1},
        {"seed": 2, "pictures": 3, "found": 260, "classes": 1, "coarse": 32},
        {"seed": 3, "pictures": 40, "most": 2, "found": 4, "classes": 5},
    ],
    ids=["coarse", "fine", "more-than-count", "many-empty"],
)
def test_precision_and_recall_are_those_of_pycocotools(made):
    found, targets = drawn(**made)
    precision, recall = cocos(found, targets)
    close = functools.partial(pytest.approx, abs=1e-6)
    for number, area in enumerate(SIZES):
        theirs = precision[:, :, :, number, 2]
        assert coco_map(found, targets, area=area) == close(mean(theirs))
        assert coco_map(found, targets, area=area, iou=0.5) == close(mean(theirs[0]))
        assert coco_map(found, targets, area=area, iou=0.75) == close(mean(theirs[5]))
        assert average_recall(found, targets, area=area) == close(mean(recall[:, :, number, 2]))
    for number, most in enumerate((1, 10)):
        assert average_recall(found, targets, detections=most) == close(
            mean(recall[:, :, 0, number])
        )
    count = matched_boxes.counted(found, targets)
    each = box_precision.precision(count)[0].numpy()
    theirs = precision[:, :, :, 0, 2].mean((0, 1))
    np.testing.assert_allclose(np.nan_to_num(each, nan=-1), theirs, atol=1e-6)


@pytest.mark.law("coco-map")
def test_parts_put_together_are_the_whole():
    found, targets = drawn(pictures=15)
    whole = matched_boxes.counted(found, targets)
    count = matched_boxes.start()
    for rows in (slice(0, 4), slice(4, 9)):
        count = matched_boxes.update(count, found[rows], targets[rows])
    other = matched_boxes.counted(found[9:], targets[9:])
    count = matched_boxes.merged([count, other])
    assert count.pictures == whole.pictures == 15
    for area in SIZES:
        one, two = (box_precision.precision(c, area=area) for c in (count, whole))
        assert torch.equal(one.nan_to_num(-1), two.nan_to_num(-1))
        one, two = (box_precision.recall(c, area=area) for c in (count, whole))
        assert torch.equal(one.nan_to_num(-1), two.nan_to_num(-1))


@pytest.mark.oracle("box-iou")
def test_overlaps_are_those_of_pycocotools():
    found, targets = drawn(seed=4)
    best = []
    for own, rows in zip(found.double(), targets.double(), strict=True):
        for row in rows[(rows[:, CLASS] >= 0) & (rows[:, CROWD] == 0)]:
            same = own[own[:, 5] == row[CLASS], :4]
            sides = [torch.cat([b[:, :2], b[:, 2:] - b[:, :2]], 1).numpy()
                     for b in (same, row[None, CORNERS])]  # fmt: skip
            best.append(coco.iou(*sides, [0]).max() if len(same) else 0.0)
    assert box_iou(found, targets) == pytest.approx(np.mean(best), abs=1e-6)


def test_the_interval_is_of_pictures_drawn_again():
    found, targets = drawn(pictures=40, seed=5)
    for name in ("coco-map", "coco-map:iou=0.5", "average-recall:detections=1", "box-iou"):
        measure = build(name, kind="metric")
        (low, high), why = doubted(measure, found, targets)
        assert 0 < low < measure(found, targets) < high < 1
        assert not why
    assert "least" in doubted("coco-map", found[:20], targets[:20])[1]


def test_what_cannot_be_measured_is_told():
    found, targets = drawn()
    with pytest.raises(UsageError, match=r"iou=0.3: expected one of 0.5, 0.55, ..., 0.95"):
        coco_map(found, targets, iou=0.3)
    with pytest.raises(UsageError, match="expected boxes found"):
        coco_map(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))
    none = targets.clone()
    none[..., CLASS] = -1
    with pytest.raises(UsageError, match="no box of this size is there to be found"):
        coco_map(found, none)
    with pytest.raises(UsageError, match="no box is there to be found"):
        box_iou(found, none)
