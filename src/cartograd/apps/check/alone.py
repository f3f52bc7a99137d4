"""Leaks: a single column that gives the answer by itself.

Its values are sorted into bins (or are categories), and each bin answers with the commonest class,
or the mean, of the examples of the other folds. What is measured is the share of the errors of a
constant answer that this takes away. Beside it stands the same with the answers dealt out anew.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Shaped

from cartograd.apps.check.looked import Looked
from cartograd.apps.results.data_card import DataFinding

BINS, HELD, FOLDS = 128, 5, 5
"""Bins of numbers at most, examples that each holds at least, and folds."""

DEALT = 10
"""Times that the answers are dealt out anew, for the mean of what chance gives."""

GIVES, MUCH = 0.95, 0.8
"""Shares of the errors that a column takes away: it gives the answer, or much of it."""

FEWEST = 30
"""Examples below which chance gives answers, too."""

OF_FILES = (
    "width",
    "height",
    "brightness",
    "contrast",
    "colour",
    "loudness",
    "peak",
    "letters",
    "words",
)
"""Facts that are no column: what examples are like, by which a network may learn to cheat."""


class Alone(NamedTuple):
    """What a column gives by itself, and by chance."""

    score: float
    control: float


def leaks(seen: Looked, /) -> list[DataFinding]:
    """Columns that alone give the answer."""
    if seen.targets is None or len(seen) < FEWEST or len(np.unique(seen.targets)) < 2:
        return []
    found = list[DataFinding]()
    for name, values in seen.facts.items():
        got = alone(values, seen.targets, classes=bool(seen.labels))
        if got.score < MUCH:
            continue
        sure = got.score >= GIVES
        said = (
            f"{name!r} alone takes away {100 * got.score:.1f} % of the errors of a constant answer "
            f"(by chance {100 * max(0.0, got.control):.1f} %)"
        )
        file = name in OF_FILES and seen.table is None
        mend = (
            "is that what the answers mean, or how the examples were made? If so, make them alike"
            if file
            else f"if it is not known before the answer is, leave it out: ignore=[{name}]"
        )
        what = "leak" if sure else "nearly a leak"
        severity = "warn" if sure else "note"
        found.append(DataFinding(severity, what, said, len(seen), (), mend, got.score, got.control))
    return found


def alone(
    values: Shaped[np.ndarray, " n"], targets: Shaped[np.ndarray, " n"], /, *, classes: bool
) -> Alone:
    """The share of a constant answer's errors that one column takes away, on unseen folds.

    >>> import numpy as np
    >>> x = np.arange(1000.0)
    >>> alone(x, (x > 300).astype(int), classes=True).score > 0.95
    True
    """
    bins = binned(values)
    rng = np.random.default_rng(0)
    folds = rng.permutation(len(bins)) % FOLDS
    score = _classes if classes else _values
    dealt = [score(bins, rng.permutation(targets), folds) for _ in range(DEALT)]
    return Alone(score(bins, targets, folds), float(np.mean(dealt)))


def binned(values: Shaped[np.ndarray, " n"], /) -> Int[np.ndarray, " n"]:
    """The bin of each number, or the number of each word; what is missing has its own.

    >>> import numpy as np
    >>> binned(np.array([3.0, 1.0] * 5 + [np.nan])).tolist()
    [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 2]
    """
    if values.dtype == object:
        known = {word: i for i, word in enumerate(dict.fromkeys(values.tolist()))}
        return np.array([known[word] for word in values.tolist()])
    gaps = np.isnan(values)
    known = values[~gaps]
    if not len(known):
        return np.zeros(len(values), int)
    edges, most = np.unique(known), max(1, min(BINS, len(known) // HELD))
    if len(edges) > most:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, most + 1)[:-1]))
    found = np.searchsorted(edges, values, side="right") - 1
    return np.where(gaps, len(edges), found)


def _classes(bins: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> float:
    count = int(targets.max()) + 1
    table = np.zeros((FOLDS, int(bins.max()) + 1, count))
    np.add.at(table, (folds, bins, targets.astype(int)), 1)
    whole = table.sum(0)
    usual = whole.sum(0)
    others = whole[None] - table
    # Of a bin that the other folds do not have, the commonest class of all is the answer.
    said = (others + 1e-3 * usual / usual.sum()).argmax(2)
    wrong = (said[folds, bins] != targets).mean()
    constant = 1 - usual.max() / usual.sum()
    return float(1 - wrong / constant)


def _values(bins: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> float:
    shape = (FOLDS, int(bins.max()) + 1)
    sums, counts = np.zeros(shape), np.zeros(shape)
    centred = targets.astype(float) - targets.mean()
    np.add.at(sums, (folds, bins), centred)
    np.add.at(counts, (folds, bins), 1)
    means = (sums.sum(0)[None] - sums) / (counts.sum(0)[None] - counts).clip(1e-9)
    return float(1 - ((centred - means[folds, bins]) ** 2).mean() / (centred**2).mean())
