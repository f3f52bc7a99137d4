"""Pictures with boxes, drawn, and what pycocotools says of them."""

import contextlib
import io

import numpy as np
import torch

from cartograd.core.boxes import AREA, CLASS, CORNERS, CROWD, right_answers

SIDE = 256
"""A power of two, so that shares are exact and overlaps at a threshold stay there."""


def drawn(pictures=12, classes=3, most=6, found=20, seed=0, coarse=8, ties=True):
    """Right answers, and boxes near them, elsewhere and twice, on a coarse grid."""
    draw = np.random.default_rng(seed)

    def box(least=1):
        low = draw.integers(0, coarse - least, 2)
        high = low + draw.integers(least, coarse + 1 - low)
        return (np.concatenate([low, high]) * (SIDE / coarse)).tolist()

    right, crowds, areas, boxes = [], [], [], torch.zeros(pictures, found, 6)
    boxes[:, :, 5] = -1
    for i in range(pictures):
        own = [(int(draw.integers(classes)), *box()) for _ in range(draw.integers(0, most + 1))]
        right.append(own)
        crowds.append([bool(draw.random() < 0.15) for _ in own])
        areas.append([float(draw.choice([20, 900, 1024, 5000, 9216, 20000])) for _ in own])
        for j in range(int(draw.integers(0, found + 1))):
            kind, *corners = own[int(draw.integers(len(own)))] if own else (0, *box())
            near = np.array(corners) + draw.integers(-1, 2, 4) * (SIDE / 64) * (draw.random() < 0.6)
            corners = box(0) if draw.random() < 0.3 else near.clip(0, SIDE).tolist()
            kind = kind if draw.random() < 0.8 else int(draw.integers(classes + 1))
            corners = [*corners[:2], max(corners[0], corners[2]), max(corners[1], corners[3])]
            shares = [corner / SIDE for corner in corners]
            boxes[i, j] = torch.tensor(
                [*shares, draw.integers(1, 12) / 16 if ties else draw.random(), kind]
            )
    return boxes, right_answers(right, [(SIDE, SIDE)] * pictures, crowds=crowds, areas=areas)


def cocos(boxes, targets):
    """Of pycocotools precision (t, recall, k, area, most) and recall (t, k, area, most)."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    right, found = [], []
    kinds = range(int(max(targets[..., CLASS].max(), boxes[..., 5].max())) + 1)
    for i, (rows, own) in enumerate(zip(targets.double(), boxes.double(), strict=True)):
        for row in rows[rows[:, CLASS] >= 0]:
            right.append({
                "id": len(right) + 1, "image_id": i + 1, "category_id": int(row[CLASS]) + 1,
                "bbox": _sides(row[CORNERS]), "area": float(row[AREA]), "iscrowd": int(row[CROWD]),
            })  # fmt: skip
        found += [
            {"image_id": i + 1, "category_id": int(row[5]) + 1, "bbox": _sides(row[:4]),
             "score": float(row[4])}
            for row in own[own[:, 5] >= 0]
        ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": i + 1} for i in range(len(targets))],
            "categories": [{"id": kind + 1} for kind in kinds],
            "annotations": right,
        }
        truth.createIndex()
        measure = COCOeval(truth, truth.loadRes(found), "bbox")
        measure.evaluate()
        measure.accumulate()
    return measure.eval["precision"], measure.eval["recall"]


def _sides(corners):
    left, top, right, bottom = (corners * SIDE).tolist()
    return [left, top, right - left, bottom - top]
