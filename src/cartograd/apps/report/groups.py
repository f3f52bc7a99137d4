"""The page that compares groups of runs: a dot for each training, the mean and its interval."""

from pathlib import Path
from typing import TYPE_CHECKING

from cartograd.apps.answers import units
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section, Table, chart, table
from cartograd.apps.report.theme import BLUE, RED, quiet
from cartograd.apps.report.theme import chart as draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from cartograd.apps.results.groups import GroupComparison, GroupMetric


def groups_page(path: str | Path, found: "GroupComparison", /) -> Path:
    """Write a comparison of groups as one self-contained HTML file.

    Raises:
        UsageError: the file cannot be written.
    """
    names = [group.name for group in found.groups]
    figures = [
        Figure(units.heading(x.spoken), " / ".join(units.metric(x.name, one.value) for one in
               x.arms), x.pairs[0].verdict if len(x.pairs) == 1 else "")
        for x in found.metrics[:2]
    ]  # fmt: skip
    return write_report(
        path,
        [_runs(found), *(_metric(x, names) for x in found.metrics)],
        title=" and ".join(names),
        summary=f"{sum(len(group.looks) for group in found.groups)} trainings in {len(names)} "
        f"groups, measured on the same {found.examples:,} examples of {found.data}. Intervals are "
        "over seeds and examples together.",
        figures=figures,
        seal="".join(names),
    )


def _runs(found: "GroupComparison") -> Section:
    rows = [
        [
            group.name,
            ", ".join(map(str, group.seeds)),
            ", ".join(x.folder.name for x in group.looks),
        ]
        for group in found.groups
    ]
    body = table(Table(["group", "seeds", "runs"], rows, text=frozenset({1, 2})))
    differ = [[key, *("not set" if one is None else str(one) for one in each)]
              for key, each in found.settings.items()]  # fmt: skip
    names = [group.name for group in found.groups]
    if differ:
        texts = frozenset(range(1, len(names) + 1))
        body += table(Table(["setting", *names], differ, text=texts))
    lead = "The settings that differ." if differ else "Every setting is the same."
    return Section("runs", "Runs", lead, body)


def _metric(metric: "GroupMetric", names: list[str]) -> Section:
    """A metric: dots, means, and the pairs."""

    def paint(figure: "Drawing") -> None:
        axes = figure.subplots()
        for row, arm in enumerate(metric.arms):
            axes.plot(arm.values, [row] * len(arm.values), "o", color=BLUE, alpha=0.5)
            axes.plot([arm.low, arm.high], [row - 0.22] * 2, color=RED)
            axes.plot([arm.value], [row - 0.22], "D", color=RED, markersize=6)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.6)
        quiet(axes, grid="x")

    of = metric.name
    alt = "; ".join(
        f"{name}: {units.metric(of, one.value)} ({units.metric(of, one.low)} to "
        f"{units.metric(of, one.high)})"
        for name, one in zip(names, metric.arms, strict=True)
    )
    title = units.heading(metric.spoken)
    drawing = draw(f"groups-{of}", (620, 90 + 46 * len(names)), paint, alt=alt)
    head = ["arm", "mean", "low", "high", "spread over seeds", "each"]
    arms = [
        [name, *(units.metric(of, x) for x in (one.value, one.low, one.high)),
         "" if one.spread is None else units.metric(of, one.spread),
         ", ".join(units.metric(of, x) for x in one.values)]
        for name, one in zip(names, metric.arms, strict=True)
    ]  # fmt: skip
    pairs = [
        [f"{x.second} - {x.first}", *(units.metric(of, y) for y in (x.value, x.low, x.high)),
         units.number(x.p), x.verdict]
        for x in metric.pairs
    ]  # fmt: skip
    body = chart(drawing, twin=[Table(head, arms, title, text=frozenset({5}))])
    body += table(Table(["difference", "value", "low", "high", "p", "verdict"], pairs,
                        text=frozenset({5})))  # fmt: skip
    lead = "A dot for each training; below them the mean and its 95 % interval."
    if len(metric.pairs) > 1:
        lead += f" Differences: all {len(metric.pairs)} pairs together (Bonferroni, Holm)."
    return Section(f"metric-{of.partition(':')[0]}", title, lead, body)
