"""Successive halving within a time: all candidates for a few epochs, the better ones for all.

The time is cut into shares: a first round for all candidates, a second for the better third with as
many epochs as they are worth, a third for other seeds of the best two, and a rest for measuring.
How many epochs fit is found by timing real steps of each candidate before it is trained; the number
stands in its line, so that a line trains the same model again wherever it is run. What a try gave
is kept in the folder, so that a search that was stopped goes on.

References:
    Kevin Jamieson, Ameet Talwalkar. Non-stochastic best arm identification and hyperparameter
    optimization. AISTATS 2016. https://arxiv.org/abs/1502.07943
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.auto.candidates import Candidate
from cartograd.apps.auto.judged import Judged
from cartograd.apps.auto.tried import Tried
from cartograd.apps.load.runs import look
from cartograd.apps.verbs.cost import probe
from cartograd.apps.verbs.plan import planned
from cartograd.apps.verbs.train import train
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.engine.logging.run_folder import is_run, made

SHARES = (0.35, 0.3, 0.2)
"""Of the time, for each round; what is left is for measuring."""

KEPT = 3
"""One of so many candidates comes to the second round."""

BEST, SEEDS = 2, 2
"""The third round: the best so many, each with so many more seeds."""

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
        tried: what there is, in order.
    """

    data: Any
    folder: Path
    seconds: float
    judged: Judged
    seed: int
    said: Callable[[str], object]
    tried: list[Tried] = field(default_factory=list)

    def __post_init__(self) -> None:
        with suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
            self.tried = [Tried(**one) for one in kept["tried"]]
        self._write()
        self.began = time.monotonic() - sum(one.seconds for one in self.tried)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.seconds - (time.monotonic() - self.began)

    def run(self, candidates: Sequence[Candidate], /) -> list[Tried]:
        """All rounds; the tries, best first.

        Raises:
            UsageError: no candidate could be trained.
        """
        first = self._round(1, candidates, SHARES[0])
        good = self._ranked(first)
        if not good:
            raise UsageError(f"nothing could be trained: {first[0].failed}")
        chosen = good[: max(1, -(-len(good) // KEPT))]
        again = [self._candidate(one, candidates) for one in chosen]
        self._round(2, [one for one in again if not one.once], SHARES[1])
        finalists = self._unlike(self._ranked(self.tried))[:BEST]
        for shift in range(1, SEEDS + 1):
            for one in finalists:
                self._seed(one, self.seed + shift)
        return self._ranked(self.tried)

    def _ranked(self, tried: Sequence[Tried]) -> list[Tried]:
        good = [one for one in tried if not one.failed]
        return sorted(good, key=lambda one: one.better, reverse=True)

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
        return next(
            x for x in candidates
            if x.model == one.model and all(one.settings.get(k) == v for k, v in x.settings.items())
        )  # fmt: skip

    def _round(self, number: int, candidates: Sequence[Candidate], share: float) -> list[Tried]:
        """Try candidates, each for its part of the round's time."""
        found, waiting = [], list(candidates)
        begun, whole = self.left, share * self.seconds
        while waiting:
            one = waiting.pop(0)
            part = max(0.0, whole - (begun - self.left)) / (len(waiting) + 1)
            found.append(self._try(f"{number}-{len(found) + 1}", number, one, part))
        return found

    def _try(self, name: str, number: int, one: Candidate, part: float) -> Tried:
        """Train a candidate, unless that was done before."""
        kept = next((x for x in self.tried if x.name == name), None)
        if kept is not None:
            return kept
        settings = {**one.settings, "seed": self.seed}
        begun = time.monotonic()
        try:
            self._check_time(number)
            if not one.once:
                settings["epochs"] = self._epochs(one, part, number)
            return self._trained(Tried(name, one.model, settings, number), begun)
        except UsageError as error:
            return self._note(Tried(name, one.model, settings, number, failed=str(error)), begun)

    def _check_time(self, number: int) -> None:
        if self.left <= 0 and any(not one.failed for one in self.tried):
            raise UsageError(f"not tried: the time was up before it (round {number})")

    def _epochs(self, one: Candidate, part: float, number: int) -> int:
        """As many epochs as fit into its part of the time, by timing some steps."""
        plan = planned(one.model, self.data, **{**one.settings, "seed": self.seed})
        usual = int(plan.value("epochs"))
        whole = probe(plan, 1.0)[1]
        fits = int(part / (whole / usual)) if whole else usual
        needed = any(not x.failed for x in self.tried)
        if fits < 1 and needed:
            left = f"its part of the time is {units.seconds(part)}" if part else "no time was left"
            raise UsageError(
                f"not tried: an epoch takes about {units.seconds(whole / usual)}, and {left}"
            )
        return max(1, min(fits, usual if number == 1 else 2 * usual))

    def _seed(self, best: Tried, seed: int) -> None:
        """One more seed of one of the best, if there is time for it."""
        name = f"{best.name}-seed{seed}"
        if any(x.name == name for x in self.tried) or best.seconds > self.left:
            return
        settings = {**best.settings, "seed": seed}
        begun = time.monotonic()
        try:
            self._trained(Tried(name, best.model, settings, 3), begun)
        except UsageError as error:
            self._note(Tried(name, best.model, settings, 3, failed=str(error)), begun)

    def _trained(self, one: Tried, begun: float) -> Tried:
        """The run of a try, and what it reached."""
        self.said(f"{one.name}: {one.model}, {_plain(one.settings)}")
        place = self.folder / one.name
        if is_run(place) and look(place).state not in ("finished", "early"):
            train(None, folder=place, resume=True, yardstick="none")
        elif not is_run(place):
            done = train(
                one.model, self.data, folder=place, yardstick="none", samples=None, **one.settings
            )
            if done.stopped == "interrupted":
                raise KeyboardInterrupt
        score, loss = self.judged.score(place)
        return self._note(replace(one, score=score, loss=loss), begun)

    def _write(self) -> None:
        """Keep what was tried, before the first, too: a search that is stopped then goes on."""
        state = {"tried": [x.to_json() for x in self.tried]}
        write_file(made(self.folder) / STATE, json.dumps(state, indent=1) + "\n")

    def _note(self, one: Tried, begun: float) -> Tried:
        """Keep what a try gave."""
        one = replace(one, seconds=time.monotonic() - begun)
        self.tried.append(one)
        self._write()
        told = one.failed or f"{self.judged.spoken(one.score)} ({one.seconds:.1f} s)"
        self.said(f"{one.name}: {told}")
        return one


def _plain(settings: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())
