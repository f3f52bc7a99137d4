"""Compress within a budget: ways to make a model smaller are tried until one is small enough.

First the weights are rounded, which takes no training: to half precision, to eight bits, to whole
numbers throughout. Then a quarter, a half, three quarters of the channels go (of a Transformer, of
the heads); what is left learns from the original (where it names no classes, from the examples
alone) and is rounded, too. Of what is within the budget the best on the held-back examples is
chosen. Larger cuts are not tried once one is within it.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cartograd.apps.load.target import Target, as_bundle
from cartograd.apps.replace.margin import Given, limits
from cartograd.apps.report.within_page import within_page
from cartograd.apps.results.slimmed import Slimmed, Stage
from cartograd.apps.results.within import Within
from cartograd.apps.verbs.compress import compress
from cartograd.apps.verbs.compress_steps import compress_steps
from cartograd.apps.verbs.evaluate import usual
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.core.registry import find
from cartograd.core.signed import Signed

ROUNDINGS = "half-weights", "int8-weights", "quantize-static"
CUTS = "prune-channels", "prune-heads"
"""Of a model the first that it can do without."""
AMOUNTS = 0.25, 0.5, 0.75
NOTE = "budget.json"


def compress_within(
    target: Target,
    budget: Given,
    data: Any = None,
    /,
    *,
    folder: str | Path,
    part: str | None = None,
    epochs: int = 2,
    resume: bool = False,
    progress: Any = None,
) -> Within:
    """The best small form of a model that is within a budget, of some that are tried.

    Args:
        target: a run, a bundle, or the path of one.
        budget: what it may cost at most: `size=1MB`, `latency=5ms` (of one example, here),
            `memory=200MB`, or several.
        data: what it was trained on, to learn from and to be measured; known of a run.
        folder: to make: `bundle` is what was chosen, `ways` holds all that was tried.
        part: on which all are measured; the one that was held back.
        epochs: of learning from the original after each cut.
        resume: go on in the folder, whose ways that are done are kept.
        progress: True shows how trainings go on standard error.

    Raises:
        UsageError: there is no budget or it is none, the data do not fit or are not known, or the
            folder exists; nothing is written then.
    """
    given = limits(budget, what="budget")
    if not given:
        raise UsageError("there is no budget; expected size=1MB, latency=5ms or memory=200MB")
    original, home = as_bundle(target), Path(folder)
    fresh = not home.exists()
    _open(home, {"of": original.digest, "budget": given, "epochs": epochs}, resume)
    metric = usual(original.model)[0]
    better = find(metric, kind="metric")[0].better or "higher"
    found: Within | None = None
    left_out = dict[str, str]()
    try:
        for name, steps in _ways(original.model, epochs, left_out):
            if found is not None and name in AMOUNTS and found.chosen is not None:
                break
            place = home / "ways" / "-".join(step.partition(":")[0] for step in steps)
            place = place.with_name(f"{place.name}-{name}" if name else place.name)
            try:
                one = compress_steps(
                    original,
                    steps,
                    data,
                    folder=place,
                    part=part,
                    resume=place.exists(),
                    progress=progress,
                )
            except UsageError as error:
                if name or found is None:
                    raise
                left_out[steps[0]] = str(error)
                continue
            before = () if found is None else found.stages
            stages = (*before, *_told(one, first=not before))
            found = Within(home, given, one.metric, better, one.examples, one.part, stages)
    except UsageError:
        if fresh and found is None:  # before any work: nothing is left
            shutil.rmtree(home, ignore_errors=True)
        raise
    assert found is not None
    return _kept(replace(found, left_out=tuple(left_out.items())))


def _ways(
    model: Signed, epochs: int, left_out: dict[str, str]
) -> Iterator[tuple[float | None, tuple[str, ...]]]:
    """Steps of each way, with the amount that is cut; what the model cannot do without is told."""
    for rounding in ROUNDINGS:
        yield None, (rounding,)
    for cut in CUTS:
        try:
            compress(model, method=f"{cut}:amount={AMOUNTS[0]}")
        except UsageError as error:
            left_out[cut] = str(error)
            continue
        learning = "distill" if model.signature.task.target == "class" else "fine-tune"
        for amount in AMOUNTS:
            yield amount, (f"{cut}:amount={amount}", f"{learning}:epochs={epochs}", ROUNDINGS[-1])
        return


def _open(home: Path, note: dict[str, Any], resume: bool) -> None:
    """The folder, with a note of what is searched in it.

    Raises:
        UsageError: it exists and nothing is to be resumed, or it was begun otherwise.
    """
    if not home.exists():
        if resume:
            raise UsageError(f"{home} does not exist; there is nothing to resume")
        write_file(home / NOTE, json.dumps(note) + "\n")
        return
    if not resume:
        raise UsageError(f"{home} exists already; choose another folder, or resume it (--resume)")
    try:
        before = json.loads((home / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{home} was not begun by a budget") from error
    if before != note:
        raise UsageError(
            f"{home} was begun with another budget or another model; choose another folder"
        )


def _told(one: Slimmed, *, first: bool) -> list[Stage]:
    """The stages of a way, each by all its steps; the original once."""
    original, *others = one.stages
    words = [
        replace(stage, step=" ".join(before.step for before in others[: number + 1]))
        for number, stage in enumerate(others)
    ]
    return [original, *words] if first else words


def _kept(found: Within) -> Within:
    """It is written, and what was chosen lies beside it."""
    home = found.path
    if (home / "bundle").exists():
        shutil.rmtree(home / "bundle")
    if found.chosen is not None:
        shutil.copytree(found.chosen.path, home / "bundle")
    write_file(home / "report.json", json.dumps(found.to_json(), indent=1) + "\n")
    within_page(found.page, found)
    return found
