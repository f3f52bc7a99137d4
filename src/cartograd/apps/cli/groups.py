"""Groups of runs as tables: what each arm reaches, and how far the arms are apart."""

import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cartograd.apps.answers import units
from cartograd.apps.cli import output
from cartograd.apps.cli.following import of_seeds, quoted

if TYPE_CHECKING:
    from cartograd.apps.results.groups import ArmFigure, Group, GroupComparison, Versus

SETTINGS = 12
"""Most differing settings that are printed."""

SEEDED = re.compile(r".-seed\d+$")
"""How the folder of a training is called that is one of several seeds."""


def show(found: "GroupComparison", page: Path, /) -> None:
    """The whole comparison."""
    names = [group.name for group in found.groups]
    text = [
        (key, *("not set" if one is None else str(one) for one in each))
        for key, each in list(found.settings.items())[:SETTINGS]
    ]
    output.table(("setting", *names), text or [("all settings", *["the same"] * len(names))])
    output.table(
        ("metric", "arm", "mean", "95 % interval", "spread over seeds", "seeds"),
        [
            row
            for metric in found.metrics
            for row in arms(metric.name, metric.spoken, found.groups, metric.arms)
        ],
        right=("mean", "spread over seeds", "seeds"),
    )
    pairs = [row for x in found.metrics for row in map(_pair(x.name, x.spoken), x.pairs)]
    output.table(("metric", "difference", "value", interval_of(found), "p", "verdict"), pairs)
    hidden = len(found.settings) - SETTINGS
    output.lines(
        [
            *([("settings", f"{hidden} more differ; all are in the report")] if hidden > 0 else []),
            ("measured", f"on {found.examples:,} examples ({found.data})"),
            *[("over", line) for line in told(found.metrics[0].arms, names)],
            ("report", str(page)),
        ]
    )


def repeated(
    model: Any,
    data: str | None,
    folder: Path | None,
    resume: bool,
    seeds: int,
    given: dict[str, Any],
    json: bool,
    /,
) -> int:
    """Several trainings of the same settings."""
    from cartograd.apps.verbs.repeat import repeat
    from cartograd.engine.loop.fit import Run

    more: Any = {"progress": [True], "said": output.note, **given}
    found = repeat(model, data, seeds=seeds, folder=folder, resume=resume, **more)
    if isinstance(found, Run):
        assert found.folder is not None
        base = quoted(_base(found.folder))
        output.note(
            f"stopped at step {found.steps}; go on with the same command and --folder {base} "
            "--resume"
        )
        assert found.signal is not None
        return 128 + signal.Signals[found.signal]
    if json:
        output.emit(found.to_json())
    else:
        show_one(found)
    return 0


def show_one(found: "GroupComparison", /) -> None:
    """The repetitions of one training."""
    (group,) = found.groups
    rows = [arms(x.name, x.spoken, found.groups, x.arms)[0] for x in found.metrics]
    head = ("metric", "mean", "95 % interval", "spread over seeds")
    output.table(head, [(row[0], *row[2:5]) for row in rows], right=("mean", "spread over seeds"))
    runs = [str(one.folder) for one in group.looks]
    output.lines(
        [
            ("measured", f"on {found.examples:,} examples ({found.data})"),
            *[("over", line) for line in told(found.metrics[0].arms, [group.name])],
            ("seeds", ", ".join(map(str, group.seeds))),
            ("runs", f"{runs[0]} to {runs[-1].rpartition('-')[2]}"),
            *of_seeds(_base(group.looks[0].folder), group.looks[0].folder, _others(group)),
        ]
    )


def _base(run: Path) -> Path:
    """What the folders of a training by several seeds begin with."""
    return run.with_name(run.name.rpartition("-seed")[0])


def _others(group: "Group") -> list[Path]:
    """What the folders of other such trainings on the same data begin with, the newest last."""
    from cartograd.apps.load.runs import Look, listed

    first = group.looks[0]
    near = [one for one in listed(first.folder.parent) if isinstance(one, Look)]
    alike = [one for one in near if one.settings.get("data") == first.settings.get("data")]
    bases = [_base(one.folder) for one in alike if SEEDED.search(one.folder.name)]
    return [one for one in dict.fromkeys(bases) if one != _base(first.folder)]


def interval_of(found: "GroupComparison", /) -> str:
    """The heading of the differences' intervals."""
    pairs = len(found.metrics[0].pairs)
    return "95 % interval" if pairs == 1 else f"95 %, all {pairs} pairs together"


def arms(
    name: str, spoken: str, groups: "tuple[Group, ...]", figures: "tuple[ArmFigure, ...]", /
) -> list[tuple[str, ...]]:
    """A row for each arm, by one metric."""
    return [
        (
            spoken if not at else "",
            group.name,
            units.metric(name, one.value),
            units.ends(name, one.low, one.high),
            "" if one.spread is None else units.metric(name, one.spread),
            str(len(one.values)),
        )
        for at, (group, one) in enumerate(zip(groups, figures, strict=True))
    ]


def told(figures: "tuple[ArmFigure, ...]", names: list[str], /) -> list[str]:
    """What the intervals are over, where it is not both."""
    lonely = [name for name, one in zip(names, figures, strict=True) if len(one.values) == 1]
    if lonely:
        return [
            f"examples alone: of {', '.join(lonely)} there is one seed, which tells nothing of "
            "another training (train --seeds 5)"
        ]
    return ["seeds and examples together: what another training would reach on other examples"]


def _pair(name: str, spoken: str):  # noqa: ANN202
    def row(one: "Versus") -> tuple[str, ...]:
        return (
            spoken,
            f"{one.second} - {one.first}",
            units.metric(name, one.value),
            units.ends(name, one.low, one.high),
            units.number(one.p),
            one.verdict,
        )

    return row
