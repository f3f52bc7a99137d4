"""Mask IoU: of the pixels that a mask or an answer has of a class, the share that both have.

Also Jaccard's index. Unlike the share of right pixels it is not won by the background: of a class
that fills one pixel in a hundred, answering nothing but background has an IoU of 0. Counts are
summed over all pictures before they are divided, as Pascal VOC does, so that a picture weighs by
its pixels; its interval is made from pictures (`positions`).

    IoU_k = |said_k and true_k| / |said_k or true_k|,    mIoU = mean_k IoU_k

Shapes: outputs (n, k, ...), targets (n, ...) of classes; below 0 is no label (void).

Departures: none from scikit-learn's `jaccard_score` of all labelled pixels in a row. A class that
neither occurs nor is answered is left out of the mean; of one class alone (`binary`) nothing over
nothing is 1, as with scikit-learn's `zero_division=1`.

References:
    Paul Jaccard. The distribution of the flora in the alpine zone. New Phytologist 11, 1912.
    https://doi.org/10.1111/j.1469-8137.1912.tb05611.x
    Mark Everingham et al. The Pascal visual object classes challenge: a retrospective. IJCV 111,
    2015. https://doi.org/10.1007/s11263-014-0733-5

>>> import torch
>>> said, true = torch.tensor([[[0, 1], [1, 1]]]), torch.tensor([[[0, 0], [1, 1]]])
>>> outputs = torch.nn.functional.one_hot(said, 2).movedim(-1, 1).double()
>>> round(mask_iou(outputs, true), 4), round(mask_iou(outputs, true, average="binary"), 4)
(0.5833, 0.6667)
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given, masks
from cartograd.practice.metrics.masks import Average

CARD = Card(
    name="mask-iou",
    kind="metric",
    entry="mask_iou",
    nodes=("metric/iou",),
    title="Intersection over union of masks",
    short="Mask IoU",
    zh="掩码交并比",
    better="higher",
    unit="%",
    aliases=("miou", "jaccard"),
    paper="The distribution of the flora in the alpine zone",
    year=1912,
    url="https://doi.org/10.1111/j.1469-8137.1912.tb05611.x",
    proofs=(
        "oracle: sklearn.metrics.jaccard_score of all labelled pixels, each average, weighted by "
        "pictures and not, and torchmetrics' multiclass_jaccard_index with ignore_index; to 1e-10",
        "law: IoU = Dice / (2 - Dice), class by class; a class that is nowhere is left out, and "
        "nothing against nothing is 1",
    ),
    evidence={"metric/iou": ("test_masks_are_measured_as_scikit_learn_does",)},
)

SHARE = True
"""From 0 to 1, and so is its interval."""


def mask_iou(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    average: Average = "macro",
    positive: int = 1,
) -> float:
    """The IoU averaged over classes, or of one.

    Args:
        outputs: logits of every pixel.
        targets: the right class of every pixel; below 0 where there is none.
        average: macro, micro, or binary, which is that of one class.
        positive: which class is meant by binary.
    """
    own = weighed(outputs, targets, given.ones(outputs), average=average, positive=positive)
    return own.item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    average: Average = "macro",
    positive: int = 1,
) -> Float[Tensor, " b"]:
    """The IoU under each weighting of the pictures."""
    return whole(weights @ masks.of(outputs, targets), average=average, positive=positive)


def parts(
    outputs: Float[Tensor, "b t k"], targets: Shaped[Tensor, "b t"], /
) -> Float[Tensor, "b n"]:
    """The counts of each picture."""
    return masks.counts(outputs, targets)


def whole(
    sums: Float[Tensor, "... n"], /, *, average: Average = "macro", positive: int = 1
) -> Float[Tensor, "..."]:
    """From the sums of `parts` to the metric."""
    right, said, true = masks.three(sums)
    return masks.ratio(right, said + true - right, average=average, positive=positive)
