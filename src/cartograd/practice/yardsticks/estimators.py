"""What learns from columns of numbers in a second: boosted trees, or a line, by scikit-learn.

How many trees of the boosting answer, and how strongly a line is held back, is chosen on validation
examples, as a network's best epoch is. Answers are as a network gives them: log-probabilities of
classes, log-odds of labels, values in the target's unit.

References:
    Jerome Friedman. Greedy function approximation: a gradient boosting machine. 2001.
    https://doi.org/10.1214/aos/1013203451
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

TREES = 300
"""Most trees of a boosting; each class of more than two takes one a round."""

ROUNDS = 100
"""Most rounds of boosting."""

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
SPARSE = (1e-6, 1e-5, 1e-4, 1e-3)
"""How strongly weights of a line are held back: the factor of their squares beside the mean loss;
of standardised columns, and of the many small ones of texts."""

LEAST = 1e-9
"""No class is less likely than this."""

Answer = Callable[[Any], Tensor]
"""From a matrix of columns to answers."""


def boosting(
    x: Any,
    y: np.ndarray,
    held: tuple[Any, np.ndarray],
    /,
    *,
    target: str,
    classes: int,
    weights: np.ndarray | None,
    categories: tuple[int, ...] = (),
) -> Answer:
    """Boosted trees on histograms of the columns.

    Args:
        x: columns of the training examples, NaN where missing.
        y: their classes, labels (`n k`) or values (`n k`).
        held: the same of the validation examples; may be empty.
        target: `class`, `classes` or `value`.
        classes: how many there are.
        weights: how much each training example counts.
        categories: columns whose numbers are names.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier as Classifier
    from sklearn.ensemble import HistGradientBoostingRegressor as Regressor

    each = len(np.unique(y)) if target == "class" and len(np.unique(y)) > 2 else 1
    several = 1 if target == "class" else y.shape[1]
    rounds = max(10, min(ROUNDS, TREES // (each * several)))
    kind = Regressor if target == "value" else Classifier

    def fit(one: np.ndarray, valid: np.ndarray) -> Answer:
        more: dict[str, Any] = {
            "max_iter": rounds,
            "early_stopping": False,
            "random_state": 0,
            "min_samples_leaf": max(2, min(20, len(one) // 20)),
            "categorical_features": list(categories) or None,
        }
        made = kind(**more).fit(x, one, sample_weight=weights)
        stages = made.staged_predict if kind is Regressor else made.staged_predict_proba
        best = rounds - 1
        if len(valid):
            losses = [_loss(stage, valid, made) for stage in stages(held[0])]
            best = int(np.argmin(losses))

        def answer(given: Any) -> Tensor:
            found = next(stage for number, stage in enumerate(stages(given)) if number == best)
            return _answers(found, made, target, classes)

        return answer

    return _each(fit, y, held[1], target, classes)


def line(
    x: Any,
    y: np.ndarray,
    held: tuple[Any, np.ndarray],
    /,
    *,
    target: str,
    classes: int,
    weights: np.ndarray | None,
) -> Answer:
    """Logistic regression of classes and labels, ridge regression of values; see `boosting`."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sparse = not isinstance(x, np.ndarray)
    n = len(y)

    def made(strength: float, one: np.ndarray) -> Any:
        if target == "value":
            last, name = Ridge(alpha=strength * n), "ridge__sample_weight"
        else:
            last = LogisticRegression(C=1 / (strength * n), max_iter=200)
            name = "logisticregression__sample_weight"
        scaler = StandardScaler(with_mean=not sparse, with_std=not sparse)
        given = {} if weights is None else {name: weights}
        return make_pipeline(scaler, last).fit(x, one, **given)

    def fit(one: np.ndarray, valid: np.ndarray) -> Answer:
        choices = SPARSE if sparse else STRENGTHS
        choices = choices if len(valid) else choices[2:3]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not quite converged is near enough
            tried = [made(strength, one) for strength in choices]
        how = "predict" if target == "value" else "predict_proba"
        losses = [_loss(getattr(m, how)(held[0]), valid, m) for m in tried] if len(valid) else [0]
        best = tried[int(np.argmin(losses))]
        return lambda given: _answers(getattr(best, how)(given), best, target, classes)

    return _each(fit, y, held[1], target, classes)


def _each(
    fit: Callable[[np.ndarray, np.ndarray], Answer],
    y: np.ndarray,
    valid: np.ndarray,
    target: str,
    classes: int,
) -> Answer:
    """One estimator for the classes; one for each label or value, side by side."""
    if target == "class":
        several = len(np.unique(y)) > 1
        return fit(y, valid) if several else _always([c == y[0] for c in range(classes)])
    parts = [
        _always([bool(column[0])])
        if target == "classes" and len(np.unique(column)) < 2
        else fit(column, valid[:, at] if len(valid) else valid)
        for at, column in enumerate(y.T)
    ]
    return lambda given: torch.cat([part(given) for part in parts], 1)


def _always(holds: list[bool]) -> Answer:
    """The one answer that there is, as logits."""
    sure = -float(np.log(LEAST))
    logits = torch.tensor([[sure if one else -sure for one in holds]], dtype=torch.float64)
    return lambda given: logits.expand(given.shape[0], -1)


def _loss(found: np.ndarray, right: np.ndarray, made: Any) -> float:
    """The mean squared error of values, the mean negative log-likelihood of classes."""
    if found.ndim == 1:
        return float(np.square(found - right).mean())
    place = {one: at for at, one in enumerate(made.classes_)}
    own = [row[place[one]] if one in place else 0.0 for row, one in zip(found, right, strict=True)]
    return float(-np.log(np.maximum(own, LEAST)).mean())


def _answers(found: np.ndarray, made: Any, target: str, classes: int) -> Float[Tensor, "n k"]:
    """Log-probabilities of all classes, log-odds of a label, or values of one column."""
    if target == "value":
        return torch.from_numpy(np.asarray(found, dtype=np.float64)[:, None])
    logs = torch.from_numpy(np.log(np.maximum(found, LEAST)))
    if target == "classes":
        return logs[:, 1:] - logs[:, :1]
    whole = torch.full((len(logs), classes), float(np.log(LEAST)), dtype=torch.float64)
    whole[:, torch.from_numpy(np.asarray(made.classes_, dtype=np.int64))] = logs
    return whole
