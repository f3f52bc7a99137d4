"""Whether it does as well, and as much, for all: accuracy, answers and errors by group.

A gap is the largest less the smallest share over the groups. Chance alone makes gaps, the larger
the smaller the groups, so each is held against the gaps of groups that are dealt at random (the
labels of the groups shuffled many times): a permutation test.

    parity   max_g P(says c | g) - min_g P(says c | g)              demographic parity
    odds     max over y of the gap of P(says c | y, g)              equalised odds

of the positive class c of two, or of the class with the largest gap.

References:
    Moritz Hardt, Eric Price, Nathan Srebro. Equality of opportunity in supervised learning.
    NeurIPS 2016. https://arxiv.org/abs/1610.02413
    Solon Barocas, Moritz Hardt, Arvind Narayanan. Fairness and machine learning, chapter 3. 2023.
    https://fairmlbook.org
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from markupsafe import Markup
from torch import Tensor

from cartograd.apps.audit.drawn import intervals
from cartograd.apps.audit.figure import Figure, Mark, beating
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.sections.accuracy import key
from cartograd.apps.audit.subject import Subject
from cartograd.apps.report.slices import LEAST, Slices, slices_of
from cartograd.apps.verbs.attack import attack, bounded
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.proportion import exact

DEALT = 200
"""Times that groups are dealt at random, and that examples are drawn again."""
BAD = 0.2
"""A gap whose whole interval is above this fails, if chance does not explain it."""
SHARE = 0.01
"""Of the range, that the attack by group may change."""


@dataclass(frozen=True)
class Fairness:
    """Gaps between groups."""

    name: ClassVar[str] = "fairness"
    title: ClassVar[str] = "Fairness"
    asks: ClassVar[str] = "Does it do as well for all groups?"
    weight: ClassVar[float] = 2.0
    pilot: ClassVar[int] = 100

    def why_not(self, subject: Subject, /) -> str:
        """Classes, and groups."""
        if not subject.classifies:
            return "gaps are of shares of right classes, and its answers are no single class"
        if subject.model.signature.input.kind in ("table", "vector") and not subject.slices:
            return "which column makes the groups is not known: name it, as --slices COLUMN"
        return ""

    def names(self, subject: Subject, /) -> tuple[str, ...]:
        """The gaps of each way to part the examples."""
        found = []
        for one in slices_of(subject.few(1).examples, subject.slices, subject.labels):
            found += [f"{key(one.name)}.{gap}" for gap in _gaps(subject, one.name)]
        return tuple(found)

    def measure(self, subject: Subject, /) -> Found:
        """All ways."""
        figures, body, details, untested = list[Figure](), list[Markup](), {}, list[str]()
        stands = _standing(subject, untested)
        for one in slices_of(subject.examples, subject.slices, subject.labels):
            own, shown, told = _of(subject, one, stands)
            figures += own
            body.append(shown)
            details[one.name] = told
            if small := [row["group"] for row in told if row["n"] < LEAST]:
                untested.append(f"{one.name} {', '.join(small)}: fewer than {LEAST} examples")
        if not figures:
            raise UsageError("there are no two groups of 10 examples or more")
        untested.append("groups that the data do not name, and whether the labels are fair")
        return Found(
            tuple(figures),
            "Each group's share of right answers, with its 95 % interval; the black tick is that "
            "of all. A gap is judged by the gaps of groups that are dealt at random.",
            Markup().join(body),
            details,
            tuple(untested),
        )


def _gaps(subject: Subject, name: str) -> tuple[str, ...]:
    """Which gaps are asked: answers may well differ by brightness, and not by a named column."""
    if subject.slices:
        return "accuracy", "parity", "odds", "robust"
    return ("accuracy",) if name == "class" else ("accuracy", "robust")


def _standing(subject: Subject, untested: list[str]) -> Bool[Tensor, " n"] | None:
    """Which examples stand against a small attack."""
    port, x = subject.model.signature.input, subject.examples.inputs
    if not x.is_floating_point():
        untested.append("robustness by group, as tokens cannot move a little")
        return None
    low, high = port.bounds or (float(x.min()), float(x.max()))
    method = bounded(f"pgd:eps={SHARE * (high - low):.6g},steps=10", subject.model, x)
    try:
        moved = attack(subject.model, x, subject.examples.targets, method=method).cpu()
    except UsageError as error:
        untested.append(f"robustness by group: {error}")
        return None
    return subject.said(moved) == subject.examples.targets


def _of(
    subject: Subject, one: Slices, stands: Bool[Tensor, " n"] | None
) -> tuple[list[Figure], Markup, list[dict]]:
    """The gaps of one way, its picture, and the shares of each group."""
    right, targets = subject.right(), subject.examples.targets
    said, count = subject.outputs().argmax(1), one.group.bincount(minlength=len(one.names))
    there = [at for at in range(len(one.names)) if int(count[at]) >= LEAST]
    kept = torch.isin(one.group, torch.tensor(there))
    classes = len(subject.labels)
    asked, values = _gaps(subject, one.name), {"accuracy": right.double()[:, None]}
    if "parity" in asked:
        says = torch.nn.functional.one_hot(said, classes).double()
        values["parity"] = says[:, 1:] if classes == 2 else says
        values["odds"] = _by_class(values["parity"], targets, classes)
    if "robust" in asked and stands is not None:
        values["robust"] = stands.double()[:, None]
    figures = []
    if len(there) > 1:
        generator = torch.Generator().manual_seed(subject.seed)
        place = torch.full((len(one.names),), -1)
        place[torch.tensor(there)] = torch.arange(len(there))
        for gap, numbers in values.items():
            group = place[one.group[kept]]
            figures.append(_gap(f"{key(one.name)}.{gap}", numbers[kept], group, generator))
    rows, told = [], []
    for at, name in enumerate(one.names):
        own, n = one.group == at, int(count[at])
        hits = int((right & own).sum())
        told.append({"group": name, "n": n, "right": hits})
        if n:
            rows.append(
                beating(name, hits / n, *exact(hits, n), n=n, control=float(right.double().mean()),
                        against="all examples")
            )  # fmt: skip
    rows = [_neutral(row) for row in rows][:20]
    heading = Markup("<h3>By {}</h3>").format(one.name)
    return figures, heading + intervals(f"fair-{key(one.name)}", rows, axis="right"), told


def _neutral(figure: Figure) -> Figure:
    """Blue where the interval holds the share of all, gold where it does not."""
    from dataclasses import replace

    inside = figure.low <= figure.control <= figure.high
    return replace(figure, mark="pass" if inside else "warn")


def _by_class(says: Float[Tensor, "n c"], targets: Int[Tensor, " n"], classes: int) -> Tensor:
    """The same answers for each right class apart; NaN where an example is of another one."""
    own = torch.nn.functional.one_hot(targets.long(), classes).bool()[:, :, None]
    return torch.where(own, says[:, None, :], torch.nan).flatten(1)


def gap(values: Float[Tensor, "n c"], group: Int[Tensor, " n"], groups: int, /) -> float:
    """The largest difference of the groups' means over the columns; NaN is left out.

    >>> values = torch.tensor([[1.0], [1.0], [0.0], [1.0]], dtype=torch.float64)
    >>> gap(values, torch.tensor([0, 0, 1, 1]), 2)
    0.5
    """
    there = ~values.isnan()
    member = torch.nn.functional.one_hot(group, groups).double().T
    count = member @ there.double()
    means = (member @ values.nan_to_num()) / count
    some = count > 0
    high = means.masked_fill(~some, -torch.inf).amax(0)
    low = means.masked_fill(~some, torch.inf).amin(0)
    return float((high - low).clamp(min=0).max())


def _gap(
    name: str, values: Float[Tensor, "n c"], group: Int[Tensor, " n"], generator: torch.Generator
) -> Figure:
    """A gap with its bootstrap interval and the gaps that chance makes."""
    n, groups = len(group), int(group.max()) + 1
    found = gap(values, group, groups)
    dealt = [
        gap(values, group[torch.randperm(n, generator=generator)], groups) for _ in range(DEALT)
    ]
    again = []
    for _ in range(DEALT):
        rows = torch.randint(n, (n,), generator=generator)
        again.append(gap(values[rows], group[rows], groups))
    low, high = torch.tensor(again, dtype=torch.float64).quantile(
        torch.tensor([0.025, 0.975], dtype=torch.float64)
    ).tolist()  # fmt: skip
    if low == high:  # no answer differs, and drawing them again says nothing
        high = max(high, exact(0, int(group.bincount().min()))[1])
    chance = torch.tensor(dealt, dtype=torch.float64).quantile(0.95).item()
    mark: Mark = "pass" if found <= chance else "fail" if low > BAD else "warn"
    by, _, what = name.partition(".")
    title = {
        "accuracy": "accuracy gap", "parity": "demographic parity gap",
        "odds": "equalised odds gap", "robust": "gap under a small attack",
    }[what]  # fmt: skip
    return Figure(
        name, found, min(low, found), max(high, found), n, f"{title} by {by}", chance,
        "95 % of gaps of groups dealt at random", "lower", "%", mark,
        f"passes up to the control; fails where the interval is above {100 * BAD:g} %",
    )  # fmt: skip
