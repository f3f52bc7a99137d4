"""The table of metrics: each with its interval, and the baseline it has to beat."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, interval, table


class Measured(NamedTuple):
    """A metric's value and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def metrics(
    measured: Mapping[str, Measured],
    /,
    *,
    where: str,
    baselines: Mapping[str, Mapping[str, float]] | None = None,
    spoken: Callable[[str], str] = str,
    approximate: str = "",
) -> Section | None:
    """Each metric with its interval; a column for every baseline.

    Args:
        measured: by the metric's name.
        where: what it was measured on.
        baselines: for each baseline (such as "most common class") its metrics by name.
        spoken: a metric's name with the average or the class that it is of.
        approximate: which intervals may hold the true value less often than they state, and why.
    """
    if not measured:
        return None
    baselines = baselines or {}
    rows = []
    for name, (value, low, high) in measured.items():
        others = [given[name] for given in baselines.values() if name in given]
        best = units.best(name, others)
        within = units.unit(name) in ("%", "share")
        line = interval(value, low, high, baseline=best) if within else Markup("")
        beside = [
            units.metric(name, given[name]) if name in given else "" for given in baselines.values()
        ]
        rows.append(
            [
                units.heading(spoken(name)),
                units.metric(name, value),
                units.ends(name, low, high),
                line,
                *beside,
            ]
        )
    head = ["metric", "value", "95 % interval", "from 0 to 1", *baselines]
    lead = f"Measured on {where}."
    if baselines:
        lead += " The gold tick marks the best baseline."
    if approximate:
        lead += f" Approximate intervals: {approximate}."
    return Section("metrics", "Metrics", lead, table(Table(head, rows, text=frozenset({3}))))
