"""Metrics of texts that a model has written, against texts that were expected.

They take texts, not logits: `bleu(written, expected)`. What they count comes from sacrebleu, so
that figures are those that others print; every metric's file has `scorer`, which makes sacrebleu's
object of the same settings. Both are metrics of a corpus: counts are summed over all texts before
anything is divided, so they are no mean of anything, and their intervals come from drawing texts.

References:
    Matt Post. A Call for Clarity in Reporting BLEU Scores. WMT 2018.
    https://arxiv.org/abs/1804.08771
    Philipp Koehn. Statistical Significance Tests for Machine Translation Evaluation. EMNLP 2004.
    https://aclanthology.org/W04-3250
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.practice.metrics.interval import draws

Texts = Sequence[str]


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
    return float(_whole(scorer, counts(scorer, written, expected).sum(0)))


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
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The bootstrap interval of a metric of texts, or of how much it is above another's.

    Args:
        metric: `"bleu"`, `"chrf:word_order=2"`, or such a function with its settings.
        written: what a model wrote.
        expected: what it should have written.
        instead: what another model wrote for the same; the interval is that of the difference,
            both drawn together.
        level: how often the interval should hold the true value.
        resamples: number of bootstrap resamples.
        seed: of the bootstrap.

    Raises:
        UsageError: unknown metric, or texts that do not belong together.
    """
    scorer = _scorer(build(metric, kind="text-metric") if not callable(metric) else metric)
    tables = [counts(scorer, one, expected) for one in (written, instead) if one is not None]
    generator = torch.Generator().manual_seed(seed)
    values = []
    for chosen in draws(len(written), resamples, generator):
        drawn = [chosen.double() @ table for table in tables]
        for sums in zip(*drawn, strict=True):
            first, *second = (_whole(scorer, one) for one in sums)
            values.append(first - sum(second))
    sides = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.tensor(values, dtype=torch.float64).quantile(sides).tolist()
    return low, high


def _whole(scorer: Any, sums: Float[Tensor, " m"]) -> float:
    """From summed counts to the metric."""
    numbers = [int(number) for number in sums.tolist()]
    return scorer._compute_score_from_stats(numbers).score / 100


def _scorer(metric: Callable[..., float]) -> Any:
    """The object of sacrebleu with the settings of one of our metrics."""
    bound = metric if isinstance(metric, functools.partial) else functools.partial(metric)
    home = inspect.getmodule(bound.func)
    assert home is not None
    return home.scorer(**bound.keywords)
