"""Auto: from data and a time to the best model that was found, and the whole table of what was."""

import math
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cartograd.apps.answers.averaged import measure
from cartograd.apps.auto.averaged import averaged, together
from cartograd.apps.auto.candidates import absent, candidates
from cartograd.apps.auto.judged import Judged
from cartograd.apps.auto.leaderboard import Leaderboard, Line
from cartograd.apps.auto.remembered import remembered
from cartograd.apps.auto.search import STATE, Search
from cartograd.apps.auto.tried import Tried
from cartograd.apps.check.kept import keep_card
from cartograd.apps.load.choice import Choice, choice
from cartograd.apps.load.source import read_once
from cartograd.apps.verbs.evaluate import evaluate
from cartograd.core.errors import UsageError, unknown
from cartograd.engine.files import bundle
from cartograd.engine.files.bundle import Bundle, write_bundle
from cartograd.practice.metrics.interval import interval

BEST = "best"

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.monotonic, "processor": time.process_time}
"""By what the time of a search runs."""


def auto(
    data: Any,
    /,
    *,
    minutes: float = 10.0,
    metric: str | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    clock: str = "wall",
    resume: bool = False,
    said: Callable[[str], object] = lambda _: None,
) -> Leaderboard:
    """Try models on data for some minutes, and keep the best, or an average of several.

    Candidates that fit the kind of data are trained for a few epochs, the better third for all of
    them, the best two with more seeds (see `cartograd.apps.auto.search`). The choice is made by
    validation examples; test examples are measured afterwards.

    Args:
        data: as `train` takes them; a path will do.
        minutes: that the search may take; a training that is under way then is cut short.
        metric: by which models are compared; by default accuracy, where a class is rare ROC AUC or
            the mean recall, of values the root of the mean squared error.
        folder: where runs and leaderboard go; by default the next free `runs/auto-DATA-N`.
        seed: of the first trainings.
        clock: by which the time runs: `wall`, or `processor`, the seconds that processors have
            worked for it, as on a machine that others use, too.
        resume: go on with the search in `folder`.
        said: told how it goes on.

    Raises:
        UsageError: the data cannot be had or learned from, have no validation part, or an argument
            is out of its range; nothing is written then.
    """
    if not (math.isfinite(minutes) and minutes > 0):
        raise UsageError(f"minutes={minutes} is no time; expected more than 0")
    if resume and folder is None:
        raise UsageError("give the folder of the search to go on with: --folder (as printed)")
    if clock not in CLOCKS:
        raise unknown("clock", clock, tuple(CLOCKS))
    began = CLOCKS[clock]()
    with read_once():
        chosen = choice(data)
        judged = Judged(chosen.data, chosen.word, metric)
        place = _place(chosen.data.name, folder, resume)
        search = Search(
            chosen.word, place, 60 * minutes, judged, seed, said, began, CLOCKS[clock]
        )  # fmt: skip
        return _searched(search, chosen, minutes)


def _searched(search: Search, chosen: Choice, minutes: float) -> Leaderboard:
    """Search, keep the best, and measure it."""
    options, judged, place = candidates(chosen), search.judged, search.folder
    count = f"{len(options)} candidates by {judged.metric} of {len(chosen.data.valid):,} validation"
    search.said(f"{count} examples, {minutes:g} minutes: {place}")
    for line in [*absent(chosen), *keep_card(chosen.data, chosen.word, place)]:
        search.said(line)
    ranked = search.run(options)
    counts, valid = _chosen(ranked, place, judged)
    _keep(counts, place, judged, chosen.word)
    members = counts if len(counts) > 1 else {}
    usual = chosen.data.signature.task.usual_metrics(chosen.data.signature.classes)
    names = tuple(dict.fromkeys([*usual, judged.metric]))
    with _best(search, ranked, counts) as kept:
        best = evaluate(kept, chosen.word, part="test", metrics=names)
    words = ["cartograd", "train", "auto", "--data", str(chosen.word), "--minutes", f"{minutes:g}"]
    found = Leaderboard(
        data=str(chosen.word) if isinstance(chosen.word, str) else chosen.data.name,
        metric=judged.metric,
        lines=tuple(_line(one, place, judged) for one in ranked),
        failed=tuple(one for one in search.tried if one.failed),
        folder=place,
        best=place / BEST,
        members=members,
        valid=judged.sign * valid,
        judges=judged.examples(ranked[0]),
        found=best,
        decided=tuple(chosen.data.told),
        minutes=minutes,
        again=shlex.join(words),
    )
    found.write()
    return found


@contextmanager
def _best(search: Search, ranked: Sequence[Tried], counts: dict[str, int]) -> Iterator[Bundle]:
    """The bundle that is kept; what frozen parts have said of test examples is not asked again.

    It is held against the quick model, without which its trainings did.
    """
    found = bundle.load(search.folder / BEST)
    own: Any = found.model.model
    members = own.members if len(counts) > 1 else [own]
    with ExitStack() as stack:
        for member, name in zip(members, counts, strict=True):
            still, headed = search.judged.still.get(search.folder / name, ([], False))
            said = search.said_before[next(one.model for one in ranked if one.name == name)]
            if said and still:
                for named, weight in member.named_parameters():
                    weight.requires_grad_(named not in still)
                stack.enter_context(remembered(member, said, headed=headed))
        settings = {**found.about.get("settings", {}), "yardstick": "auto"}
        yield replace(found, about=found.about | {"settings": settings})


def _place(name: str, folder: str | Path | None, resume: bool) -> Path:
    """The folder of the search."""
    if folder is None:
        number = 1
        while (place := Path("runs") / f"auto-{name}-{number}").exists():
            number += 1
        return place
    place = Path(folder)
    if resume and not (place / STATE).is_file():
        raise UsageError(f"{place} holds no search to go on with ({STATE} is missing)")
    if not resume and place.exists():
        raise UsageError(f"{place} exists already; choose another folder, or --resume")
    return place


def _chosen(ranked: list[Tried], place: Path, judged: Judged) -> tuple[dict[str, int], float]:
    """The best run, or those of an average, with how often each counts; and the score."""
    found = averaged([place / one.name for one in ranked], judged)
    if found is None:
        return {ranked[0].name: 1}, ranked[0].better[0]
    counts, (score, _) = found
    return {run.name: n for run, n in counts.items()}, score


def _keep(counts: dict[str, int], place: Path, judged: Judged, word: Any) -> None:
    """Write the bundle of a run, or of several that answer together."""
    shutil.rmtree(place / BEST, ignore_errors=True)
    runs = {place / name: count for name, count in counts.items()}
    if len(runs) == 1:
        shutil.copytree(next(iter(runs)) / "bundle", place / BEST)
        return
    first = bundle.load(next(iter(runs)))
    about = {key: first.about[key] for key in ("data", "source") if key in first.about}
    settings = {"data": first.about.get("data", str(word)), "model": "ensemble"}
    examples = judged.data.test.select(range(min(8, len(judged.data.test)))).arguments
    write_bundle(
        place / BEST,
        together(runs, judged),
        examples=examples if len(judged.data.test) else None,
        about=about | {"settings": settings, "members": counts},
        reference=first.reference,
    )


def _line(one: Tried, place: Path, judged: Judged) -> Line:
    """A try with its figures on the test examples."""
    run = place / one.name
    found = bundle.load(run)
    told = found.metrics.get(judged.metric)  # as the training has measured it
    if told is None:
        outputs, targets = judged.answers(run, "test")
        metric = measure(judged.metric, judged.signature)
        low, high = interval(metric, outputs, targets)
        told = {"value": float(metric(outputs, targets)), "low": low, "high": high}
    return Line(
        one, one.command(str(judged.word)), judged.sign * one.score,
        told["value"], told["low"], told["high"], int(found.about.get("parameters", 0)),
    )  # fmt: skip
