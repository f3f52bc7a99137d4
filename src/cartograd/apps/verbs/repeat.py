"""Repeat a training by several seeds: what the model reaches, over seeds and examples."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cartograd.apps.load.runs import look
from cartograd.apps.load.target import name_of
from cartograd.apps.results.groups import GroupComparison
from cartograd.apps.verbs.compare_groups import measured
from cartograd.apps.verbs.plan import Plan, planned
from cartograd.apps.verbs.train import named, run, train
from cartograd.core.errors import UsageError
from cartograd.engine.logging.run_folder import is_run
from cartograd.engine.loop.fit import Run

MOST = 100
ENDED = ("finished", "early", "callback")


def check_seeds(seeds: int, /) -> None:
    """Refuse a number of trainings that is none.

    Raises:
        UsageError: there are too few, or too many.
    """
    if not 2 <= seeds <= MOST:
        raise UsageError(f"seeds={seeds} is out of range; expected 2 to {MOST} trainings")


def repeat(
    model: Any = None,
    data: Any = None,
    /,
    *,
    seeds: int = 5,
    folder: str | Path | None = None,
    resume: bool = False,
    said: Callable[[str], object] = lambda _: None,
    **options: Any,
) -> GroupComparison | Run:
    """Train once for each of several seeds, and measure what the trainings reach together.

    Args:
        model: as of `train`.
        data: as of `train`; all trainings have the same examples in the same parts.
        seeds: how many trainings; their seeds are `seed`, `seed` + 1, ...
        folder: the runs are FOLDER-seed0, FOLDER-seed1, ...; by default the next free
            `runs/MODEL-DATA-N`.
        resume: go on with the trainings of `folder`: those that ended stay, one that was stopped
            goes on, those that are missing are begun.
        said: told of each training before it begins.
        **options: further arguments of `train`.

    Returns:
        The mean of each metric with its interval over seeds and examples, as of one group of
        runs; or, if a training was interrupted, that run.

    Raises:
        UsageError: something is wrong with what was given; nothing is written then.
    """
    check_seeds(seeds)
    if resume and folder is None:
        raise UsageError("give the folder of the trainings to go on with: --folder (as printed)")
    shown = {key: options.pop(key) for key in ("progress", "callbacks") if key in options}
    model = str(model) if isinstance(model, Path) else model
    plan = planned(model, data, **options)
    begin, base = int(plan.value("seed")), _base(plan, folder)
    places = {seed: Path(f"{base}-seed{seed}") for seed in range(begin, begin + seeds)}
    for place in places.values():
        _check(plan, place, resume)
    for at, (seed, place) in enumerate(places.items()):
        there = resume and is_run(place)
        if there and look(place).state in ENDED:
            continue
        said(f"training {at + 1} of {seeds}, seed {seed}: {place}")
        if there:
            done = train(None, folder=place, resume=True, **shown)
        else:
            if seed != begin:
                own: dict[str, Any] = {**options, "seed": seed}
                plan = planned(model, data, **own)
            done = run(plan, folder=place, **shown)
        if done.stopped == "interrupted":
            return done
    return measured(base.name, list(places.values()), data=data)


def _check(plan: Plan, place: Path, resume: bool) -> None:
    """Refuse what is in the way, before any of the trainings is begun."""
    if not place.exists():
        return
    if not resume:
        raise UsageError(f"{place} exists already; choose another --folder, or --resume")
    if is_run(place):
        _check_same(plan, place)


def _check_same(plan: Plan, place: Path) -> None:
    """Refuse to add to trainings of other settings."""
    own = look(place).settings
    now = {key: item.value for key, item in plan.words().items()}
    for key in {**own, **now}:
        if key != "seed" and named(own.get(key)) != named(now.get(key)):
            raise UsageError(
                f"{place} was trained with {key}={named(own.get(key))} and this has "
                f"{key}={named(now.get(key))}; repeat it with the same, or choose another --folder"
            )


def _base(plan: Plan, folder: str | Path | None) -> Path:
    """What the folders of all trainings begin with."""
    if folder is not None:
        return Path(folder)
    name = f"{name_of(plan.model).lower()}-{plan.data.name}"
    form = re.compile(rf"{re.escape(name)}-(\d+)(-seed\d+)?")
    there = [path.name for path in Path("runs").iterdir()] if Path("runs").is_dir() else []
    numbers = [int(match[1]) for one in there if (match := form.fullmatch(one))]
    return Path("runs") / f"{name}-{max(numbers, default=0) + 1}"
