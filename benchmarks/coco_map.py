"""COCO's mean average precision of 5,000 pictures, against torchmetrics as it comes.

Boxes and classes are drawn: as many of each as COCO's validation set has, a third of what is found
near one that is there. Timed is from boxes in memory to the twelve figures of COCO's table;
torchmetrics' default has pycocotools count, at recalls that are rounded to single precision: where
a class reaches one of them exactly it takes the precision at the next. So recalls agree to 1e-7 and
precisions to four digits; pycocotools by itself agrees to the last (the tests compare).
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.case import Case, Timer, files
from benchmarks.peers import declare_torchvision

PICTURES, CLASSES, SIDE = 5000, 80, 512
RIGHT, FOUND = 14, 60
"""Most boxes of a picture: on average half as many."""

BATCH = 500


def prepare(folder: Path, /) -> None:
    """Draw the boxes, always the same ones."""
    from cartograd.core.boxes import right_answers

    draw = torch.Generator().manual_seed(0)
    pictures, found = [], torch.zeros(PICTURES, FOUND, 6)
    found[:, :, 5] = -1
    for i in range(PICTURES):
        count = int(torch.randint(RIGHT + 1, (), generator=draw))
        corners = _drawn(count, draw)
        kinds = torch.randint(CLASSES, (count,), generator=draw)
        pictures.append(
            [(int(kind), *box) for kind, box in zip(kinds, corners.tolist(), strict=True)]
        )
        many = int(torch.randint(FOUND + 1, (), generator=draw))
        boxes, said = _drawn(many, draw), torch.randint(CLASSES, (many,), generator=draw)
        if count:
            near = torch.rand(many, generator=draw) < 1 / 3
            chosen = torch.randint(count, (many,), generator=draw)
            moved = corners[chosen] + (torch.randn(many, 4, generator=draw) * 24).round() / 4
            boxes, said = moved.where(near[:, None], boxes), kinds[chosen].where(near, said)
        boxes = torch.cat([boxes[:, :2], torch.maximum(boxes[:, 2:], boxes[:, :2] + 1)], 1)
        found[i, :many, :4], found[i, :many, 5] = boxes.clamp(0, SIDE) / SIDE, said.float()
    found[:, :, 4] = torch.rand(PICTURES, FOUND, generator=draw)
    rows = right_answers(pictures, [(SIDE, SIDE)] * PICTURES)
    torch.save((found, rows), folder / "boxes.pt")


def _drawn(count: int, draw: torch.Generator) -> Tensor:
    low = torch.rand(count, 2, generator=draw) * (SIDE - 64)
    size = 8 + torch.rand(count, 2, generator=draw).square() * (SIDE - 8)
    # Quarters of pixels: exact in single precision, in which torchmetrics keeps them.
    return (torch.cat([low, (low + size).clamp(max=SIDE)], 1) * 4).round() / 4


def _boxes() -> tuple[Tensor, Tensor]:
    return torch.load(files() / "boxes.pt")


def ours(clock: Timer) -> list[float]:
    """Counted in batches, and finished by the twelve figures."""
    from cartograd.practice.metrics import box_precision, matched_boxes

    found, right = _boxes()
    with clock(PICTURES):
        count = matched_boxes.start()
        for rows in torch.arange(PICTURES).split(BATCH):
            count = matched_boxes.update(count, found[rows], right[rows])
        of = box_precision.of_classes
        limits, areas = (None, 0.5, 0.75), ("small", "medium", "large")
        each = [
            *(box_precision.precision(count, iou=limit) for limit in limits),
            *(box_precision.precision(count, area=area) for area in areas),
            *(box_precision.recall(count, most=most) for most in (1, 10, 100)),
            *(box_precision.recall(count, area=area) for area in areas),
        ]
        return [of(one).item() for one in each]


def theirs(clock: Timer) -> list[float]:
    """torchmetrics' own, with its defaults."""
    declare_torchvision()
    from torchmetrics.detection import MeanAveragePrecision

    found, right = _boxes()
    said = [
        {"boxes": rows[:, :4] * SIDE, "scores": rows[:, 4], "labels": rows[:, 5].long()}
        for rows in (one[one[:, 5] >= 0] for one in found)
    ]
    there = [
        {"boxes": rows[:, 1:5] * SIDE, "labels": rows[:, 0].long(), "area": rows[:, 6]}
        for rows in (one[one[:, 0] >= 0] for one in right)
    ]
    with clock(PICTURES):
        metric = MeanAveragePrecision()
        for start in range(0, PICTURES, BATCH):
            metric.update(said[start : start + BATCH], there[start : start + BATCH])
        values = metric.compute()
        names = ("map", "map_50", "map_75", "map_small", "map_medium", "map_large", "mar_1",
                 "mar_10", "mar_100", "mar_small", "mar_medium", "mar_large")  # fmt: skip
        return [float(values[name]) for name in names]


_SIDES: dict[str, Callable[[Timer], list[float]]] = {"cartograd": ours, "torchmetrics": theirs}

CASES = (
    Case(
        name="COCO mAP",
        what=f"{PICTURES:,} pictures, {CLASSES} classes, about {RIGHT // 2} boxes there and "
        f"{FOUND // 2} found in each; the twelve figures of COCO's table.",
        unit="picture",
        sides={**_SIDES},
        asked={"torchmetrics": 5.0},
        tolerance=3e-4,
        torchvision=True,
        prepare=prepare,
    ),
)
