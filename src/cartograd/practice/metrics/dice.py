"""Dice: twice the pixels that mask and answer share, over the pixels of both.

It is the F1 of pixels, and what is printed for organs and cells. It ranks two answers for one class
as IoU does and is the milder number: half of the pixels shared is an IoU of 1/3 and a Dice of 1/2.

    Dice_k = 2 |said_k and true_k| / (|said_k| + |true_k|) = 2 IoU_k / (1 + IoU_k)

Shapes: outputs (n, k, ...), targets (n, ...) of classes; below 0 is no label (void).

Departures: none from scikit-learn's `f1_score` of all labelled pixels in a row; counts are summed
over all pictures before they are divided. A class that neither occurs nor is answered is left out
of the mean; of one class alone (`binary`) nothing over nothing is 1.

References:
    Lee Dice. Measures of the amount of ecologic association between species. Ecology 26, 1945.
    https://doi.org/10.2307/1932409

>>> import torch
>>> said, true = torch.tensor([[[0, 1], [1, 1]]]), torch.tensor([[[0, 0], [1, 1]]])
>>> outputs = torch.nn.functional.one_hot(said, 2).movedim(-1, 1).double()
>>> round(dice(outputs, true), 4), dice(outputs, true, average="binary")
(0.7333, 0.8)
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given, masks
from cartograd.practice.metrics.masks import Average

CARD = Card(
    name="dice",
    kind="metric",
    entry="dice",
    nodes=("metric/dice",),
    title="Dice coefficient",
    short="Dice",
    zh="Dice 系数",
    better="higher",
    unit="%",
    paper="Measures of the amount of ecologic association between species",
    year=1945,
    url="https://doi.org/10.2307/1932409",
    proofs=(
        "oracle: sklearn.metrics.f1_score of all labelled pixels, each average, weighted by "
        "pictures and not, and torchmetrics' multiclass_f1_score with ignore_index; to 1e-10",
        "law: parts of the data, added, give what the whole gives",
    ),
    evidence={"metric/dice": ("test_masks_are_measured_as_scikit_learn_does",)},
)

SHARE = True
"""From 0 to 1, and so is its interval."""


def dice(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    average: Average = "macro",
    positive: int = 1,
) -> float:
    """The Dice coefficient averaged over classes, or of one.

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
    """The Dice coefficient under each weighting of the pictures."""
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
    return masks.ratio(2 * right, said + true, average=average, positive=positive)
