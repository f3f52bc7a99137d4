"""Metrics of texts that a model has written, against texts that were expected.

They take texts, not logits: `bleu(written, expected)`. What BLEU and chrF count comes from
sacrebleu, so that figures are those that others print; every metric's file has `scorer`, which
makes sacrebleu's object, or one like it, of the same settings. All are metrics of a corpus: counts
are summed over all texts before anything is divided; their intervals come from leaving out texts,
one at a time (`influence`).

References:
    Matt Post. A Call for Clarity in Reporting BLEU Scores. WMT 2018.
    https://arxiv.org/abs/1804.08771
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.practice.metrics.influence import few, left_out, skewed, uneven
from cartograd.practice.metrics.paired_share import bounds
from cartograd.practice.metrics.proportion import exact

Texts = Sequence[str]


@dataclass(frozen=True)
class Score:
    """A score in percent, as sacrebleu's objects give it."""

    score: float


@runtime_checkable
class Shares(Protocol):
    """A metric that is the share of texts of which something holds."""

    @property
    def of_each(self) -> int:
        """The column of its counts that is 1 of a text, or 0."""
        ...


def library() -> Any:
    """The metrics of sacrebleu.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import sacrebleu.metrics
    except ImportError as error:
        raise UsageError(
            "metrics of texts need the package 'sacrebleu': pip install 'cartograd[text]'"
        ) from error
    return sacrebleu.metrics


def score(scorer: Any, written: Texts, expected: Texts, /) -> float:
    """The metric of a corpus, as a share of 1.

    Raises:
        UsageError: there are no texts, or not one expected for each written.
    """
    return float(whole(scorer, counts(scorer, written, expected).sum(0)))


def counts(scorer: Any, written: Texts, expected: Texts, /) -> Float[Tensor, "n m"]:
    """What the metric counts in each text.

    Raises:
        UsageError: there are no texts, or not one expected for each written.
    """
    if isinstance(written, str) or isinstance(expected, str):
        raise UsageError("expected a list of texts written and a list of texts expected")
    if len(written) != len(expected) or not written:
        raise UsageError(
            f"{len(written)} texts were written and {len(expected)} expected; give one of each, "
            "at least one"
        )
    statistics = scorer._extract_corpus_statistics(list(written), [list(expected)])
    return torch.tensor(statistics, dtype=torch.float64)


def interval(
    metric: str | Spec | Callable[..., float],
    written: Texts,
    expected: Texts,
    /,
    *,
    instead: Texts | None = None,
    level: float = 0.95,
) -> tuple[float, float]:
    """The interval of a metric of texts, or of how much it is above another's.

    Args:
        metric: `"bleu"`, `"chrf:word_order=2"`, or such a function with its settings.
        written: what a model wrote.
        expected: what it should have written.
        instead: what another model wrote for the same; the interval is that of the difference.
        level: how often the interval should hold the true value.

    Raises:
        UsageError: unknown metric, or texts that do not belong together.
    """
    scorer = scorer_of(metric)
    table = counts(scorer, written, expected)
    others = None if instead is None else counts(scorer, instead, expected)
    return of_counts(scorer, table, others, level=level)[0]


def doubt(
    metric: str | Spec | Callable[..., float],
    written: Texts,
    expected: Texts,
    /,
    *,
    instead: Texts | None = None,
) -> str:
    """Why the interval may hold the true value less often than it states; or nothing."""
    scorer = scorer_of(metric)
    others = None if instead is None else counts(scorer, instead, expected)
    return of_counts(scorer, counts(scorer, written, expected), others)[1]


def of_counts(
    scorer: Any,
    table: Float[Tensor, "n m"],
    others: Float[Tensor, "n m"] | None = None,
    /,
    *,
    level: float = 0.95,
) -> tuple[tuple[float, float], str]:
    """The interval from what was counted in each text, and why it may be wrong more often.

    Args:
        scorer: sacrebleu's object (`scorer_of`).
        table: what it counted in each text (`counts`).
        others: the same of another model's texts; the interval is that of the difference.
        level: how often the interval should hold the true value.
    """
    if isinstance(scorer, Shares):
        return _of_share(table[:, scorer.of_each], others, level, scorer.of_each), few(len(table))
    value, moves = _moved(scorer, table)
    if others is not None:
        other, apart = _moved(scorer, others)
        value, moves = value - other, moves - apart
    return skewed(value, moves, level=level), uneven(moves)


def _of_share(
    hits: Float[Tensor, " n"], others: Float[Tensor, "n m"] | None, level: float, column: int
) -> tuple[float, float]:
    """Clopper's and Pearson's interval of a share, or Tango's of how far two are apart."""
    if others is None:
        return exact(float(hits.sum()), len(hits), level=level)
    apart = hits - others[:, column]
    return bounds(int((apart > 0).sum()), int((apart < 0).sum()), len(hits), level=(1 + level) / 2)


def whole(scorer: Any, sums: Float[Tensor, " m"], /) -> float:
    """From summed counts to the metric, as a share of 1."""
    numbers = [int(number) if number.is_integer() else number for number in sums.tolist()]
    return scorer._compute_score_from_stats(numbers).score / 100


def scorer_of(metric: str | Spec | Callable[..., float], /) -> Any:
    """The object of sacrebleu with the settings of one of our metrics.

    Raises:
        UsageError: unknown metric.
    """
    known = metric if callable(metric) else build(metric, kind="text-metric")
    bound = known if isinstance(known, functools.partial) else functools.partial(known)
    home = inspect.getmodule(bound.func)
    assert home is not None
    return home.scorer(**bound.keywords)


def _moved(scorer: Any, table: Float[Tensor, "n m"]) -> tuple[float, Float[Tensor, " n"]]:
    """The metric, and the influence of each text (or of groups of texts) on it."""

    def weighed(weights: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        values = [whole(scorer, sums) for sums in weights @ table]
        return torch.tensor(values, dtype=torch.float64)

    return whole(scorer, table.sum(0)), left_out(weighed, len(table))
