"""Data of known truths: from a seed and a size, outputs and targets; drawn as often as wanted.

Each case is a world: what a model answers and what is right are drawn together, so that the true
value of a metric is its value on very many examples.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Generator, Tensor

Drawn = tuple[Tensor, ...]
"""Outputs and targets; of a pair of models the outputs of both and then the targets."""

CLASSES = ("accuracy", "precision", "recall", "f1", "f1:average=weighted", "nll", "brier", "ece",
           "roc-auc", "average-precision", "balanced-accuracy", "matthews")  # fmt: skip
TWO = (*CLASSES, "equal-error-rate")
VALUES = ("mae", "rmse", "r2")


@dataclass(frozen=True)
class World:
    """Where data come from.

    Attributes:
        name: in words.
        draw: n examples.
        metrics: what is measured.
        heavy: losses of which a few examples make most, so that no interval can be promised.
        truth: how many examples the true values are taken from.
    """

    name: str
    draw: Callable[[int, Generator], Drawn]
    metrics: tuple[str, ...]
    heavy: tuple[str, ...] = field(default=())
    truth: int = 400_000


def classes(
    n: int, by: Generator, /, *, k: int, sharp: float, boast: float = 1.0, bent: float = 0.0
) -> Drawn:
    """Answers drawn from probabilities that the model states, boasts of, or bends."""
    known = sharp * torch.randn(n, k, generator=by, dtype=torch.float64)
    targets = torch.multinomial(known.softmax(1), 1, generator=by)[:, 0]
    return boast * known + bent * torch.arange(k), targets


def rare(n: int, by: Generator, /, *, share: float, apart: float, spread: float = 1.0) -> Drawn:
    """Two classes whose scores are normal; the model knows how rare the second is."""
    targets = (torch.rand(n, generator=by) < share).long()
    score = torch.randn(n, generator=by, dtype=torch.float64)
    score = torch.where(targets == 1, apart + spread * score, score)
    odds = apart * (score - apart / 2) + torch.tensor(share / (1 - share)).log()
    return torch.stack([torch.zeros_like(odds), odds], 1), targets


def uneven(n: int, by: Generator, /, *, k: int, apart: float) -> Drawn:
    """Classes of which the last is k times as rare as the first."""
    shares = 1 / torch.arange(1, k + 1, dtype=torch.float64)
    targets = torch.multinomial(shares.expand(n, k), 1, generator=by)[:, 0]
    outputs = torch.randn(n, k, generator=by, dtype=torch.float64)
    outputs[torch.arange(n), targets] += apart
    return outputs, targets


def values(n: int, by: Generator, /, *, error: str, noise: float = 0.5) -> Drawn:
    """Measured values and errors: normal, of long tails, or growing with the value."""
    targets = torch.randn(n, 1, generator=by, dtype=torch.float64)
    apart = torch.randn(n, 1, generator=by, dtype=torch.float64)
    if error == "long tails":  # Student's, five degrees
        others = torch.randn(n, 5, generator=by, dtype=torch.float64)
        apart = apart / others.square().mean(1, keepdim=True).sqrt()
    if error == "growing":
        apart = apart * targets.abs()
    return targets + noise * apart, targets


def sizes(n: int, by: Generator, /) -> Drawn:
    """Values above 0, and errors by a factor."""
    drawn = torch.randn(2, n, 1, generator=by, dtype=torch.float64)
    targets = (0.5 * drawn[0]).exp()
    return targets * (0.3 * drawn[1]).exp(), targets


def rows(n: int, by: Generator, /, *, sharp: float) -> Drawn:
    """Rows of up to twelve positions, some rows harder than others."""
    hard = torch.randn(n, 1, 1, generator=by, dtype=torch.float64).exp()
    known = sharp / hard * torch.randn(n, 12, 5, generator=by, dtype=torch.float64)
    chances = known.softmax(2).reshape(-1, 5)
    targets = torch.multinomial(chances, 1, generator=by).reshape(n, 12)
    ends = torch.randint(4, 13, (n, 1), generator=by)
    return known, targets.where(torch.arange(12) < ends, -100)


def pair(n: int, by: Generator, /, *, k: int, sharp: float, off: float, boast: float) -> Drawn:
    """Two models of which the second sees the same with errors of its own."""
    first, targets = classes(n, by, k=k, sharp=sharp)
    second = boast * (first + off * torch.randn(n, k, generator=by, dtype=torch.float64))
    return first, second, targets


def pair_of_values(n: int, by: Generator, /, *, off: float) -> Drawn:
    """Two models whose errors have much in common."""
    first, targets = values(n, by, error="normal")
    return first, first + off * torch.randn(n, 1, generator=by, dtype=torch.float64), targets


WORLDS = (
    World("4 classes, calibrated", partial(classes, k=4, sharp=2.0), CLASSES),
    World("4 classes, twice too sure", partial(classes, k=4, sharp=2.0, boast=2.0), CLASSES),
    World("4 classes, too modest", partial(classes, k=4, sharp=2.0, boast=0.4), CLASSES),
    World("4 classes, 95 % right", partial(classes, k=4, sharp=8.0), CLASSES, ("nll", "brier")),
    World(
        "4 classes, 95 % right, twice too sure",
        partial(classes, k=4, sharp=8.0, boast=2.0),
        CLASSES,
        ("nll", "brier"),
    ),
    World("50 classes, 5 % right", partial(classes, k=50, sharp=0.5, bent=0.3),
          ("accuracy", "nll", "ece")),
    World("2 classes, 1 of 10 rare", partial(rare, share=0.1, apart=2.0), TWO,
          ("nll", "brier")),
    World("2 classes, 1 of 10 rare, spread out", partial(rare, share=0.1, apart=2.0, spread=3.0),
          ("precision", "recall", "f1", "roc-auc", "equal-error-rate",
           "average-precision", "balanced-accuracy", "matthews")),
    World("2 classes, hard", partial(rare, share=0.5, apart=0.5), TWO),
    World("2 classes, 99.5 % right", partial(rare, share=0.5, apart=5.15),
          ("accuracy", "precision", "recall", "f1", "roc-auc", "equal-error-rate",
           "average-precision", "balanced-accuracy", "matthews")),
    World("5 uneven classes", partial(uneven, k=5, apart=2.0), CLASSES),
    World("values, normal errors", partial(values, error="normal"), VALUES),
    World("values, errors that grow", partial(values, error="growing"), VALUES, ("rmse", "r2")),
    World("values, long tails", partial(values, error="long tails"), VALUES, ("rmse", "r2")),
    World("sizes", sizes, (*VALUES, "mape"), ("rmse", "r2")),
)  # fmt: skip

ROWS = (
    World("rows of positions", partial(rows, sharp=2.0),
          ("accuracy", "nll", "perplexity", "bits-per-byte"), truth=100_000),
    World("rows of positions, nearly all right", partial(rows, sharp=12.0),
          ("accuracy", "nll", "perplexity"), ("nll", "perplexity"), truth=100_000),
)  # fmt: skip

PAIRS = (
    World("two models, one worse", partial(pair, k=4, sharp=2.0, off=1.5, boast=1.0), CLASSES),
    World("two models, nearly the same", partial(pair, k=4, sharp=2.0, off=0.2, boast=1.0),
          CLASSES),
    World("two models, one too sure", partial(pair, k=2, sharp=2.0, off=0.5, boast=2.0), CLASSES),
    World("two models of values", partial(pair_of_values, off=0.3), VALUES),
)  # fmt: skip
