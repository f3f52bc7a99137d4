"""A number of the card: with its interval, its control, and the rule that it is judged by.

Three marks: `pass`, `warn`, `fail`. Unless a threshold is stated, a number is judged by its
control, which is what one would get without the model knowing anything (the commonest class, random
numbers, slices dealt at random): it passes where its whole interval is better than that, and fails
where the number itself is not better.

>>> sure = beating("overall", 0.9, 0.85, 0.94, n=100, control=0.1, against="the commonest class")
>>> sure.mark, beating("overall", 0.1, 0.05, 0.2, n=40, control=0.1, against="chance").mark
('pass', 'fail')
>>> beating("overall", 0.0, 0.0, 0.6, n=4, control=0.1, against="chance").mark
'warn'
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from cartograd.apps.answers import units

Mark = Literal["pass", "warn", "fail", ""]
Better = Literal["higher", "lower", ""]

ORDER: tuple[Mark, ...] = ("fail", "warn", "pass", "")
"""From worst to none."""

NONE = math.nan
FEW = 10
"""Fewer examples than this say too little to fail a model."""


@dataclass(frozen=True)
class Figure:
    """A number and all that is needed to judge it.

    Attributes:
        name: within its section; rules call it `SECTION.NAME`.
        value: NaN where it could not be had.
        low, high: its 95 % interval; NaN where none is known.
        n: examples that it rests on.
        title: what it is, in words.
        control: what it is held against; NaN where there is nothing.
        against: what the control is.
        better: which side is good; empty where neither is.
        unit: `%` of shares; empty of other numbers.
        mark: the verdict.
        rule: by which it was reached, in words.
    """

    name: str
    value: float
    low: float = NONE
    high: float = NONE
    n: int = 0
    title: str = ""
    control: float = NONE
    against: str = ""
    better: Better = ""
    unit: str = ""
    mark: Mark = ""
    rule: str = "told, not judged"

    def to_json(self) -> dict[str, Any]:
        """As JSON types; NaN and infinity become null."""
        told = asdict(self)
        return {
            key: None if isinstance(one, float) and not math.isfinite(one) else one
            for key, one in told.items()
        }

    @staticmethod
    def from_json(told: dict[str, Any], /) -> "Figure":
        """A figure that `to_json` wrote."""
        numbers = {key: told[key] for key in ("value", "low", "high", "control")}
        whole: dict[str, Any] = told | {k: NONE if x is None else x for k, x in numbers.items()}
        if told["low"] is not None and told["high"] is None:  # a bound from below
            whole["high"] = math.inf
        return Figure(**whole)


def beating(
    name: str,
    value: float,
    low: float,
    high: float,
    /,
    *,
    n: int,
    control: float,
    against: str,
    title: str = "",
    better: Literal["higher", "lower"] = "higher",
    unit: str = "%",
    worst: Literal["fail", "warn"] = "fail",
) -> Figure:
    """A figure that is judged by its control.

    Args:
        name: within its section.
        value: the number.
        low: the low end of its 95 % interval.
        high: the high end.
        n: examples that it rests on.
        control: what it is held against.
        against: what the control is.
        title: what the number is, in words; its name if left out.
        better: which side is good.
        unit: `%` of shares.
        worst: the mark of one that is not better than its control; of fewer than ten examples it
            is `warn` in any case.
    """
    worst = "warn" if n < FEW else worst
    up = better == "higher"
    clear = low > control if up else high < control
    there = value > control if up else value < control
    mark: Mark = "pass" if clear else "warn" if there else worst
    side = "above" if up else "below"
    rule = f"passes where the interval is {side} the control; {worst}s where the number is not"
    return Figure(
        name, value, low, high, n, title or name, control, against, better, unit, mark, rule
    )


def limited(figure: Figure, /, *, good: float, bad: float) -> Figure:
    """The figure judged by two thresholds: by the side that is better.

    Args:
        figure: with its interval.
        good: it passes where the number is no worse than this.
        bad: it fails where the whole interval is worse than this.
    """
    lower = figure.better == "lower"
    fine = figure.value <= good if lower else figure.value >= good
    sorry = figure.low > bad if lower else figure.high < bad
    mark: Mark = "pass" if fine else "fail" if sorry else "warn"
    sides = ("up to", "above") if lower else ("from", "below")
    rule = f"passes {sides[0]} {good:g}; fails where the interval is {sides[1]} {bad:g}"
    return replace(figure, mark="fail" if math.isnan(figure.value) else mark, rule=rule)


def worst(marks: Sequence[Mark], /) -> Mark:
    """The worst of several marks.

    >>> worst(["pass", "warn", ""]), worst([])
    ('warn', '')
    """
    found: Mark = ""
    for mark in ORDER[::-1]:
        found = mark if mark in marks else found
    return found


def said(figure: Figure, value: float, /) -> str:
    """A number of a figure as people read it; a dash where there is none."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    return units.percent(value) if figure.unit == "%" else units.number(value)


def spread(figure: Figure, /) -> str:
    """The interval of a figure in words."""
    if math.isnan(figure.low):
        return "–"
    return f"{said(figure, figure.low)} to {said(figure, figure.high)}"
