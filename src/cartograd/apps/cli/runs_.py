"""The runs that there are: list them, look at one, compare two, or groups by several seeds."""

import re
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from cartograd.apps.answers import units
from cartograd.apps.cli import output
from cartograd.apps.cli.common import Data, File, Many, Part
from cartograd.apps.cli.following import following, of_state, of_two
from cartograd.apps.cli.names import naming
from cartograd.core.errors import UsageError

if TYPE_CHECKING:
    from cartograd.apps.load.runs import Look, Speed

runs_ = App(name="runs")


@runs_.command(name="list")
def list_(
    root: Path = Path("runs"),
    /,
    *,
    sort: str = "began",
    filter: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    json: bool = False,
) -> None:
    """Every run of a folder: model, data, best and test result, the gap to the baseline, state.

    Args:
        root: the folder that holds the run folders.
        sort: by began, name, model, data, epochs, best, test, gap, state, time or tag; the best
            test and the widest gap come first.
        filter: only runs of which this holds, like state=finished, model=resnet, test>0.9, tag=a.
        json: print one object with `runs`.
    """
    from cartograd.apps.cli import run_table
    from cartograd.apps.load.runs import listed

    found = run_table.in_order(run_table.chosen(run_table.rows(listed(root)), filter), sort)
    if json:
        output.emit({"runs": [
            {"folder": x.folder, "state": "damaged", "error": x.error, "tags": list(x.tags)}
            if x.look is None else _plain(x.look) | x.more()
            for x in found
        ]})  # fmt: skip
        return
    output.table(run_table.HEAD, [one.cells() for one in found], right=("epochs", "time"))
    if found:
        output.lines(following("runs", "show", found[-1 if sort == "began" else 0].folder))


@runs_.command
def tag(
    run: Annotated[str, naming("run")],
    /,
    *words: str,
    remove: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    json: bool = False,
) -> None:
    """Give a run words by which `runs list` finds it, or take them away.

    Args:
        run: a run folder.
        words: to add; without any, those that it has are told.
        remove: words to take away.
        json: print one object.
    """
    from cartograd.apps.load.run_result import tag as note
    from cartograd.apps.load.run_result import tags
    from cartograd.apps.load.runs import check_run

    folder = Path(run)
    check_run(folder)
    kept = note(folder, words, remove) if words or remove else tags(folder)
    if json:
        output.emit({"folder": folder, "tags": kept})
    else:
        asked = ["--filter", f"tag={kept[0]}"] if kept else []
        root = [] if folder.parent == Path("runs") else [folder.parent]
        after = following("runs", "list", *root, *asked)
        output.lines([("run", run), ("tags", ", ".join(kept) or "none"), *after])


@runs_.command
def show(run: Annotated[str, naming("run")], /, *, json: bool = False) -> None:
    """One run: its result, where its time went, and what its curves say.

    Args:
        run: a run folder.
        json: print one object.
    """
    from cartograd.apps.answers.federated import sent_in_words
    from cartograd.apps.answers.private import bounded
    from cartograd.apps.cli import run_table
    from cartograd.apps.load.run_result import result, tags
    from cartograd.apps.load.runs import figure_of, look
    from cartograd.engine.files.documents import document

    found = look(run)
    row = run_table.Row(found.folder, found, "", result(found.folder), tuple(tags(found.folder)))
    if json:
        more = {"history": found.history, "settings": found.settings}
        output.emit(_plain(found) | row.more() | more)
        return
    lines = [
        ("model", str(found.settings.get("model", "?"))),
        ("data", str(found.settings.get("data", "?"))),
        ("epochs", f"{len(found.history)} of {found.settings.get('epochs', '?')}"),
        ("best", figure_of(found)),
        *row.lines(),
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
    output.lines(of_state(run, row.value("state"), measured=row.result is not None))


@runs_.command
def compare(
    *runs: Annotated[str, naming("two runs")],
    data: Data = None,
    part: Part = None,
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
    from cartograd.apps.cli.words import part_of

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
            units.ends(x.name, x.low, x.high),
            verdict(x),
        )
        for x in comparison.metrics
    ]
    if rows:
        sides = (f"{names[0]} (A)", f"{names[1]} (B)")
        output.table(("metric", *sides, "B - A, 95 %", "verdict"), rows, right=sides)
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
            *of_two(first, second, [one.name for one in comparison.metrics]),
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
    if speed.rate:
        lines.append(("speed", speed.rate))
    if speed.memory:
        lines.append(("memory", f"{units.size(speed.memory)} at most"))
    if speed.flops and speed.reached and speed.share is not None:
        lines.append(("work", f"{speed.flops / 1e6:,.3g} MFLOP for each example in a step"))
        lines.append(
            ("peak", f"{units.percent(speed.share)} of this machine's measured peak "
             f"({speed.reached / 1e9:,.3g} of {(speed.peak or 0) / 1e9:,.3g} GFLOP/s)")
        )  # fmt: skip
    return lines


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


def _text(value: Any) -> str:
    return "not set" if value is None else str(value)
