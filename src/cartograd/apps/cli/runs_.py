"""The runs that there are: list them, look at one, compare two, or groups by several seeds."""

import re
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from cartograd.apps.answers import units
from cartograd.apps.cli import output
from cartograd.apps.cli.common import File, Many
from cartograd.core.errors import UsageError

if TYPE_CHECKING:
    from cartograd.apps.load.runs import Look, Speed

runs_ = App(name="runs")


@runs_.command(name="list")
def list_(root: Path = Path("runs"), /, *, json: bool = False) -> None:
    """Every run of a folder: model, data, best result, how it ended and how long it took.

    Args:
        root: the folder that holds the run folders.
        json: print one object with `runs`.
    """
    from cartograd.apps.load.runs import Look, listed

    runs = listed(root)
    if json:
        damaged = [
            {"folder": x[0], "state": "damaged", "error": x[1]}
            for x in runs
            if not isinstance(x, Look)
        ]
        output.emit({"runs": [_plain(x) for x in runs if isinstance(x, Look)] + damaged})
        return
    rows = []
    for item in runs:
        if not isinstance(item, Look):
            rows.append((item[0].name, "", "", "", "", "damaged", ""))
            continue
        rows.append(_row(item))
    head = ("run", "model", "data", "epochs", "best", "state", "time")
    output.table(head, rows, right=("epochs", "time"))


@runs_.command
def show(run: str, /, *, json: bool = False) -> None:
    """One run: its result, where its time went, and what its curves say.

    Args:
        run: a run folder.
        json: print one object.
    """
    from cartograd.apps.answers.federated import sent_in_words
    from cartograd.apps.answers.private import bounded
    from cartograd.apps.load.runs import look
    from cartograd.engine.files.documents import document

    found = look(run)
    if json:
        output.emit(_plain(found) | {"history": found.history, "settings": found.settings})
        return
    lines = [
        ("model", str(found.settings.get("model", "?"))),
        ("data", str(found.settings.get("data", "?"))),
        ("epochs", f"{len(found.history)} of {found.settings.get('epochs', '?')}"),
        ("best", _figure(found)),
        ("state", f"{found.state}{': ' + found.error if found.error else ''}"),
        ("time", units.seconds(found.seconds)),
    ]
    if (found.folder / "bundle").is_dir():
        about = document(found.folder / "bundle", "about")
        account, federated = about.get("privacy"), about.get("federated")
        lines += [("privacy", bounded(account))] if account else []
        lines += [("federated", sent_in_words(federated))] if federated else []
    output.lines([*lines, *told(found.speed)])
    _phases(found.speed)


@runs_.command
def compare(
    *runs: str,
    data: str | None = None,
    part: str | None = None,
    margin: Many = (),
    out: File = None,
    json: bool = False,
) -> None:
    """Two runs and the answers that changed; or groups of runs by several seeds, over all of these.

    Args:
        runs: two run folders; or two and more groups: a pattern in quotes ('runs/a-*'), a folder
            that holds runs, or a run.
        data: what to measure on; by default what all were trained on.
        part: train, valid, test or all; by default test of what they were trained on, and all of
            other files or folders that do not come in parts.
        margin: of groups, a difference that does not matter, like accuracy=0.5%: arms that surely
            differ by less are the same.
        out: the HTML file to write; by default compare-FIRST-SECOND.html beside the last run.
        json: print one object.
    """
    from cartograd.apps.cli.common import part_of

    output.check_page(out)
    part = part and part_of(part)
    if len(runs) < 2:
        raise UsageError(f"{len(runs)} runs to compare; expected two, or groups like 'runs/a-*'")
    two = len(runs) == 2 and not margin
    if two and not any(_several(run) for run in runs):
        _compare_two(runs[0], runs[1], data, part, out, json)
    else:
        _compare_groups(runs, data, part, margin, out, json)


def _several(run: str) -> bool:
    """Whether a word stands for more than one run."""
    from cartograd.engine.logging.run_folder import is_run

    path = Path(run)
    return (not path.exists() and has_magic(run)) or (path.is_dir() and not is_run(path))


def _compare_two(
    first: str, second: str, data: str | None, part: str | None, out: Path | None, json: bool
) -> None:
    from cartograd.apps.report.compare import verdict
    from cartograd.apps.verbs.compare import compare as compared

    comparison = compared(first, second, data=data, part=part)
    names = [item.folder.name for item in comparison.looks]
    stem = re.sub(r"[^\w.-]+", "-", f"compare-{names[0]}-{names[1]}")
    page = comparison.draw(out or comparison.looks[1].folder.parent / f"{stem}.html")
    if json:
        output.emit(
            {
                "runs": [_plain(item) for item in comparison.looks],
                "settings": {key: list(pair) for key, pair in comparison.settings.items()},
                "data": comparison.data,
                "metrics": [item.to_json() for item in comparison.metrics],
                "changes": [vars(item) for item in comparison.changes],
                "report": page,
            }
        )
        return
    text = [(key, _text(a), _text(b)) for key, (a, b) in comparison.settings.items()]
    output.table(("setting", *names), text or [("all settings", "the same", "")])
    rows = [
        (
            x.spoken,
            *(units.metric(x.name, value) for value in x.values),
            f"{units.metric(x.name, x.low)} to {units.metric(x.name, x.high)}",
            verdict(x),
        )
        for x in comparison.metrics
    ]
    if rows:
        output.table(("metric", *names, "difference, 95 %", "verdict"), rows, right=names)
    changed = [(x.name, x.first, x.second, x.truth, x.became) for x in comparison.changes[:10]]
    if changed:
        output.table(("example", *names, "true", "became"), changed)
    more = (
        f"{len(comparison.changes)} answers changed; "
        if comparison.metrics
        else f"{comparison.reason}; "
    )
    doubts = comparison.approximate()
    output.lines(
        [
            *([("approximate", doubts)] if doubts else []),
            ("changes", f"{more}all is in the report"),
            ("report", str(page)),
        ]
    )


def _compare_groups(
    groups: tuple[str, ...],
    data: str | None,
    part: str | None,
    margin: tuple[str, ...],
    out: Path | None,
    json: bool,
) -> None:
    from cartograd.apps.cli import groups as told_groups
    from cartograd.apps.replace.margin import margins
    from cartograd.apps.verbs.compare_groups import compare_groups

    same = {one.metric: one.most for one in margins(margin)} if margin else {}
    found = compare_groups(*groups, data=data, part=part, margins=same)
    names = [group.name for group in found.groups]
    stem = re.sub(r"[^\w.-]+", "-", f"compare-{'-'.join(names)}").strip("-")
    beside = found.groups[-1].looks[-1].folder.parent
    page = found.draw(out or beside / f"{stem[:120]}.html")
    if json:
        output.emit(found.to_json() | {"report": page})
    else:
        told_groups.show(found, page)


def told(speed: "Speed", /) -> list[tuple[str, str]]:
    """How fast a run was, as names and values."""
    lines = []
    if speed.per_second:
        lines.append(("speed", f"{units.number(speed.per_second)} examples a second in training"))
    if speed.memory:
        lines.append(("memory", f"{units.size(speed.memory)} at most"))
    if speed.flops and speed.reached and speed.share is not None:
        lines.append(("work", f"{speed.flops / 1e6:,.3g} MFLOP for each example in a step"))
        lines.append(
            ("peak", f"{units.percent(speed.share)} of this machine's measured peak "
             f"({speed.reached / 1e9:,.3g} of {(speed.peak or 0) / 1e9:,.3g} GFLOP/s)")
        )  # fmt: skip
    return lines


def _row(run: "Look") -> tuple[str, ...]:
    """A run in the list."""
    settings = run.settings
    return (
        run.folder.name,
        str(settings.get("model", "?")),
        str(settings.get("data", "?")),
        f"{len(run.history)}/{settings.get('epochs', '?')}",
        _figure(run),
        run.state,
        units.seconds(run.seconds),
    )


def _phases(speed: "Speed") -> None:
    total = sum(speed.phases.values())
    if not total:
        return
    rows = [
        (phase, units.seconds(seconds), units.percent(seconds / total))
        for phase, seconds in speed.phases.items()
    ]
    print()
    output.table(("phase", "time", "share"), rows, right=("time", "share"))


def _plain(run: "Look") -> dict[str, Any]:
    figure, speed = run.figure, run.speed
    return {
        "folder": run.folder,
        "name": run.folder.name,
        "model": run.settings.get("model"),
        "data": run.settings.get("data"),
        "epochs": len(run.history),
        "best": None if figure is None else {"metric": figure[0], "value": figure[1]},
        "best_epoch": run.best.get("epoch"),
        "state": run.state,
        "error": run.error or None,
        "seconds": run.seconds,
        "speed": vars(speed) | {"share_of_peak": speed.share},
    }


def _figure(run: "Look") -> str:
    if run.figure is None:
        return ""
    name, value = run.figure
    shown = units.metric(name.partition("/")[2], value)
    return f"{name} {shown} (epoch {run.best.get('epoch', '?')})"


def _text(value: Any) -> str:
    return "not set" if value is None else str(value)
