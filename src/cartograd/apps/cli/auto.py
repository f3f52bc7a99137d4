"""`train auto`: a search as tables, its verdict first."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.cli import gates, output
from cartograd.apps.cli.following import following
from cartograd.core.errors import UsageError, unknown

MINUTES = 10.0

TAKES = ("metric", "seed", "clock")
"""What --set may say of a search; all else is what it looks for."""


def searched(
    model: str | None,
    data: str | None,
    minutes: float | None,
    folder: Path | None,
    resume: bool,
    given: Sequence[str],
    others: Mapping[str, Any],
    beat_baseline: bool,
    json: bool,
    /,
) -> int:
    """Search, and show the leaderboard.

    Args:
        model: `auto`; --minutes means nothing of another.
        data: as they were given.
        minutes: that it may take.
        folder: of the search.
        resume: whether it goes on.
        given: what --set says.
        others: other flags, by name, which have to be left out.
        beat_baseline: whether the exit code depends on the baselines.
        json: whether one object is printed.

    Raises:
        UsageError: something was said that a search chooses by itself.
    """
    if model is not None and model.startswith("auto:"):
        raise UsageError("the search `train auto` has no arguments; leave them out")
    if model != "auto":
        raise UsageError(
            f"--minutes is of the search `train auto`; {model or 'a model that is chosen'} is "
            "trained by epochs: --epochs"
        )
    if data is None:
        raise UsageError("no data was given; --data digits would be one, or the path of your own")
    said = [flag for flag, value in others.items() if value]
    if said:
        raise UsageError(f"train auto chooses by itself; leave {', '.join(said)} out")
    more = _settings(given)
    from cartograd.apps.auto.auto import auto

    time = MINUTES if minutes is None else minutes
    found = auto(data, minutes=time, folder=folder, resume=resume, said=output.note, **more)
    beaten = gates.beaten([one.to_json() for one in found.found.beside], found.found.yardstick)
    passed = beaten["passed"] or not beat_baseline
    page = found.folder / "leaderboard.html"
    if json:
        output.emit(found.to_json() | {"report": page, "passed": passed})
        return 0 if passed else 1
    _show(found, page)
    if beat_baseline:
        gates.told(beaten)
    return 0 if passed else 1


def _settings(given: Sequence[str]) -> dict[str, Any]:
    """What --set says, of a metric and a seed alone."""
    found = dict[str, Any]()
    for word in given:
        key, _, value = word.partition("=")
        if key not in TAKES:
            raise unknown("setting of train auto", key, TAKES)
        found[key] = value
    if "seed" in found:
        if not found["seed"].isdigit():
            raise UsageError(f"seed={found['seed']} is no seed; expected a number from 0 on")
        found["seed"] = int(found["seed"])
    return found


def _show(found: Any, page: Path) -> None:
    from cartograd.apps.auto.leaderboard import HEAD

    best = found.found
    output.verdict(best.baseline)
    output.metrics(best.metrics, best.intervals, best.averages)
    right = ("valid", "folds", "test", "time", "parameters")
    output.table(HEAD, [one.cells(found.metric) for one in found.lines], right=right)
    left = f"{len(found.failed)} not tried, or not to be trained; " if found.failed else ""
    members = found.members or [found.lines[0].tried.name]
    again = [one.command for one in found.lines if one.tried.name in members]
    valid = f"{found.metric} {units.metric(found.metric, found.valid)}"
    output.lines(
        [
            ("kept", f"{found.kept}: {valid} {found.judges}"),
            ("measured", f"on {best.examples:,} test examples, which decided nothing{found.unit}"),
            *([("yardstick", best.yardstick)] if best.yardstick else []),
            ("model", str(found.best)),
            *(("again", command) for command in again),
            ("table", f"{left}{page}"),
            *following("evaluate", found.best),
        ]
    )
