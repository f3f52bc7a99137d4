"""Box IoU: how well the boxes that are there are covered by those found.

Of each box that is there, the largest overlap with one found in its class, 0 where there is none;
averaged over all boxes. Scores do not count, and neither do wrong boxes: it says how well things
are framed that are found.

    IoU(a, b) = |a and b| / |a or b|,    mean_g max_{d of g's class} IoU(g, d)

Shapes: found `n d 6`: corners as shares of the picture, score, class (-1 fills up); right answers
`n q 9` (`core.boxes`).

Departures: crowds are left out.

References:
    Mark Everingham et al. The Pascal visual object classes challenge: a retrospective. IJCV 111,
    2015. https://doi.org/10.1007/s11263-014-0733-5

>>> right = torch.tensor([[[0, 0.1, 0.1, 0.5, 0.5, 0, 1600, 100, 100]]])
>>> round(box_iou(torch.tensor([[[0.1, 0.1, 0.5, 0.4, 0.9, 0]]]), right), 4)
0.75
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.boxes import CLASS, CORNERS, CROWD, iou
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import given
from cartograd.practice.metrics.matched_boxes import checked

CARD = Card(
    name="box-iou",
    kind="metric",
    entry="box_iou",
    nodes=("metric/iou",),
    title="Intersection over union of boxes",
    short="Box IoU",
    zh="边框交并比",
    better="higher",
    unit="%",
    paper="The Pascal visual object classes challenge: a retrospective",
    year=2015,
    url="https://doi.org/10.1007/s11263-014-0733-5",
    proofs=("oracle: pycocotools.mask.iou of each pair, the largest of each box's class, to 1e-6",),
    evidence={"metric/iou": ("test_overlaps_are_those_of_pycocotools",)},
)


def box_iou(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean over the boxes that are there of the best overlap.

    Args:
        outputs: boxes found.
        targets: boxes that are there.
    """
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The mean under each weighting of the pictures."""
    found, targets = checked(outputs, targets)
    there = (targets[..., CLASS] >= 0) & (targets[..., CROWD] == 0)
    if not there.any():
        raise UsageError("no box is there to be found; expected one at least")
    share = iou(targets[:, :, None, CORNERS], found[:, None, :, :4])
    same = targets[:, :, None, CLASS] == found[:, None, :, 5].round()
    best = (share * same).amax(2) * there if found.shape[1] else torch.zeros_like(share.sum(2))
    return (weights @ best.sum(1)) / (weights @ there.sum(1).double())
