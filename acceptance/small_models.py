"""Runs of small language models, each at its own compute: what a scaling law is fitted to."""

import json
import math
import statistics
import time
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from acceptance.session import Session
from cartograd.core.files import write_file

DATA = "text:{file},window=64,valid=0.005,test=0.03"
MODEL = "llama:depth=2,heads=2,context=64,base=100,dim={dim},ffn_dim={ffn}"
COMMAND = (
    f"cartograd train {MODEL.format(dim='DIM', ffn='FFN')} --data {DATA.format(file='brown.txt')} "
    "--epochs 1 --set compute=OPERATIONS seed=SEED schedule=onecycle batch_size=8 clip=1.0"
)
WIDTHS, TOKENS = (12, 20, 36), {400_000: 2, 800_000: 2, 1_600_000: 2}
"""Of the runs that are fitted: each width reads each number of bytes, so many times by other seeds:
they differ."""

LARGER = 56, 3_200_000
"""Width and bytes of the run that is predicted."""

DRAWN = 1000
"""What is added to a seed for another drawing of a point."""


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


def runs(session: Session, file: Path, seed: int, /) -> tuple[list[Ran], float, float]:
    """All runs of a seed, the larger one last, with processor and wall seconds.

    Those that are done are not repeated.
    """
    found = [_run(session, file, *one) for one in grid(seed)]
    ran, cpu, wall = zip(*found, strict=True)
    return list(ran), sum(cpu), sum(wall)


def _run(
    session: Session, file: Path, dim: int, tokens: int, seed: int, /
) -> tuple[Ran, float, float]:
    """A run with its processor and wall seconds, kept for another time."""
    place = session.work / f"run-{seed}-{dim}-{tokens}.json"
    if not place.exists():
        start = time.process_time(), time.perf_counter()
        ran = trained(_data(file), dim, tokens, seed)
        spent = time.process_time() - start[0], time.perf_counter() - start[1]
        write_file(place, json.dumps([ran, *spent]))
    one, cpu, wall = json.loads(place.read_text())
    return Ran(*one), cpu, wall


def grid(seed: int, /) -> list[tuple[int, int, int]]:
    """Width, bytes and seed of each run of a seed, the larger one last."""
    small = [
        (dim, tokens, seed + DRAWN * again)
        for dim, (tokens, times) in product(WIDTHS, TOKENS.items())
        for again in range(times)
    ]
    return [*small, (*LARGER, seed)]


@cache
def _data(file: Path) -> Any:
    """The text, read once."""
    import cartograd as cg

    return cg.dataset(DATA.format(file=file))


def line(runs: list[Ran], compute: float, /) -> float:
    """The loss at a compute, by the two points of most compute and a power through them.

    >>> round(line([Ran(1, 1, 9.0), Ran(1, 10, 4.0), Ran(1, 100, 2.0)], 6000), 3)
    1.0
    """
    first, last = points(runs)[-2:]
    slope = math.log(last.loss / first.loss) / math.log(last.compute / first.compute)
    return last.loss * (compute / last.compute) ** slope


def through(runs: list[Ran], compute: float, /) -> float:
    """The loss at a compute, by the power that is nearest to all runs.

    >>> round(through([Ran(1, 1, 4.0), Ran(1, 10, 2.0), Ran(1, 100, 1.0)], 6000), 3)
    0.5
    """
    x, y = (
        [math.log(one) for one in own]
        for own in zip(*((r.compute, r.loss) for r in runs), strict=True)
    )
    slope, start = statistics.linear_regression(x, y)
    return math.exp(start + slope * math.log(compute))


def points(runs: list[Ran], /) -> list[Ran]:
    """The mean of each point's drawings, by their compute.

    >>> points([Ran(1, 2, 3.0), Ran(1, 1, 9.0), Ran(1, 2, 5.0)])
    [Ran(weights=1, tokens=1, loss=9.0), Ran(weights=1, tokens=2, loss=4.0)]
    """
    drawn: dict[tuple[float, float], list[float]] = {}
    for run in runs:
        drawn.setdefault((run.weights, run.tokens), []).append(run.loss)
    means = [Ran(*point, sum(own) / len(own)) for point, own in drawn.items()]
    return sorted(means, key=lambda one: one.compute)


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
