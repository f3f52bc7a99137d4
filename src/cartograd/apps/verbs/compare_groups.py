"""Compare groups of runs: means over seeds and examples, all pairs, with a margin if one is given.

Each group is one arm: runs of the same settings with several seeds. All are measured on the same
examples, and a difference has to stand against another training and against other examples
(`cartograd.practice.metrics.crossed`); with more than two arms, all pairs together.
"""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.answers.averaged import about, measure
from cartograd.apps.answers.decisions import probable
from cartograd.apps.load.runs import Look, listed, look
from cartograd.apps.load.source import Data
from cartograd.apps.results.groups import ArmFigure, Group, GroupComparison, GroupMetric, Versus
from cartograd.apps.verbs.together import together, without_bundle
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port, Signature
from cartograd.engine.logging.run_folder import is_run
from cartograd.practice.metrics.crossed import Arm, difference, holm, mean
from cartograd.practice.metrics.interval import interval, moved

PRIVATE = ("seed",)
"""Settings in which the runs of one arm may differ."""


def compare_groups(
    *groups: str | Path | Sequence[str | Path],
    data: Data | None = None,
    part: str | None = None,
    margins: Mapping[str, float] | None = None,
) -> GroupComparison:
    """Compare groups of runs.

    Args:
        *groups: of each arm its runs: a list of folders, a pattern like `"runs/a-*"`, a folder
            that holds runs, or one run.
        data: what to measure on; by default what all were trained on.
        part: of that, as of `compare`.
        margins: by metric, how large a difference does not matter (a share for rates): those that
            are surely smaller are called the same.

    Raises:
        UsageError: a group has no run, a run is in two groups or has no bundle, the runs of one
            group differ in more than their seed, or they cannot be measured together.
    """
    if len(groups) < 2:
        raise UsageError(f"{len(groups)} groups of runs; expected at least two, like 'runs/a-*'")
    arms = _told_apart([_group(one) for one in groups], groups)
    _check(arms)
    return _compared(arms, data, part, dict(margins or {}))


def measured(
    name: str, runs: Sequence[str | Path], /, *, data: Data | None = None
) -> GroupComparison:
    """What repetitions of one training reach: a single group, and no pairs.

    Args:
        name: of the group.
        runs: their folders.
        data: what they were trained on, where no spec names it.

    Raises:
        UsageError: as of `compare_groups`.
    """
    group = (Group(name, tuple(map(look, runs))),)
    _check(group)
    return _compared(group, data, None, {})


def _compared(
    arms: tuple[Group, ...], data: Data | None, part: str | None, wanted: dict[str, float]
) -> GroupComparison:
    found = together([x.folder for arm in arms for x in arm.looks], data=data, part=part)
    answers = list(zip(found.outputs, found.ports, strict=True))
    each = [[answers.pop(0) for _ in arm.looks] for arm in arms]
    names = [arm.name for arm in arms]
    usual = found.signature.task.usual_metrics(found.signature.classes)
    for name in wanted:
        if name not in usual:
            raise unknown("metric with a margin", name, usual)
    return GroupComparison(
        groups=arms,
        settings=_differing(arms),
        metrics=tuple(
            _metric(name, found.signature, names, each, found.targets, wanted.get(name))
            for name in usual
        ),
        data=found.data,
        examples=len(found.examples),
    )


def _told_apart(arms: list[Group], given: Sequence[Any]) -> tuple[Group, ...]:
    """Arms of one name by all that was said of them."""
    names = [arm.name for arm in arms]
    return tuple(
        arm if names.count(arm.name) == 1 else replace(arm, name=str(said))
        for arm, said in zip(arms, given, strict=True)
    )


def _group(given: str | Path | Sequence[str | Path]) -> Group:
    """The runs that a word stands for."""
    if not isinstance(given, str | Path):
        found = tuple(map(look, given))
        return Group(found[0].folder.name if found else "", _some(found, given))
    path, text = Path(given), str(given)
    if glob.has_magic(text) and not path.exists():
        places = [Path(place) for place in sorted(glob.glob(text))]
        found = tuple(look(place) for place in places if place.is_dir() and is_run(place))
        return Group(Path(text).name.strip("*?-_.") or text, _some(found, text))
    if path.is_dir() and not is_run(path):
        damaged = [x for x in listed(path) if not isinstance(x, Look)]
        if damaged:
            raise UsageError(f"{damaged[0][0]}: {damaged[0][1]}")
        return Group(path.name, _some(tuple(x for x in listed(path) if isinstance(x, Look)), text))
    return Group(path.name, (look(path),))


def _some(looks: tuple[Look, ...], given: object) -> tuple[Look, ...]:
    if not looks:
        raise UsageError(f"{given} holds no run; `cartograd runs list` shows those that there are")
    return looks


def _check(arms: tuple[Group, ...]) -> None:
    """Refuse what would make the comparison mean something else than it says."""
    owners: dict[Path, str] = {}
    for arm in arms:
        for one in arm.looks:
            before = owners.setdefault(one.folder.resolve(), arm.name)
            if before is not arm.name:
                raise UsageError(f"{one.folder} is in two groups, {before} and {arm.name}")
        if reason := without_bundle(arm.looks):
            raise UsageError(f"{reason}; finish it with --resume, or leave it out of {arm.name}")
        own = _own(arm.looks[0])
        for one in arm.looks[1:]:
            other = _own(one)
            keys = [key for key in {**own, **other} if own.get(key) != other.get(key)]
            if keys:
                values = f"{own.get(keys[0])} and {other.get(keys[0])}"
                raise UsageError(
                    f"the runs of {arm.name} are no repetitions of one another: {keys[0]} is "
                    f"{values} ({arm.looks[0].folder.name}, {one.folder.name}); give one group "
                    "for each"
                )
        if len(set(arm.seeds)) < len(arm.looks):
            raise UsageError(
                f"two runs of {arm.name} have the same seed; they are one training, counted twice"
            )


def _own(one: Look) -> dict[str, Any]:
    return {key: value for key, value in one.settings.items() if key not in PRIVATE}


def _differing(arms: tuple[Group, ...]) -> dict[str, tuple[Any, ...]]:
    settings = [_own(arm.looks[0]) for arm in arms]
    values = {key: tuple(x.get(key) for x in settings) for x in settings for key in x}
    return {key: each for key, each in values.items() if any(one != each[0] for one in each)}


def _metric(
    name: str,
    signature: Signature,
    names: list[str],
    answers: list[list[tuple[Tensor, Port]]],
    targets: Tensor,
    margin: float | None,
) -> GroupMetric:
    metric = measure(name, signature)
    seen = [[probable(metric, *one) for one in arm] for arm in answers]
    arms, figures = [], []
    for each in seen:
        values = tuple(float(metric(one, targets)) for one in each)
        moves = [moved(metric, one, targets) for one in each]
        known = [one for one in moves if one is not None]
        arms.append(Arm(values, torch.stack(known) if len(known) == len(each) else None))
        alone = [interval(metric, one, targets) for one in each]
        figures.append(_figure(arms[-1], alone))
    pairs = list(combinations(range(len(arms)), 2))
    apart = [difference(arms[one], arms[other]) for one, other in pairs]
    level = 1 - 0.05 / max(1, len(pairs))
    versus = [
        Versus(
            names[one], names[other], found.value, *found.interval(level), chance, margin,
            margin is not None and found.within(margin, level=level),
        )
        for (one, other), found, chance in zip(
            pairs, apart, holm([x.p for x in apart]), strict=True
        )
    ]  # fmt: skip
    return GroupMetric(name, tuple(figures), tuple(versus), about(name, signature))


def _figure(arm: Arm, alone: list[tuple[float, float]]) -> ArmFigure:
    """The mean; where no example moves it (all are right) it is no surer than a run alone is."""
    found = mean(arm)
    low, high = found.interval()
    if not found.error:
        low, high = min(one for one, _ in alone), max(one for _, one in alone)
    return ArmFigure(found.value, low, high, arm.spread, arm.values, found.seen)
