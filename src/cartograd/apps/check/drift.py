"""Drift: whether what is tested on is like what is learned from.

Each fact of the examples is compared between the training part and the test part: numbers by the
greatest distance of their distributions (Kolmogorov and Smirnov), words by a chi-squared test. With
Holm's correction for so many questions at once; and small differences are left alone however sure
they are.

References:
    S. Holm: A simple sequentially rejective multiple test procedure. 1979.
    https://www.jstor.org/stable/4615733
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from cartograd.apps.check.looked import Looked
from cartograd.apps.results.data_card import DataFinding
from cartograd.core.errors import UsageError

ALPHA = 0.01
"""Chance of a false alarm over all facts together."""

LEAST = 0.1
"""Least distance of two distributions that is worth a word."""

FEWEST = 20
"""Examples of each part, and of a word in both, below which nothing is compared."""


def drift(seen: Looked, /) -> list[DataFinding]:
    """Facts that differ between training and test.

    Raises:
        UsageError: the parts are meant to differ.
    """
    if seen.signature.input.kind == "series":
        raise UsageError("the parts of a series follow one another in time")
    train, test = seen.part == 0, seen.part == 2
    if min(train.sum(), test.sum()) < FEWEST:
        return []
    facts = dict(seen.facts)
    if seen.targets is not None:
        answers = [seen.label(row) for row in range(len(seen))] if seen.labels else None
        facts["the answers"] = (
            seen.targets.astype(float) if answers is None else np.array(answers, dtype=object)
        )
    tests = {name: between(values[train], values[test]) for name, values in facts.items()}
    chances = holm([chance for _, chance in tests.values()])
    found = [
        (name, distance, chance)
        for (name, (distance, _)), chance in zip(tests.items(), chances, strict=True)
        if chance < ALPHA and distance >= LEAST
    ]
    mend = "take the parts from the same examples, or know that the test asks about others"
    return [
        DataFinding(
            "warn", "drift",
            f"{name} differs between training and test by {distance:.2f} (0 is none, 1 is all; by "
            f"chance with probability {_chance(chance)})",
            len(seen), (), mend, distance, _by_chance(int(train.sum()), int(test.sum())),
        )
        for name, distance, chance in sorted(found, key=lambda one: -one[1])
    ]  # fmt: skip


def between(
    one: Shaped[np.ndarray, " n1"], other: Shaped[np.ndarray, " n2"], /
) -> tuple[float, float]:
    """How far apart two samples are, from 0 to 1, and how probable that is by chance.

    >>> import numpy as np
    >>> x = np.arange(100.0)
    >>> between(x, x), between(x, x + 200)[0]
    ((0.0, 1.0), 1.0)
    """
    return _words(one, other) if one.dtype == object else _numbers(one, other)


def holm(chances: Sequence[float], /) -> list[float]:
    """Probabilities of single tests, corrected for all of them.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    found, least = [0.0] * len(chances), 0.0
    for rank, at in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        least = max(least, min(1.0, (len(chances) - rank) * chances[at]))
        found[at] = least
    return found


def _numbers(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    from scipy.special import kolmogorov

    one, other = (np.sort(part[~np.isnan(part)]) for part in (one, other))
    if min(len(one), len(other)) < FEWEST:
        return 0.0, 1.0
    at = np.concatenate([one, other])
    below = [np.searchsorted(part, at, side="right") / len(part) for part in (one, other)]
    distance = float(np.abs(below[0] - below[1]).max())
    return distance, float(kolmogorov(distance * math.sqrt(_pairs(len(one), len(other)))))


def _words(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    from scipy.stats import chi2_contingency

    words = {word: i for i, word in enumerate(dict.fromkeys([*one.tolist(), *other.tolist()]))}
    counts = np.zeros((2, len(words)))
    for row, part in enumerate((one, other)):
        np.add.at(counts, (row, [words[word] for word in part.tolist()]), 1)
    often = counts.sum(0) >= FEWEST
    rest = counts[:, ~often].sum(1, keepdims=True)
    counts = np.hstack([counts[:, often], rest]) if rest.sum() >= FEWEST else counts[:, often]
    if counts.shape[1] < 2 or not counts.sum(1).all():
        return 0.0, 1.0
    shares = counts / counts.sum(1, keepdims=True)
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    found: Any = chi2_contingency(counts)
    return distance, float(found.pvalue)


def _pairs(one: int, other: int) -> float:
    return one * other / (one + other)


def _by_chance(one: int, other: int) -> float:
    """The distance that two samples of one kind have in the middle."""
    return 0.8276 / math.sqrt(_pairs(one, other))


def _chance(chance: float) -> str:
    return "below 0.0001" if chance < 1e-4 else f"{chance:.2g}"
