"""Small pictures with boxes: as files, as what a detector finds, and as what it is taught."""

import json

import numpy as np
import torch
from PIL import Image

from cartograd.architectures.cnn.fcos import FCOS
from cartograd.core.boxes import right_answers


def boxed(folder, *, pictures=30):
    """Noisy pictures of several sizes, with boxes: each picture's name, size, classes, corners."""
    draw = np.random.default_rng(0)
    found = []
    for i in range(pictures):
        width, height = 20 + i % 3 * 4, 16
        path = folder / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        boxes = [(j % 2, 2 + j, 3, 2 + j + 4 + i % 5, 3 + 8) for j in range(i % 4)]
        found.append((path.name, (width, height), boxes))
    return found


def coco_document(found):
    """The same as COCO writes it, the classes numbered 3 and 7."""
    boxes = [(i, *box) for i, (_, _, own) in enumerate(found) for box in own]
    return {
        "images": [
            {"id": i + 1, "file_name": name, "width": size[0], "height": size[1]}
            for i, (name, size, _) in enumerate(found)
        ],
        "categories": [
            {"id": number, "name": name} for number, name in ((1, "all"), (3, "cat"), (7, "dog"))
        ],
        "annotations": [
            {
                "id": number + 1, "image_id": i + 1, "category_id": (3, 7)[kind],
                "bbox": [left, top, right - left, bottom - top], "area": 7 + number,
                "iscrowd": int(number % 9 == 4),
            }
            for number, (i, kind, left, top, right, bottom) in enumerate(boxes)
        ],
    }  # fmt: skip


def coco_files(folder):
    """COCO's layout, with a file for the train part alone."""
    found = boxed(folder / "images" / "train2017")
    (folder / "annotations").mkdir(exist_ok=True)
    text = json.dumps(coco_document(found))
    (folder / "annotations" / "instances_train2017.json").write_text(text)
    return (folder,), {}


def yolo_files(folder):
    """The same pictures and boxes as YOLO has them."""
    found = boxed(folder / "images" / "train")
    (folder / "labels" / "train").mkdir(parents=True, exist_ok=True)
    for name, (width, height), boxes in found:
        lines = [
            f"{kind} {(left + right) / 2 / width} {(top + bottom) / 2 / height} "
            f"{(right - left) / width} {(bottom - top) / height}"
            for kind, left, top, right, bottom in boxes
        ]
        if lines:
            (folder / "labels" / "train" / name.replace("png", "txt")).write_text("\n".join(lines))
    (folder / "data.yaml").write_text("path: .\ntrain: images/train\nnames:\n  0: cat\n  1: dog\n")
    return (folder,), {}


def cut_out(folder):
    """Coloured shapes with clear corners, ten of each class, and grey photographs."""
    from cartograd.data.sources.cut_outs import BACKGROUNDS, CLASSES

    draw = np.random.default_rng(0)
    for number, name in enumerate((*CLASSES, BACKGROUNDS)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(10):
            values = draw.integers(0, 256, (20, 12 + i, 4), dtype=np.uint8)
            values[:, :, 3] = 255
            if name != BACKGROUNDS:
                values[:, :, number % 3], values[:5, :5, 3], values[-3:, :, 3] = 250, 0, 0
            Image.fromarray(values).save(folder / name / f"{name}{i}.png")
    return (folder,), {}


def boxes_found():
    """The boxes that are there, others, and the right answers of pictures of two boxes."""
    targets = right_answers([[(i % 2, 8, 8, 40, 40), (1, 48, 8 + i, 60, 60)] for i in range(12)],
                            [(64, 64)] * 12)  # fmt: skip
    kinds, corners = targets[..., :1].double(), targets[..., 1:5].double()
    right = torch.cat([corners, torch.full_like(kinds, 0.9), kinds], 2)
    wrong = torch.cat([corners * 0.4, torch.full_like(kinds, 0.9), kinds], 2)
    return right, wrong, (targets.double(),)


def detector():
    """A small detector of pictures of 16 pixels, without norms that see the whole batch."""
    return FCOS(encoder="resnet:depth=8,width=4,norm=none", width=8, channels=1, size=16, classes=2)


def pictures_with_boxes(n):
    """Pictures, and up to two boxes in each."""
    x = torch.rand(n, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    boxes = [[(i % 2, 1, 2, 9, 8 + i % 4), (1, 6, 6, 15, 15)][: i % 3] for i in range(n)]
    return x, right_answers(boxes, [(16, 16)] * n)
