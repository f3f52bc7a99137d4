"""How long candidates may learn: as many epochs, or trees, as fit, by timing some of each.

An epoch is timed by real steps before the training, and once for all rounds. What a frozen part of
published weights says is computed for all examples at once, where there is time; epochs then take
next to none. Growth cannot be stopped on its way, so that it is given fewer trees where all of them
would take too long.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from cartograd.apps.answers import units
from cartograd.apps.auto.candidates import Candidate
from cartograd.apps.auto.remembered import Kept, remembered, remembers
from cartograd.apps.verbs.cost import probe
from cartograd.apps.verbs.plan import Plan, planned
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import fit

FEW, HALF, ALONE = 8, 0.5, 0.25
"""After fewer epochs a candidate tells little. It gets so many where they take at most this share
of the round's time that is left, though its part is smaller; and one where that takes at most the
other share of all that is left."""

STEPS_TIMED = 0.3
"""Seconds for which steps of a candidate are timed, and of its part of the time a tenth at most."""

LOOKED, SEEN = 32, 0.8
"""Examples that are timed, and the share of different ones that are all of them."""

FIRST = 0.8
"""Share of the time that is left which the frozen part of the first candidate may take: less than
an epoch takes it to no end."""

BACKWARD = 2.0
"""An epoch of all weights takes more than so many times what only looking does."""

TREES, ROWS = 10, 2000
"""Fewest trees that are grown where all do not fit; and rows on which growth is timed."""

Part = tuple[float, float]
"""Seconds of a round that a candidate may take, and the most that a few epochs may."""


@dataclass
class Timed:
    """What is known of how long candidates take.

    Attributes:
        data: as `train` takes them.
        seed: of the first trainings.
        clock: in seconds.
        left: seconds that are left for trainings.
        said: told what was decided.
        said_before: what frozen parts of published weights said of examples, by the weights.
        beside: seconds that a try takes besides its steps, at least: reading, measuring, writing.
        epochs: seconds of an epoch, and how many are usual, by candidate.
        looks: seconds for an example that published weights only look at, by their name.
    """

    data: Any
    seed: int
    clock: Callable[[], float]
    left: Callable[[], float]
    said: Callable[[str], object] = lambda _: None
    said_before: defaultdict[str, Kept] = field(default_factory=lambda: defaultdict(dict))
    beside: float = math.inf
    epochs: dict[str, tuple[float, int]] = field(default_factory=dict)
    looks: dict[str, float] = field(default_factory=dict)

    def fits(self, one: Candidate, part: Part, /, *, most: int, first: bool) -> tuple[int, float]:
        """As many epochs as fit into its part of the time, and the seconds that these take.

        Args:
            one: the candidate.
            part: of the round's time.
            most: how many times the usual epochs.
            first: whether nothing else was trained: then it is trained in any case.

        Raises:
            UsageError: not even one fits.
        """
        takes, usual = self._epoch(one, part, first)
        if not takes:
            return most * usual, 0.0
        spare = self.beside if math.isfinite(self.beside) else 0.0
        fits, few = (int((x - spare) / takes) for x in part)
        fits = max(fits, min(FEW, few))
        if first and fits < FEW and self.left() < 2 * FEW * takes:
            fits = max(fits, min(FEW, int((self.left() - spare) / takes)))
            self.said(
                f"{one.name}: an epoch takes about {units.seconds(takes)}, so that no two could "
                f"have {FEW} each; the first has the time"
            )
        if fits < 1 and not first and takes > ALONE * self.left():
            raise UsageError(f"not tried: an epoch takes about {units.seconds(takes)}, {_of(part)}")
        epochs = max(1, min(fits, most * usual))
        return epochs, epochs * takes

    def _epoch(self, one: Candidate, part: Part, first: bool) -> tuple[float, int]:
        """Seconds of an epoch, 0 where all that takes time is remembered; and the usual number."""
        if one.name in self.epochs:
            return self.epochs[one.name]
        plan = planned(one.model, self.data, **{**one.settings, "seed": self.seed})
        usual, kept = int(plan.value("epochs")), self.said_before[one.model]
        with remembered(plan.model, kept):
            if remembers(plan.model) and self._looks(one.model, plan, kept, first):
                self.epochs[one.name] = 0.0, usual
                return 0.0, usual
            looks = self.looks.get(one.model, 0.0)
            least = 0.0 if remembers(plan.model) else BACKWARD * looks * len(plan.data.train)
            if least > max(*part, ALONE * self.left()):
                more = f"more than {units.seconds(least)}"
                raise UsageError(f"not tried: an epoch takes {more}, {_of(part)}")
            least = min(STEPS_TIMED, part[0] / 10)
            takes = probe(plan, 1.0, least=least, clock=self.clock)[1] / usual
        self.epochs[one.name] = max(takes, 1e-9), usual
        return self.epochs[one.name]

    def _looks(self, name: str, plan: Plan, kept: Kept, first: bool) -> bool:
        """Let the frozen part look at all examples where there is time; epochs then take none."""
        data, begun = plan.data, 0.0
        count = len(data.train) + len(data.valid)
        if not kept:
            for rows in range(4), range(4, min(4 + LOOKED, len(data.train))):  # the first is slower
                begun = self.clock()
                collect(plan.model, data.train.select(rows).batches(shuffle=False))
            self.looks[name] = (self.clock() - begun) / LOOKED
            share = FIRST if first else HALF
            if self.looks[name] * (count + len(data.test)) < share * self.left():
                options = replace(plan.options, epochs=1, schedule=None, patience=None)
                fit(plan.objective, plan.batches(), options=options, **plan.validation())
                if len(data.test):
                    collect(plan.model, data.test.batches(batch_size=LOOKED, shuffle=False))
        return len(kept) > SEEN * count

    def grown(self, one: Candidate, /) -> Candidate:
        """A candidate that grows, with fewer trees where all of them take too long.

        Raises:
            UsageError: not even a few trees fit.
        """
        spec = Spec.parse(one.model)
        trees, room = int(spec.args.get("trees", 0)), HALF * self.left()
        if trees <= TREES or trees * self._grows(one, spec, 1) < room:
            return one
        small, large = (self._grows(one, spec, count) for count in (1, 1 + TREES))
        each = max((large - small) / TREES, 1e-9)
        fits = int((room - small) / each)
        if fits >= trees:
            return one
        if fits < TREES:
            takes = units.seconds(small + TREES * each)
            raise UsageError(f"not tried: {TREES} trees take about {takes}, and growth cannot stop")
        takes = units.seconds(small + trees * each)
        self.said(f"{one.name}: {trees} trees take about {takes}, so that {fits} are grown")
        return replace(one, model=str(Spec(spec.name, {**spec.args, "trees": fits})))

    def _grows(self, one: Candidate, spec: Spec, trees: int) -> float:
        """Seconds for some trees, by growing them on some rows."""
        model = str(Spec(spec.name, {**spec.args, "trees": trees}))
        plan = planned(model, self.data, **{**one.settings, "seed": self.seed})
        train = plan.data.train
        step = max(1, len(train) // ROWS)
        some = train.select(range(0, len(train), step))
        batch = next(iter(some.batches(batch_size=len(some), shuffle=False).epoch(0, seed=0)))
        begun, growing = self.clock(), plan.objective
        with torch.no_grad():
            list(growing.losses(batch))
        return (self.clock() - begun) * len(train) / len(some)


def _of(part: Part) -> str:
    own = units.seconds(part[0])
    return f"and its part of the time is {own}" if part[0] else "and no time was left"
