"""Dice and IoU of masks against scikit-learn and torchmetrics; what is empty, void, in parts."""

import math

import pytest
import torch
from torch.nn import functional as F

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import dice as dice_file
from cartograd.practice.metrics import mask_iou as iou_file
from cartograd.practice.metrics import positions
from cartograd.practice.metrics.dice import dice
from cartograd.practice.metrics.interval import interval
from cartograd.practice.metrics.mask_iou import mask_iou
from tests.reference import Reference

sk = Reference("sklearn.metrics")
tm = Reference("torchmetrics.functional.classification")

FILES = {
    "dice": (dice_file, sk.f1_score, tm.multiclass_f1_score),
    "mask-iou": (iou_file, sk.jaccard_score, tm.multiclass_jaccard_index),
}


def pictures(n=9, k=4, *, void=True, seed=0):
    """Logits that are right about half of the time, and masks with some void pixels."""
    draw = torch.Generator().manual_seed(seed)
    true = torch.randint(k, (n, 6, 5), generator=draw)
    outputs = torch.randn(n, k, 6, 5, generator=draw, dtype=torch.float64)
    outputs += 2 * F.one_hot(true, k).movedim(-1, 1)
    return outputs, true.where(torch.rand(true.shape, generator=draw) > 0.2 * void, -100)


def said(answers, k):
    """Logits of these answers."""
    return F.one_hot(torch.as_tensor(answers), k).movedim(-1, 1).double()


@pytest.mark.oracle("mask-iou", "dice")
@pytest.mark.parametrize("name", FILES)
def test_masks_are_measured_as_scikit_learn_does(name):
    file, theirs, torchs = FILES[name]
    outputs, targets = pictures()
    known, answers = targets >= 0, outputs.argmax(1)
    right, taken = targets[known], answers[known]
    for average in ("macro", "micro"):
        own = build(name, kind="metric", average=average)(outputs, targets)
        assert own == pytest.approx(theirs(right, taken, average=average), abs=1e-12)
        options = {"num_classes": 4, "average": average, "ignore_index": -100}
        assert own == pytest.approx(torchs(answers, targets, **options).item(), abs=1e-6)
    each = theirs(right, taken, average=None)
    for k, one in enumerate(each):
        found = build(name, kind="metric", average="binary", positive=k)(outputs, targets)
        assert found == pytest.approx(one, abs=1e-12)
    weights = torch.rand(3, len(targets), dtype=torch.float64) + 0.1
    rows = torch.arange(len(targets))[:, None, None].expand_as(targets)[known]
    expected = [theirs(right, taken, average="macro", sample_weight=row[rows]) for row in weights]
    assert file.weighed(outputs, targets, weights).tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.law("mask-iou")
def test_what_is_nowhere_is_left_out_and_nothing_against_nothing_is_right():
    outputs, targets = pictures()
    for k in range(4):
        one = {"average": "binary", "positive": k}
        iou = mask_iou(outputs, targets, **one)
        assert iou == pytest.approx(
            dice(outputs, targets, **one) / (2 - dice(outputs, targets, **one))
        )
    true = torch.zeros(1, 2, 2, dtype=torch.int64)
    clear, wrong = said([[[0, 0], [0, 0]]], 3), said([[[0, 0], [0, 1]]], 3)
    for metric, theirs in ((mask_iou, sk.jaccard_score), (dice, sk.f1_score)):
        assert metric(clear, true) == 1  # classes 1 and 2 are nowhere
        assert metric(clear, true, average="binary") == 1
        empty = theirs([0, 0], [0, 0], average="binary", zero_division=1.0)
        assert metric(clear, true, average="binary") == empty
        assert metric(wrong, true, average="binary") == 0  # said, and not there
        assert metric(wrong, true) < 0.5  # the mean of background and 0


@pytest.mark.law("dice")
def test_parts_of_the_data_give_together_what_the_whole_gives():
    outputs, targets = pictures()
    measures = {
        name: build(name, kind="metric") for name in ("dice", "accuracy", "mask-iou", "nll")
    }
    reduce = positions.reducer(measures, pixels=True)
    rows = torch.cat([reduce(outputs[:2], targets[:2]), reduce(outputs[2:], targets[2:])])
    values, intervals, doubts = positions.figures(measures, rows)
    known = targets >= 0
    flat = outputs.movedim(1, -1)[known], targets[known]
    for name in measures:
        whole = (outputs, targets) if name in FILES else flat
        assert values[name] == pytest.approx(measures[name](*whole), rel=1e-9)
        assert intervals[name][0] < values[name] < intervals[name][1]
    assert "9 examples" in doubts["dice"]


def test_a_setting_of_a_metric_holds_in_parts_too():
    outputs, targets = pictures()
    measures = {"iou": build("mask-iou:average=binary,positive=2", kind="metric")}
    rows = positions.reducer(measures, pixels=True)(outputs, targets)
    own = positions.figures(measures, rows)[0]["iou"]
    assert own == mask_iou(outputs, targets, average="binary", positive=2)


def test_the_interval_is_of_pictures_and_holds_what_it_states():
    """Pixels of one picture are right or wrong together; as trials they would be far too sure."""

    def drawn(n, seed):
        draw = torch.Generator().manual_seed(seed)
        true = (torch.rand(n, 8, 8, generator=draw) < 0.3).long()
        chance = 0.05 + 0.3 * torch.rand(n, 1, 1, generator=draw)
        flipped = torch.rand(n, 8, 8, generator=draw) < chance
        return said(true ^ flipped, 2), true

    truth = dice(*drawn(20_000, 9999))
    ends = [interval("dice", *drawn(40, seed)) for seed in range(200)]
    assert sum(low <= truth <= high for low, high in ends) / 200 >= 0.93 - 2 * 0.018
    right = drawn(40, 0)[1]
    measure = {"dice": build("dice", kind="metric")}
    nearly = said(right, 2)
    nearly[0, :, 0, 0] = nearly[0, :, 0, 0].flip(0)
    rows = positions.reducer(measure, pixels=True)(nearly, right)
    low, high = positions.figures(measure, rows)[1]["dice"]
    assert 0.99 < low < high <= 1


def test_refusals():
    outputs, targets = pictures()
    with pytest.raises(UsageError, match=r"expected logits \(n, k, y, x\) and classes"):
        dice(outputs, targets[:, 1:])
    with pytest.raises(UsageError, match="up to 7; expected the number of a class, 0 to 3"):
        dice(outputs, targets.clone().fill_(7))
    with pytest.raises(UsageError, match="for at least one pixel"):
        mask_iou(outputs, targets.clone().fill_(-100))
    with pytest.raises(UsageError, match="positive=4 is none of 4 classes"):
        mask_iou(outputs, targets, average="binary", positive=4)
    with pytest.raises(UsageError, match="macro, micro, binary"):
        build("dice:average=mean", kind="metric")(outputs, targets)
    with pytest.raises(UsageError, match="not a number"):
        dice(outputs * math.nan, targets)
