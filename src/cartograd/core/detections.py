"""Detections: what a detector's numbers say, one box for each thing.

A detector answers with q boxes: corners as shares of the picture, and a logit for each class. Some
have one number more before those of the classes: the logit of how near the middle of a thing the
box was seen from. The score of a class is then the geometric mean of both probabilities.

Many boxes are of the same thing. Of those of one class that overlap by more than a share (IoU) the
best is kept (non-maximum suppression), greedily from the highest score on; of equal scores the one
that comes first. All pictures of a batch are treated at once: a box stays where no better one that
stays overlaps it, and repeating that until nothing changes gives what the greedy search does.

    score_k = sqrt(sigmoid(middle) sigmoid(z_k))

>>> corners = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.4], [0.5, 0.5, 1.0, 1.0]])
>>> outputs = torch.cat([corners, torch.tensor([[2.0, -9.0], [1.0, -9.0], [-9.0, 3.0]])], 1)[None]
>>> found = detections(outputs, 2)
>>> found[0, :, 5].tolist()
[1.0, 0.0, -1.0, -1.0, -1.0, -1.0]
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.boxes import iou
from cartograd.core.errors import UsageError

MOST = 100
"""Boxes of a picture, as COCO counts them."""

CANDIDATES = 400
"""Boxes of a picture of which the best of each thing are looked for."""

APART = 0.6
"""Of two boxes of a class that overlap by more one is dropped."""

LEAST = 0.05
"""The score from which on a box is one."""


def scores(outputs: Float[Tensor, "b q n"], classes: int, /) -> Float[Tensor, "b q k"]:
    """The score of each class at each position.

    Raises:
        UsageError: there are not four numbers, or five, beside those of the classes.
    """
    beside = outputs.shape[-1] - classes
    if beside not in (4, 5):
        raise UsageError(
            f"a detector answers with {outputs.shape[-1]} numbers for each box and knows {classes} "
            f"classes; expected {4 + classes} (corners and classes) or {5 + classes} (corners, "
            "how near the middle, and classes)"
        )
    likely = outputs[..., beside:].sigmoid()
    return likely if beside == 4 else (likely * outputs[..., 4:5].sigmoid()).sqrt()


def log_scores(outputs: Float[Tensor, "b q n"], classes: int, /) -> Float[Tensor, "b q k"]:
    """The logarithms of the scores, which keep a slope where these are near 0 or 1."""
    scores(outputs[:, :0], classes)
    beside = outputs.shape[-1] - classes
    likely = F.logsigmoid(outputs[..., beside:])
    return likely if beside == 4 else (likely + F.logsigmoid(outputs[..., 4:5])) / 2


def detections(
    outputs: Float[Tensor, "b q n"], classes: int, /, *, apart: float = APART, most: int = MOST
) -> Float[Tensor, "b d 6"]:
    """The best boxes of each picture, the surest first: corners, score, class.

    Rows of score 0 and class -1 fill up.

    Args:
        outputs: of a detector.
        classes: how many it knows.
        apart: IoU above which the better of two boxes of a class is kept.
        most: boxes of each picture.
    """
    flat = scores(outputs, classes).flatten(1)
    count = min(CANDIDATES, flat.shape[1])
    best, index = flat.sort(descending=True, stable=True)
    best, index = best[:, :count], index[:, :count]
    position = (index // classes)[..., None].expand(-1, -1, 4)
    corners = outputs[..., :4].gather(1, position).clamp(0, 1)
    kinds = index % classes
    found = suppressed(corners, kinds, best >= LEAST, apart=apart)
    # Those that stay go first, in their order.
    order = (~found).to(torch.uint8).sort(dim=1, stable=True).indices[:, :most]
    rows = torch.cat([corners, best[..., None], kinds[..., None].to(best.dtype)], 2)
    rows = rows.masked_fill(~found[..., None], 0.0)
    rows[..., 5] = rows[..., 5].masked_fill(~found, -1.0)
    return rows.gather(1, order[..., None].expand(-1, -1, 6))


def suppressed(
    corners: Float[Tensor, "b n 4"],
    kinds: Tensor,
    there: Bool[Tensor, "b n"],
    /,
    *,
    apart: float = APART,
) -> Bool[Tensor, "b n"]:
    """Which boxes, sorted by falling score, are kept: no better one of their class is too near."""
    near = iou(corners[:, :, None], corners[:, None]) > apart
    near &= kinds[:, :, None] == kinds[:, None]
    near &= torch.ones_like(near[0]).triu(1)
    kept = there
    while True:
        now = there & ~(near & kept[:, :, None]).any(1)
        if torch.equal(now, kept):
            return kept
        kept = now
