"""Metrics of models that label each position of a row, from a few numbers for each row.

The outputs of such models are large (rows, times positions, times tokens), so a batch is reduced
as soon as it is there: the metric's `parts` give a few numbers for each row, and its `whole` makes
the metric of their sums. The bootstrap resamples rows, not positions: the positions of one row are
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

from cartograd.practice.metrics.interval import draws

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
    return "parts" in _twins(measure)


def reducer(measures: Mapping[str, Measure], /) -> Callable[[Tensor, Tensor], Float[Tensor, "b n"]]:
    """A function that reduces the outputs and targets of a batch for all these metrics."""
    reducers = [_twins(measure)["parts"] for measure in measures.values()]
    if not reducers:  # what is measured is measured elsewhere: nothing is kept
        return lambda outputs, _: torch.zeros(len(outputs), 0, dtype=torch.float64)
    return lambda outputs, targets: torch.cat([f(outputs, targets) for f in reducers], dim=1)


def figures(
    measures: Mapping[str, Measure],
    rows: Float[Tensor, "b n"],
    /,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Each metric's value and bootstrap interval.

    Args:
        measures: the metrics, as `reducer` was given them.
        rows: what it made of all batches, one below the other.
        level: how often the interval should hold the true value.
        resamples: number of bootstrap resamples.
        seed: of the bootstrap.
    """
    sides = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.cat([n.double() @ rows for n in draws(len(rows), resamples, generator)])
    values, intervals, start = {}, {}, 0
    width = rows.shape[1] // max(1, len(measures))
    for name, measure in measures.items():
        whole, own = _twins(measure)["whole"], slice(start, start + width)
        values[name] = float(whole(rows.sum(0)[own]))
        low, high = whole(drawn[:, own]).nanquantile(sides).tolist()
        intervals[name], start = (low, high), start + width
    return values, intervals


def _twins(measure: Measure) -> dict[str, Callable[..., Any]]:
    """The metric's two further forms, with the same arguments; empty if it has none."""
    bound = measure if isinstance(measure, functools.partial) else functools.partial(measure)
    home = inspect.getmodule(bound.func)
    if home is None or not {"parts", "whole"} <= set(vars(home)):
        return {}
    return {"parts": functools.partial(vars(home)["parts"], **bound.keywords), "whole": home.whole}
