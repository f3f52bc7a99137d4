"""The answers that changed: from right to wrong, from wrong to right, and where."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.apps.replace.questions import Questions
from cartograd.apps.replace.verdict import chosen, right
from cartograd.core.errors import UsageError

SURE = (0.6, 0.8, 0.9, 0.99)
"""Where groups of A's confidence end."""

GROUPS, CLASSES = 12, 1000
"""Groups of a column, and classes, at most; the rarest are one together."""

SHOWN = 24
"""Changed answers that are listed."""


@dataclass(frozen=True)
class Change:
    """An answer that changed.

    Attributes:
        index: of the example.
        name: what it is called.
        a, b: what was said.
        truth: what is right.
        became: `wrong`, `right` or `other`; of values `worse` or `better`.
        by: how much: the probability of the truth that was lost, or the error that was added.
    """

    index: int
    name: str
    a: str
    b: str
    truth: str
    became: str
    by: float


@dataclass(frozen=True)
class Group:
    """How the answers of some of the examples changed.

    Attributes:
        way: `class`, `confidence of A`, or a column.
        name: of the group.
        n: examples.
        wrong: right to wrong; of values how many are farther off.
        right: wrong to right; of values how many are nearer.
    """

    way: str
    name: str
    n: int
    wrong: int
    right: int


def changes(
    questions: Questions, answers: tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]], /
) -> list[Change]:
    """Every class that changed, or every value that did: the worst first."""
    first, second, targets = *answers, questions.targets
    if not questions.labels:
        return _values(questions, first, second, targets)
    said = [chosen(one, several=questions.several) for one in answers]
    rows = (said[0] != said[1]).reshape(len(targets), -1).any(1).nonzero()[:, 0].tolist()
    labels, found = questions.words or questions.labels, []
    for row in rows:
        a, b, truth = (_named(one[row], labels) for one in (*said, targets))
        became = "wrong" if a == truth else "right" if b == truth else "other"
        by = _lost(first[row], second[row], targets[row])
        found.append(Change(row, questions.examples.name(row), a, b, truth, became, by))
    order = ("wrong", "other", "right")
    return sorted(found, key=lambda one: (order.index(one.became), -one.by))


def _named(classes: Tensor, labels: tuple[str, ...]) -> str:
    """The name of a class by its number, or of those that hold."""
    if not classes.ndim:
        return labels[int(classes)]
    return ", ".join(labels[int(i)] for i in classes.nonzero()[:, 0]) or "none"


def _lost(first: Tensor, second: Tensor, truth: Tensor) -> float:
    """The probability that the truth lost; of several classes in all."""
    if not truth.ndim:
        return float(first[truth] - second[truth])
    return float(((second - truth).abs() - (first - truth).abs()).sum())


def _values(questions: Questions, first: Tensor, second: Tensor, targets: Tensor) -> list[Change]:
    added = ((second - targets).abs() - (first - targets).abs())[:, 0]
    found = []
    for row in (first != second).any(1).nonzero()[:, 0].tolist():
        a, b, truth = (f"{float(one[row, 0]):.4g}" for one in (first, second, targets))
        became = "worse" if added[row] > 0 else "better"
        name = questions.examples.name(row)
        found.append(Change(row, name, a, b, truth, became, float(added[row])))
    return sorted(found, key=lambda one: -one.by)


def groups(
    questions: Questions,
    answers: tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]],
    columns: Sequence[str] = (),
    /,
) -> list[Group]:
    """The changes by class, by how sure A was, and by columns of the table.

    Raises:
        UsageError: there is no such column, or no table.
    """
    wrong, mended = moved(questions, answers)
    ways: list[tuple[str, list[str]]] = []
    found = []
    if questions.several:
        found = _by_label(questions, answers)
        sure = torch.maximum(answers[0], 1 - answers[0]).amin(1)
        ways.append(("confidence of A", [_sure(float(one)) for one in sure]))
    elif questions.labels:
        names = questions.words or questions.labels
        ways.append(("class", [names[int(i)] for i in questions.targets]))
        ways.append(("confidence of A", [_sure(float(one)) for one in answers[0].amax(1)]))
    ways += [(name, cells(questions, name)) for name in columns]
    for way, names in ways:
        counted = Counter(names)
        known = sorted(counted, key=lambda one: (-counted[one], one))
        most = CLASSES if way == "class" else GROUPS
        rest = set(known[most - 1 :]) if len(known) > most else set()
        names = ["(others)" if name in rest else name for name in names]
        for name in sorted(set(names)):
            there = torch.tensor([one == name for one in names])
            counts = (int((there & one).sum()) for one in (torch.ones_like(wrong), wrong, mended))
            found.append(Group(way, name, *counts))
    return found


def _by_label(questions: Questions, answers: tuple[Tensor, Tensor]) -> list[Group]:
    """Of each class that may hold or not: how it was answered where it holds and where not."""
    good = [chosen(one, several=True) == questions.targets for one in answers]
    wrong, mended = good[0] & ~good[1], good[1] & ~good[0]
    n = len(questions.targets)
    return [
        Group("label", label, n, int(wrong[:, at].sum()), int(mended[:, at].sum()))
        for at, label in enumerate(questions.labels)
    ]


def moved(
    questions: Questions, answers: tuple[Shaped[Tensor, "n k"], Shaped[Tensor, "n k"]], /
) -> tuple[Tensor, Tensor]:
    """Which answers became wrong, and which right; of values which errors grew, and shrank."""
    targets = questions.targets
    if questions.labels:
        good = [right(one, targets) for one in answers]
        return good[0] & ~good[1], good[1] & ~good[0]
    errors = [(one - targets).abs()[:, 0] for one in answers]
    return errors[1] > errors[0], errors[1] < errors[0]


def check_columns(questions: Questions, columns: Sequence[str], /) -> None:
    """Refuse a column that is not there.

    Raises:
        UsageError: there is none of that name, or no table.
    """
    for name in columns:
        cells(questions, name)


def cells(questions: Questions, name: str, /) -> list[str]:
    """The cells of a column; numbers of many values in thirds."""
    table = questions.examples.table
    if table is None:
        kind = questions.signature.input.kind
        raise UsageError(
            f"slices={name} is a column of a table, and these are examples of kind {kind!r}; "
            "leave it out"
        )
    found = table.column(name)
    try:
        numbers = torch.tensor([float(cell) for cell in found])
    except ValueError:
        return [cell or "missing" for cell in found]
    if len(set(found)) <= GROUPS:
        return found
    ends = numbers.quantile(torch.tensor([1 / 3, 2 / 3]))
    words = (f"up to {ends[0]:.4g}", f"{ends[0]:.4g} to {ends[1]:.4g}", f"above {ends[1]:.4g}")
    return [words[int(i)] for i in torch.searchsorted(ends, numbers)]


def _sure(share: float) -> str:
    ends = [0.0, *SURE, 1.0]
    at = sum(share >= end for end in SURE)
    return f"{100 * ends[at]:.0f} to {100 * ends[at + 1]:.0f} %"


def to_json(change: Change, /) -> dict[str, Any]:
    """As JSON types."""
    return dict(vars(change))
