"""Row on a scaling law: what a larger language model will reach, told by small ones before it."""

import json
import math
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from acceptance.curves import Curves, Point
from acceptance.session import Outcome, Session
from cartograd.core.files import write_file
from cartograd.training.diagnosis.scaling_law import Prediction, scaling_law

DATA = "text:{file},window=64,valid=0.005,test=0.03"
MODEL = "llama:depth=2,heads=2,context=64,dim={dim},ffn_dim={ffn}"
COMMAND = (
    f"cartograd train {MODEL.format(dim='DIM', ffn='FFN')} --data {DATA.format(file='brown.txt')} "
    "--epochs 1 --set compute=OPERATIONS seed=SEED schedule=onecycle batch_size=8 clip=1.0"
)
WIDTHS, TOKENS = (8, 12, 16, 24), (200_000, 400_000, 800_000)
"""Of the runs that are fitted: each width reads each number of bytes."""

LARGER = 40, 1_600_000
"""Width and bytes of the run that is predicted."""

TIMES = 4.0
"""By how much its compute is above that of the largest run that is fitted."""

NARROW = 0.15
"""The widest interval, as a share of the loss that is foretold."""


class Ran(NamedTuple):
    """A run of a language model.

    Attributes:
        weights, tokens: how many.
        loss: nats a byte of text that nobody read.
    """

    weights: float
    tokens: float
    loss: float

    @property
    def compute(self) -> float:
        """Operations, by the rule of six for each weight and token."""
        return 6 * self.weights * self.tokens


class Told(NamedTuple):
    """What a seed gives.

    Attributes:
        small: the runs that are fitted.
        larger: the run that is predicted.
        law: what the law says of it.
        line: what a straight line through the two runs of most compute says, both in logarithms.
    """

    small: list[Ran]
    larger: Ran
    law: Prediction
    line: float

    @property
    def last(self) -> float:
        """The loss of the largest run that is fitted."""
        return max(self.small, key=lambda one: one.compute).loss

    @property
    def share(self) -> float:
        """The width of the interval, as a share of the loss that is foretold."""
        return (self.law.high - self.law.low) / self.law.loss

    @property
    def times(self) -> float:
        """By how much the compute is above that of the largest run that is fitted."""
        return self.larger.compute / max(one.compute for one in self.small)


def scaling_laws(session: Session, /) -> Outcome:
    """Twelve small models, a law, and a model of four times the compute of the largest."""
    file = write_file(session.work / "brown.txt", brown())
    told, cpu, wall = [], [], []
    for seed in session.seeds:
        found, processor, clock = runs(session, file, seed)
        told.append(foretold(found, seed))
        cpu.append(processor)
        wall.append(clock)
    off = [round(100 * (one.law.loss / one.larger.loss - 1), 2) for one in told]
    lines = [100 * (one.line / one.larger.loss - 1) for one in told]
    return Outcome(
        claim="A scaling law of twelve small language models tells what a larger one reaches",
        command=COMMAND,
        measured=off,
        unit="% above the loss that came",
        asked=asked(),
        passed=reached(told),
        beside={
            "loss that came (nats a byte)": _listed(one.larger.loss for one in told),
            "foretold by the law": ", ".join(
                f"{one.law.loss:.3f} ({one.law.low:.3f} to {one.law.high:.3f})" for one in told
            ),
            "a straight line through the two largest (logarithms)": ", ".join(
                f"{one.line:.3f} ({off:+.2f} %)" for one, off in zip(told, lines, strict=True)
            ),
            "the largest run that is fitted": _listed(one.last for one in told),
            "width of the interval, as a share of the loss": _listed(one.share for one in told),
            "times its compute": _listed(one.times for one in told),
        },
        cpu=cpu,
        wall=wall,
        notes=[NOTE],
        curves=_curves(told[0]),
    )


NOTE = (
    "The words of the Brown corpus in a row, read as bytes, each at most once; bytes and rate of "
    "each run follow from its compute by the dial, and the loss is of 180 kB that nobody reads. "
    '`cg.build("scaling-law")(runs).predicted(weights, tokens)` tells loss and interval; the '
    "picture shows the first seed. Thresholds were set on seed 100, which is not among these: "
    "1.719 (1.644 to 1.846) was foretold and 1.780 came, a straight line told 1.695 and the "
    "largest run had 1.897; batches by the dial (10 to 30 windows) had left so few steps that "
    "losses went up and down with the seed, so batches are of 8. Runs so small lie far above the "
    "floor of the law, which they do not find (it came out as 0), so the law says nothing of a "
    "compute a hundred times further on; a larger budget would add sizes."
)


def asked() -> str:
    """The thresholds in words."""
    return (
        f"a model of at least {TIMES:g} times the compute of the largest that is fitted: its loss "
        f"lies in the 95 % interval on every seed, which is at most {100 * NARROW:g} % of the loss "
        "wide and wholly below what the largest run that is fitted reached; on average the law is "
        "nearer than a straight line through the two largest"
    )


def reached(told: list[Told], /) -> bool:
    """Whether the law foretold what came, and more than what anybody can tell."""
    held = all(
        one.law.low <= one.larger.loss <= one.law.high < one.last
        and one.share <= NARROW
        and one.times >= TIMES
        for one in told
    )
    law = sum(abs(math.log(one.law.loss / one.larger.loss)) for one in told)
    line = sum(abs(math.log(one.line / one.larger.loss)) for one in told)
    return held and law < line


def runs(session: Session, file: Path, seed: int, /) -> tuple[list[Ran], float, float]:
    """All runs of a seed, the larger one last, with processor and wall seconds.

    Those that are done are not repeated.
    """
    found, cpu, wall = list[Ran](), 0.0, 0.0
    for dim, tokens in [*((dim, tokens) for dim in WIDTHS for tokens in TOKENS), LARGER]:
        place = session.work / f"run-{seed}-{dim}-{tokens}.json"
        if not place.exists():
            start = time.process_time(), time.perf_counter()
            ran = trained(_data(file), dim, tokens, seed)
            spent = time.process_time() - start[0], time.perf_counter() - start[1]
            write_file(place, json.dumps([ran, *spent]))
        one, *spent = json.loads(place.read_text())
        found.append(Ran(*one))
        cpu, wall = cpu + spent[0], wall + spent[1]
    return found, cpu, wall


@cache
def _data(file: Path) -> Any:
    """The text, read once."""
    import cartograd as cg

    return cg.dataset(DATA.format(file=file))


def foretold(found: list[Ran], seed: int, /) -> Told:
    """The law that all runs but the last follow, and what it says of the last."""
    *small, larger = found
    law = scaling_law(small).predicted(larger.weights, larger.tokens, seed=seed)
    return Told(small, larger, law, line(small, larger.compute))


def line(runs: list[Ran], compute: float, /) -> float:
    """The loss at a compute, by the two runs of most compute and a power through them.

    >>> round(line([Ran(1, 1, 9.0), Ran(1, 10, 4.0), Ran(1, 100, 2.0)], 6000), 3)
    1.0
    """
    first, last = sorted(runs, key=lambda one: one.compute)[-2:]
    slope = math.log(last.loss / first.loss) / math.log(last.compute / first.compute)
    return last.loss * (compute / last.compute) ** slope


def trained(data: Any, dim: int, tokens: int, seed: int, /) -> Ran:
    """One run, whose bytes, batch and rate follow from its compute."""
    import cartograd as cg
    from cartograd.apps.verbs.plan import planned
    from cartograd.engine.loop.fit import fit
    from cartograd.evidence import lab

    spec = MODEL.format(dim=dim, ffn=3 * dim)
    model: Any = cg.build(spec, signature=data.signature)
    weights = sum(weight.numel() for weight in model.parameters())
    plan = planned(
        spec, data, compute=6.0 * weights * tokens, seed=seed, epochs=1, schedule="onecycle",
        batch_size=8, clip=1.0,
    )  # fmt: skip
    fit(plan.objective, plan.batches(), options=plan.options, **plan.validation())
    read = len(plan.data.train) * data.test.stored.shape[1]
    return Ran(weights, read, lab.loss(plan.model, data.test))


def brown() -> str:
    """The words of the Brown corpus, a text a line."""
    from cartograd.data.sources.corpus import texts

    return "\n".join(texts(("brown",)))


def _curves(one: Told) -> Curves:
    """Losses by compute, a curve for each size, and what was foretold."""
    by: dict[str, list[Point]] = {}
    for run in one.small:
        name = f"{run.weights / 1000:.0f} thousand weights"
        by.setdefault(name, []).append((run.compute, run.loss, run.loss, run.loss))
    at, came, law = one.larger.compute, one.larger.loss, one.law
    by["foretold"] = [(at, law.loss, law.low, law.high)]
    by["came"] = [(at, came, came, came)]
    return Curves("operations", "loss, nats a byte", {"One seed": by})


def _listed(numbers: Any) -> str:
    return ", ".join(f"{number:.3f}" for number in numbers)
