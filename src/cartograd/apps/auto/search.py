"""Successive halving within a time: all candidates for a few epochs, the better ones for all.

The time is cut into shares: a first round for all candidates, a second for the better third with as
many epochs as they are worth, a third for other seeds of the best, and a rest for measuring. Where
few examples are held out, the tries of the first two are judged by cross-validation (`folds`).
How many epochs fit is found by timing real steps of each candidate before it is trained (`timed`);
the number stands in its line, so that a line trains the same model again wherever it is run. What a
try gave is kept in the folder, so that a search that was stopped goes on.

References:
    Kevin Jamieson, Ameet Talwalkar. Non-stochastic best arm identification and hyperparameter
    optimization. AISTATS 2016. https://arxiv.org/abs/1502.07943
"""

import json
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cartograd.apps.auto.candidates import Candidate
from cartograd.apps.auto.crossed import FOLDED, crossed
from cartograd.apps.auto.judged import Judged
from cartograd.apps.auto.remembered import Kept, remembered
from cartograd.apps.auto.timed import HALF, Part, Timed
from cartograd.apps.auto.tried import Tried
from cartograd.apps.auto.until import Until
from cartograd.apps.check.kept import JSON, PAGE
from cartograd.apps.load.runs import look
from cartograd.apps.verbs.plan import planned
from cartograd.apps.verbs.train import run, train
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.engine.logging.run_folder import is_run, made

SHARES = (0.45, 0.25)
"""Of the time, for the first and the second round; the third has the rest."""

MEASURED, LEAST, MOST = 0.1, 4.0, 0.25
"""Share of the time in which nothing is trained any more, for averages and test examples; at least
so many seconds, if these are not more than another share."""

KEPT = 3
"""One of so many candidates comes to the second round."""

BEST, SEEDS = 3, 3
"""The third round: the best so many, each with so many more seeds, while there is time."""

ENDED = ("finished", "early", "callback")
"""States of a run that goes on no more."""

STATE = "search.json"


@dataclass
class Search:
    """A search under way.

    Attributes:
        data: as `train` takes them.
        folder: where its trainings and its state lie.
        seconds: that it may take.
        judged: what measures a run on the validation examples.
        seed: of the first trainings.
        said: told how it goes on.
        began: when the time began to run, by the clock.
        clock: in seconds; of the wall, or of the processor.
        tried: what there is, in order.
        again: seconds that a try would take once more, with another seed, by its name.
        timed: how long candidates take.
    """

    data: Any
    folder: Path
    seconds: float
    judged: Judged
    seed: int
    said: Callable[[str], object]
    began: float = field(default_factory=time.monotonic)
    clock: Callable[[], float] = time.monotonic
    tried: list[Tried] = field(default_factory=list)
    again: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.timed = Timed(self.data, self.seed, self.clock, lambda: self.left, self.said)
        with suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
            self.tried = [Tried(**one) for one in kept["tried"]]
        self._write()
        self.began -= sum(one.seconds for one in self.tried)

    @property
    def said_before(self) -> defaultdict[str, Kept]:
        """What frozen parts of published weights said of examples, by the weights."""
        return self.timed.said_before

    @property
    def left(self) -> float:
        """Seconds that are left for trainings."""
        rest = min(MOST * self.seconds, max(MEASURED * self.seconds, LEAST))
        return self.seconds - rest - (self.clock() - self.began)

    def run(self, candidates: Sequence[Candidate], /) -> list[Tried]:
        """All rounds; the tries, best first.

        Raises:
            UsageError: no candidate could be trained.
        """
        first = self._round(1, candidates, SHARES[0])
        if not self.judged.ranked(first):
            raise UsageError(f"nothing could be trained: {first[0].failed}")
        few = self.judged.folds.few
        if few:
            first = crossed(self, first, FOLDED[0])
        good = self.judged.ranked(first)
        chosen = good[: max(1, -(-len(good) // KEPT))]
        again = [self._candidate(one, candidates) for one in chosen if "epochs" in one.settings]
        share = SHARES[1] / 2 if few else SHARES[1]
        second = self._round(2, again, share)
        if few:
            crossed(self, second, FOLDED[1])
        finalists = self._unlike(self.judged.ranked(self.tried))[:BEST]
        for shift in range(1, SEEDS + 1):
            for one in finalists:
                self._seed(one, self.seed + shift)
        return self.judged.ranked(self.tried)

    @staticmethod
    def _unlike(ranked: Sequence[Tried]) -> list[Tried]:
        """The best of each candidate, however long it was trained."""
        found: dict[str, Tried] = {}
        for one in ranked:
            own = {x: v for x, v in one.settings.items() if x not in ("epochs", "seed")}
            found.setdefault(f"{one.model} {own}", one)
        return list(found.values())

    @staticmethod
    def _candidate(one: Tried, candidates: Sequence[Candidate]) -> Candidate:
        return next(x for x in candidates if Search._is(one, x))

    @staticmethod
    def _is(one: Tried, of: Candidate) -> bool:
        """Whether a try is one of a candidate."""
        own = {key: x for key, x in one.settings.items() if key not in ("epochs", "seed")}
        return one.model == of.model and own == dict(of.settings)

    def _round(self, number: int, candidates: Sequence[Candidate], share: float) -> list[Tried]:
        """Try candidates, each for its part of the round's time."""
        found, waiting = [], list(candidates)
        begun, whole = self.left, min(share * self.seconds, self.left)
        while waiting:
            one = waiting.pop(0)
            room = max(0.0, whole - (begun - self.left))
            part = room / (len(waiting) + 1), HALF * room
            found.append(self._try(f"{number}-{len(found) + 1}", number, one, part))
        return found

    def _try(self, name: str, number: int, one: Candidate, part: tuple[float, float]) -> Tried:
        """Train a candidate, unless that was done before."""
        kept = next((x for x in self.tried if x.name == name), None)
        if kept is not None:
            return kept
        settings = {**one.settings, "seed": self.seed}
        begun = self.clock()
        try:
            self._check_time(number)
            if one.once:
                one = self.timed.grown(one)
                return self._trained(Tried(name, one.model, settings, number), begun)
            settings["epochs"], takes = self._epochs(one, part, number)
            done = self._trained(Tried(name, one.model, settings, number), begun)
            beside = max(0.0, self.again[name] - takes)
            self.timed.beside = min(self.timed.beside, beside)
            return done
        except UsageError as error:
            return self._note(Tried(name, one.model, settings, number, failed=str(error)), begun)

    def _epochs(self, one: Candidate, part: Part, number: int) -> tuple[int, float]:
        """How many epochs, and their seconds; in the second round more than there were before."""
        first = all(x.failed for x in self.tried)
        epochs, takes = self.timed.fits(one, part, most=number, first=first)
        same = [x for x in self.tried if not x.failed and self._is(x, one)]
        had = max((x.settings.get("epochs", 0) for x in same), default=0)
        if epochs <= had:
            raise UsageError(f"not tried again: {epochs} epochs fit, and it had {had} before")
        return epochs, takes

    def _check_time(self, number: int) -> None:
        if self.left <= 0 and any(not one.failed for one in self.tried):
            raise UsageError(f"not tried: the time was up before it (round {number})")

    def _seed(self, best: Tried, seed: int) -> None:
        """One more seed of one of the best, if there is time for it."""
        name = f"{best.name}-seed{seed}"
        takes = self.again.get(best.name, best.seconds)
        if any(x.name == name for x in self.tried) or takes > self.left:
            return
        one = Tried(name, best.model, {**best.settings, "seed": seed}, 3)
        begun = self.clock()
        try:
            self._trained(one, begun)
        except UsageError as error:
            self._note(replace(one, failed=str(error)), begun)

    def _trained(self, one: Tried, begun: float) -> Tried:
        """The run of a try, and what it reached."""
        self.said(f"{one.name}: {one.model}, {_plain(one.settings)}")
        place, cut, started = self.folder / one.name, False, self.clock()
        if is_run(place) and look(place).state not in ENDED:
            train(None, folder=place, resume=True, yardstick="none")
        elif not is_run(place):
            settings = {**one.settings, "yardstick": "none", "samples": None}
            until = Until(lambda: self.left <= 0)
            plan = planned(one.model, self.data, **settings)
            with remembered(plan.model, self.said_before[one.model]):
                done = run(plan, folder=place, callbacks=[until], report=False)
                self.judged.hear(place, plan)
            if done.stopped == "interrupted":
                raise KeyboardInterrupt
            cut = done.stopped == "callback"
            for name in (JSON, PAGE):  # the card of the data is made once for all
                if (self.folder / name).is_file():
                    shutil.copy(self.folder / name, place / name)
        score, loss = self.judged.score(place)
        self.again[one.name] = self.clock() - started
        return self._note(replace(one, score=score, loss=loss, cut=cut), begun)

    def change(self, one: Tried, /) -> None:
        """Put a try in the place of that of its name."""
        self.tried = [one if x.name == one.name else x for x in self.tried]
        self._write()

    def _write(self) -> None:
        """Keep what was tried, before the first, too: a search that is stopped then goes on."""
        state = {"tried": [x.to_json() for x in self.tried]}
        write_file(made(self.folder) / STATE, json.dumps(state, indent=1) + "\n")

    def _note(self, one: Tried, begun: float) -> Tried:
        """Keep what a try gave."""
        one = replace(one, seconds=self.clock() - begun)
        self.tried.append(one)
        self._write()
        told = one.failed or f"{self.judged.spoken(one.score)} ({one.seconds:.1f} s)"
        self.said(f"{one.name}: {told}")
        return one


def _plain(settings: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())
