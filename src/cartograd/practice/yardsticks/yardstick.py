"""A quick strong model for the kind of data, from the examples that a network learned from.

    table      gradient boosting on its columns, categories and missing cells as they are
    ratings    the mean, and how far each user and each item is from it
    text       logistic (of values: ridge) regression on TF-IDF weights
    picture    the same on a grid of pixels
    sound      the same on the bands of its spectrum

Of many examples evenly spread ones are taken, so that it stays at about a second.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.ports import Signature
from cartograd.data.dataset.dataset import Examples, Split
from cartograd.practice.yardsticks import estimators, means
from cartograd.practice.yardsticks.features import Features, features

CELLS = {True: 400_000, False: 1_500_000}
"""Most numbers to learn from: rows times columns of tables, and of others."""

ROWS = 2_000, 20_000
"""Examples that are taken where there are so many, whatever their size; and the most."""

TEXTS = 4_000
"""Texts at most; words take longer to count than numbers."""

JUDGED = 10_000
"""Examples of the test part that it answers at most."""

AT_ONCE = 512
"""Examples that are read at once, of those that stay on disk."""


@dataclass(frozen=True)
class Yardstick:
    """A quick model that was fitted.

    Attributes:
        name: in a sentence: `boosting`.
        about: what it was fitted on.
        answer: gives logits or values of examples, as a network would.
    """

    name: str
    about: str
    answer: Callable[[Examples], Float[Tensor, "n ..."]]


def fits(signature: Signature, /) -> bool:
    """Whether there is a yardstick for such a task: one answer for each whole example."""
    task = signature.task
    single = task.target in ("class", "classes", "value") and len(signature.output.dims) == 1
    whole = not (task.each or task.hides or task.asks)
    sized = all(isinstance(dim, int) for dim in signature.input.dims)
    return single and whole and (sized or signature.input.kind == "text")


wanted = fits
"""Asked before one is fitted."""


def fitted(
    train: Examples,
    valid: Examples,
    /,
    *,
    tokenizer: Any = None,
    weights: Sequence[float] | None = None,
) -> Yardstick | None:
    """The yardstick of data; None where none fits.

    Args:
        train: the examples to learn from.
        valid: those on which is chosen how many trees, or how strong a penalty; may be empty.
        tokenizer: what turned text into the numbers of the inputs.
        weights: how much examples of each class count.
    """
    signature = train.signature
    if not fits(signature) or not len(train):
        return None
    columns = signature.input.columns
    if columns and all(column.numbered for column in columns):
        told = f"{len(train):,} training examples"
        return Yardstick("means of users and items", told, means.fitted(train, valid))
    some = _some(train)
    found = features(signature, some, tokenizer=tokenizer)
    if found is None:
        return None
    held = _spread(valid, max(1, len(some) // 2))
    x, y = found.rows(some), _right(some, signature)
    tested = (found.rows(held), _right(held, signature)) if len(held) else (x[:0], y[:0])
    learned = None if weights is None else np.asarray(weights, dtype=np.float64)[y]
    given: dict[str, Any] = {
        "target": signature.task.target,
        "classes": signature.classes or 0,
        "weights": learned if signature.task.target == "class" else None,
    }
    if found.table:
        answer = estimators.boosting(x, y, tested, categories=found.categories, **given)
        name = "boosting"
    else:
        answer = estimators.line(x, y, tested, **given)
        kind = "ridge regression" if signature.task.target == "value" else "logistic regression"
        name = f"{kind} on {found.name}"
    of = f" of {len(train):,}" if len(some) < len(train) else ""
    count = f"{len(some):,}{of} training examples"
    return Yardstick(name, count, partial(_answered, found, answer))


def judged(examples: Examples, /) -> Tensor:
    """Which examples a yardstick answers: all, or evenly spread ones of very many."""
    return _places(len(examples), JUDGED)


def _answered(found: Features, answer: Any, examples: Examples) -> Tensor:
    """The answers for all examples, read bit by bit."""
    return torch.cat([answer(found.rows(part)) for part in _parts(examples)])


def _parts(examples: Examples) -> Iterator[Split]:
    for places in torch.arange(len(examples)).split(AT_ONCE):
        yield examples.select(places)


def _some(train: Examples) -> Split:
    """As many training examples as can be learned from quickly."""
    port = train.signature.input
    table = port.kind in ("table", "vector")
    least, most = ROWS
    columns = port.size if table else 768
    rows = min(TEXTS if port.kind == "text" else most, max(least, CELLS[table] // columns))
    return _spread(train, rows)


def _spread(part: Examples, most: int) -> Split:
    """At most so many examples, evenly spread."""
    return part.select(_places(len(part), most))


def _places(count: int, most: int) -> Tensor:
    some = min(count, most)
    return (torch.arange(some) * count).div(max(1, some), rounding_mode="floor")


def _right(part: Split, signature: Signature) -> np.ndarray:
    """Classes (`n`), labels (`n k`), or values (`n k`)."""
    if signature.task.target == "class":
        return part.targets.long().numpy()
    return part.targets.reshape(len(part), -1).double().numpy()
