"""Labels that are probably wrong: confident learning.

A quick model gives each example probabilities by training on the others (cross-validation). The
threshold of a class is the mean probability that its own examples have of it. An example that is
above the threshold of another class, and more so than of any, is counted there: it is suspected.
How far that can be believed is measured beside it: some labels are turned round on purpose, and the
share of them that is found is the control.

Departures: suspects are the off-diagonal of the confident joint, ranked by the margin between the
two classes; nothing is pruned by estimated rates.

References:
    C. Northcutt, L. Jiang, I. Chuang: Confident learning: estimating uncertainty in dataset labels.
    Journal of Artificial Intelligence Research 70, 2021. https://arxiv.org/abs/1911.00068
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from cartograd.apps.check.looked import Looked
from cartograd.apps.results.data_card import DataFinding, Shown
from cartograd.core.errors import UsageError

FOLDS = 4

MOST = 3000
"""Examples that the quick model learns from."""

FEWEST = 8
"""Examples of a class; of fewer nothing is learned."""

TURNED = 0.03
"""Share of the labels that is turned round as a control."""

BELIEVED = 0.5
"""Share of the errors of a constant answer that the quick model must take away, and share of the
turned labels that must be found, for its word to count."""

PAGE = 12
"""Suspects that the page shows."""


class Suspects(NamedTuple):
    """Who is suspected.

    Attributes:
        rows: of the examples, the surest first.
        meant: the class that each seems to be of.
        right: share of the labels that the quick model gives, too.
    """

    rows: Int[np.ndarray, " n"]
    meant: Int[np.ndarray, " n"]
    right: float


def wrong_labels(seen: Looked, /) -> list[DataFinding]:
    """Examples whose label is probably wrong.

    Raises:
        UsageError: nothing can be said, for the reason given.
    """
    if not seen.labels or seen.targets is None:
        raise UsageError("the answers are no classes")
    rows, labels = _usable(seen)
    features, sparse = _features(seen, rows)
    chances = crossed(features, labels, sparse=sparse)
    found = suspects(chances, labels)
    constant = np.bincount(labels).max() / len(labels)
    lift = (found.right - constant) / max(1e-9, 1 - constant)
    if lift < BELIEVED:
        raise UsageError(f"the quick model gives only {100 * found.right:.0f} % of the labels")
    recall = _control(features, labels, sparse=sparse)
    if recall < BELIEVED:
        raise UsageError(f"of labels turned on purpose only {100 * recall:.0f} % were found")
    if not len(found.rows):
        return []
    names, classes = [seen.name(row) for row in rows[found.rows].tolist()], seen.labels
    kept = np.unique(seen.targets[rows].astype(int))
    told = [
        f"{name}: {classes[kept[labels[at]]]} or {classes[kept[meant]]}?"
        for name, at, meant in zip(names, found.rows, found.meant, strict=True)
    ]
    said = (
        f"{len(found.rows):,} of {len(rows):,} labels are doubted by a quick model that gives "
        f"{100 * found.right:.1f} % of them (it finds {100 * recall:.0f} % of labels turned on "
        "purpose)"
    )
    return [
        DataFinding(
            "warn" if len(found.rows) > 0.01 * len(rows) else "note", "labels in doubt", said,
            len(found.rows), tuple(told), "look at them, the first ones first",
            len(found.rows) / len(rows), recall, _shown(seen, rows[found.rows], told),
        )
    ]  # fmt: skip


def suspects(chances: Float[np.ndarray, "n k"], labels: Int[np.ndarray, " n"], /) -> Suspects:
    """Examples that are counted off the diagonal of the confident joint.

    >>> import numpy as np
    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> suspects(p, np.array([0, 0, 1, 1, 1])).rows.tolist()
    [4]
    """
    own = np.arange(len(labels))
    thresholds = np.array([chances[labels == k, k].mean() for k in range(chances.shape[1])])
    above = np.where(chances >= thresholds, chances, -1.0)
    meant = above.argmax(1)
    off = (above.max(1) > 0) & (meant != labels)
    margin = (chances[own, meant] - chances[own, labels])[off]
    order = np.argsort(-margin, kind="stable")
    rows = np.flatnonzero(off)[order]
    return Suspects(rows, meant[rows], float((chances.argmax(1) == labels).mean()))


def crossed(features: Any, labels: Int[np.ndarray, " n"], /, *, sparse: bool) -> np.ndarray:
    """The probabilities of each example by a model that learned from the other folds.

    Args:
        features: of the examples; sparse ones are words of texts.
        labels: their classes.
        sparse: whether they are.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    if sparse or features.shape[1] > 40 or len(labels) < 200:
        model: Any = LogisticRegression(C=20.0 if sparse else 1.0, max_iter=200)
    else:
        how: dict[str, Any] = {"early_stopping": False}
        model = HistGradientBoostingClassifier(max_iter=40, random_state=0, **how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has not quite converged is good enough here
        made = cross_val_predict(model, features, labels, cv=folds, method="predict_proba")
    return np.asarray(made)


def turned(
    labels: Int[np.ndarray, " n"], share: float, /, *, seed: int = 0
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Labels of which a share is another one, and which these are."""
    rng, classes = np.random.default_rng(seed), int(labels.max()) + 1
    chosen = np.zeros(len(labels), bool)
    chosen[rng.permutation(len(labels))[: max(5, round(share * len(labels)))]] = True
    step = rng.integers(1, classes, len(labels))
    return np.where(chosen, (labels + step) % classes, labels), chosen


def _control(features: Any, labels: np.ndarray, *, sparse: bool) -> float:
    """The share of labels turned on purpose that is found."""
    other, chosen = turned(labels, TURNED)
    if np.bincount(other).min() < FOLDS:
        return 0.0
    found = suspects(crossed(features, other, sparse=sparse), other)
    return float(np.isin(np.flatnonzero(chosen), found.rows).mean())


def _usable(seen: Looked) -> tuple[np.ndarray, np.ndarray]:
    """Examples of classes that have enough of them, and their classes numbered anew."""
    assert seen.targets is not None
    rows = np.random.default_rng(0).permutation(len(seen))[:MOST]
    targets = seen.targets[rows].astype(int)
    often = np.flatnonzero(np.bincount(targets) >= FEWEST)
    if len(often) < 2:
        raise UsageError(f"fewer than two classes have {FEWEST} examples")
    rows = np.sort(rows[np.isin(targets, often)])
    return rows, np.searchsorted(often, seen.targets[rows].astype(int))


def _features(seen: Looked, rows: np.ndarray) -> tuple[Any, bool]:
    """What the quick model learns from, and whether it is words."""
    if seen.texts is not None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), max_features=20_000)
        return words.fit_transform([seen.texts[row] for row in rows]), True
    if seen.numbers is None:
        raise UsageError("there are no numbers to learn from")
    features = np.nan_to_num(seen.numbers[rows].astype(np.float64))
    spread = features.std(0)
    features = ((features - features.mean(0)) / np.where(spread > 0, spread, 1))[:, spread > 0]
    if features.shape[1] > 64:
        from sklearn.decomposition import PCA

        least = min(64, len(features))
        features = PCA(least, svd_solver="randomized", random_state=0).fit_transform(features)
        features /= features.std() or 1
    return features, False


def _shown(seen: Looked, rows: np.ndarray, told: list[str]) -> tuple[tuple[Shown, ...], ...]:
    if seen.signature.example.kind != "image":
        return ()
    pairs = zip(rows[:PAGE].tolist(), told, strict=False)
    return tuple((Shown(seen.x(row), seen.name(row), said),) for row, said in pairs)
