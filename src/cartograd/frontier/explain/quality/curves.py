"""Deletion and insertion: what becomes of the answer as the parts go, the most important first.

If an attribution names what the answer rests on, the answer falls fast as these numbers are covered
and rises fast as they are shown on nothing but a baseline. The area under the curve of the answer's
probability is low for deletion and high for insertion. Either can be pleased by accident: covered
pictures are unlike all that was learned, so what matters is the distance to random orders.

References:
    Vitali Petsiuk, Abir Das, Kate Saenko. RISE: randomized input sampling for explanation of
    black-box models. BMVC 2018. https://arxiv.org/abs/1806.07421
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.eval_mode import evaluating
from cartograd.frontier.inputs import answers, chosen, rows_at_once

STEPS = 20
"""Equal shares of the numbers, one after the other."""


def deletion(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    attribution: Float[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"],
    start: Shaped[Tensor, "b ..."],
    steps: int = STEPS,
) -> Float[Tensor, " b"]:
    """The area under the answer's probability as numbers give way to `start`: lower is better.

    Args:
        model: gives logits; a single one is that of yes.
        x: the inputs.
        attribution: of each number; a picture's colours go together.
        target: the answer of each.
        start: what shows where numbers are covered.
        steps: equal shares of the numbers that go one after the other.
    """
    return _area(model, x, start, attribution, target, steps)


def insertion(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    attribution: Float[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"],
    start: Shaped[Tensor, "b ..."],
    steps: int = STEPS,
) -> Float[Tensor, " b"]:
    """The area under the answer's probability as numbers come to `start`: higher is better.

    Args: as of `deletion`.
    """
    return _area(model, start, x, attribution, target, steps)


def blurred(x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b c y x"]:
    """Pictures with nothing but their coarsest shapes: the mean of each quarter of a side."""
    size = [max(1, -(-side // 4)) | 1 for side in x.shape[2:]]
    padded = nn.functional.pad(
        x, (size[1] // 2, size[1] // 2, size[0] // 2, size[0] // 2), mode="replicate"
    )
    return nn.functional.avg_pool2d(padded, tuple(size), stride=1)


def _area(
    model: nn.Module, begin: Tensor, end: Tensor, attribution: Tensor, target: Tensor, steps: int
) -> Tensor:
    """The mean probability on the way from the one to the other."""
    places = attribution.sum(1) if attribution.ndim == 4 else attribution
    rank = places.flatten(1).argsort(1, descending=True).argsort(1).reshape(places.shape)
    rank = rank[:, None] if attribution.ndim == 4 else rank
    total, found = rank[0].numel(), []
    with evaluating(model), torch.no_grad():
        for step in range(steps + 1):
            gone = rank < round(total * step / steps)
            inputs = torch.where(gone, end, begin)
            rows = rows_at_once(inputs)
            parts = zip(inputs.split(rows), target.split(rows), strict=True)
            found.append(torch.cat([_share(answers(model, x), own) for x, own in parts]))
    return torch.trapezoid(torch.stack(found), dx=1 / steps, dim=0)


def _share(outputs: Tensor, target: Tensor) -> Tensor:
    if outputs.shape[1] == 1:
        return outputs[:, 0].double().sigmoid()
    return chosen(outputs.double().softmax(1), target)
