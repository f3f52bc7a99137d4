"""What masks are compared by: for each picture and class the pixels right, answered, and true.

Three counts of each class are enough for Dice and IoU; those of pictures are added, so that parts
of the data, measured in several processes, give together what the whole gives. Intervals are made
from pictures, not pixels: the pixels of one picture are no independent trials.

A class of which there is no pixel, neither in the masks nor in the answers, is left out of the mean
over classes. Where one class is asked for and there is none of it in both, nothing was to be found
and nothing was said: that counts as 1.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.practice.metrics import given

Average = Literal["macro", "micro", "binary"]
"""The mean over classes; one count over all; one class only."""


def counts(
    outputs: Float[Tensor, "b t k"], targets: Shaped[Tensor, "b t"], /
) -> Float[Tensor, "b n"]:
    """Of each row the positions right, answered, and true of each class, `n = 3 k`.

    A target below 0 is no label: what is said there counts nowhere.
    """
    rows, k = len(outputs), outputs.shape[-1]
    known, said = targets >= 0, outputs.argmax(-1)
    start = k * torch.arange(rows)[:, None]

    def count(classes: Int[Tensor, "b t"], there: Tensor) -> Tensor:
        return (start + classes)[there].bincount(minlength=rows * k).reshape(rows, k)

    right = count(said, known & (said == targets))
    return torch.cat([right, count(said, known), count(targets, known)], 1).double()


def of(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> Float[Tensor, "n m"]:
    """The counts of each example of logits `n k ...` and classes `n ...`.

    Raises:
        UsageError: they do not belong together, or no pixel has a class of the outputs.
    """
    outputs, targets = given.places(outputs, targets)
    return counts(outputs, targets)


def three(sums: Float[Tensor, "... n"], /) -> tuple[Tensor, Tensor, Tensor]:
    """Right, answered and true of each class, from summed counts."""
    right, said, true = sums.unflatten(-1, (3, -1)).unbind(-2)
    return right, said, true


def ratio(
    above: Float[Tensor, "... k"],
    below: Float[Tensor, "... k"],
    /,
    *,
    average: Average,
    positive: int,
) -> Float[Tensor, "..."]:
    """The ratio of two counts over classes or of one; nothing over nothing is 1.

    Raises:
        UsageError: unknown average, or a class that there is not.
    """
    if average == "micro":
        return _divided(above.sum(-1), below.sum(-1))
    each = _divided(above, below)
    if average == "binary":
        if not 0 <= positive < each.shape[-1]:
            raise UsageError(
                f"positive={positive} is none of {each.shape[-1]} classes; expected 0 to "
                f"{each.shape[-1] - 1}"
            )
        return each[..., positive]
    if average == "macro":
        occurs = (below > 0).to(each)
        return _divided((each * occurs).sum(-1), occurs.sum(-1))
    raise unknown("average", average, Average.__args__)


def _divided(above: Float[Tensor, "..."], below: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    return torch.where(below > 0, above / below.clamp(min=1e-300), 1.0)
