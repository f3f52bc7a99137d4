"""Metrics of models that label each position of a row, from a few numbers for each row.

The outputs of such models are large (rows, times positions, times tokens), so a batch is reduced
as soon as it is there: the metric's `parts` give a few numbers for each row, and its `whole` makes
the metric of their sums. Intervals are made from rows, not positions: the positions of one row are
not independent of each other.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from cartograd.practice.metrics import given
from cartograd.practice.metrics.influence import few, of_sums, skewed, uneven
from cartograd.practice.metrics.interval import twin
from cartograd.practice.metrics.proportion import of_rows

Measure = Callable[..., float]


def surprise(
    outputs: Float[Tensor, "b t k"], targets: Int[Tensor, "b t"], /
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """The negative log-likelihood of each row's labels in nats, summed, and how many there are."""
    known = targets >= 0
    logits = outputs.float() if outputs.dtype != torch.float64 else outputs
    loss = F.cross_entropy(logits.movedim(-1, 1), targets.where(known, -100), reduction="none")
    return loss.double().sum(1), known.sum(1).double()


def reducible(measure: Measure, /) -> bool:
    """Whether a metric can be taken from a few numbers for each row."""
    return twin(measure, "parts") is not None


def reducer(
    measures: Mapping[str, Measure], /, *, pixels: bool = False
) -> Callable[[Tensor, Tensor], Float[Tensor, "b n"]]:
    """A function that reduces the outputs and targets of a batch for all these metrics.

    Args:
        measures: metrics by name.
        pixels: whether the outputs are of pictures, `b k y x`, whose pixels are brought into a row.
    """
    reducers = [taking(twin(measure, "parts")) for measure in measures.values()]
    if not reducers:  # what is measured is measured elsewhere: nothing is kept
        return lambda outputs, _: torch.zeros(len(outputs), 0, dtype=torch.float64)

    def reduced(outputs: Tensor, targets: Tensor) -> Float[Tensor, "b n"]:
        rows = given.places(outputs, targets) if pixels else (outputs, targets)
        found = [part(*rows) for part in reducers]
        widest = max(one.shape[1] for one in found)
        return torch.cat([F.pad(one, (0, widest - one.shape[1])) for one in found], dim=1)

    return reduced


def taking(function: functools.partial[Any], /) -> Callable[..., Any]:
    """A form of a metric with those of the metric's settings that it takes."""
    known = inspect.signature(function.func).parameters
    own = {key: value for key, value in function.keywords.items() if key in known}
    return functools.partial(function.func, **own)


def apart(
    measure: Measure, rows: tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]], /, *, level: float
) -> tuple[tuple[float, float], tuple[float, float], str]:
    """A metric of two models on the same rows, its difference's interval, and a doubt, if any.

    Args:
        measure: the metric.
        rows: what `reducer` made of either model's answers.
        level: how often the interval should hold the true difference, second less first.
    """
    whole = twin(measure, "whole").func
    first, second = (float(whole(one.sum(0))) for one in rows)
    moves = of_sums(whole, rows[1]) - of_sums(whole, rows[0])
    ends = skewed(second - first, moves, level=level)
    return (first, second), ends, few(len(moves)) or uneven(moves)


def figures(
    measures: Mapping[str, Measure], rows: Float[Tensor, "b n"], /, *, level: float = 0.95
) -> tuple[dict[str, float], dict[str, tuple[float, float]], dict[str, str]]:
    """Each metric's value, its interval, and why that may hold less often than it states, if so.

    Args:
        measures: the metrics, as `reducer` was given them.
        rows: what it made of all batches, one below the other.
        level: how often the interval should hold the true value.
    """
    values, intervals, doubts, start = {}, {}, {}, 0
    width = rows.shape[1] // max(1, len(measures))
    for name, measure in measures.items():
        whole, own = taking(twin(measure, "whole")), rows[:, start : start + width]
        sums, start = own.sum(0), start + width
        values[name] = float(whole(sums))
        moves = of_sums(whole, own)
        if twin(measure, "trials"):
            intervals[name] = of_rows(values[name], moves, float(sums[1]), level=level)
            doubts[name] = few(len(own))
        else:
            scale = twin(measure, "SCALE") or "mean"
            low, high = skewed(values[name], moves, scale=scale, level=level)
            share = bool(twin(measure, "SHARE"))
            intervals[name] = (max(0.0, low), min(1.0, high)) if share else (low, high)
            doubts[name] = uneven(moves)
    return values, intervals, {name: why for name, why in doubts.items() if why}
