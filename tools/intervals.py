"""How often the 95 % intervals hold the true value: `python -m tools.intervals`.

Data are drawn from worlds whose truth is known (`tools/known_truths.py`), each metric is given its
interval as `cartograd evaluate` and `compare` give it, and it is counted how often the truth is in
it. The figures are kept in docs/results/intervals.json and shown in docs/results/intervals.md.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from cartograd.core.build import build
from cartograd.core.files import write_file
from cartograd.practice.metrics import positions
from cartograd.practice.metrics.interval import doubted
from cartograd.practice.metrics.paired import difference
from tools.known_truths import PAIRS, ROWS, WORLDS, World

ROOT = Path(__file__).parents[1]
SIZES = (30, 60, 100, 300)
REPEATS = 1000
LEAST = 0.93
"""What an interval of 95 % has to reach, less two of the simulation's own standard errors."""
DOUBTED = 0.2
"""Where losses are heavy-tailed, how often the interval has to be called approximate, at least."""

Ends = dict[str, tuple[float, float, bool]]
"""By metric: low end, high end, and whether the interval is called approximate."""


def of_one(world: World, drawn: tuple[torch.Tensor, ...], /) -> Ends:
    """The intervals of one model's metrics."""
    found = {}
    for name in world.metrics:
        metric = build(name, kind="metric")
        ends, why = doubted(metric, *drawn)
        found[name] = (*ends, bool(why))
    return found


def of_rows(world: World, drawn: tuple[torch.Tensor, ...], /) -> Ends:
    """The intervals where each position of a row has a label."""
    measures = {name: build(name, kind="metric") for name in world.metrics}
    _, ends, doubts = positions.figures(measures, positions.reducer(measures)(*drawn))
    return {name: (*ends[name], name in doubts) for name in measures}


def of_pair(world: World, drawn: tuple[torch.Tensor, ...], /) -> Ends:
    """The intervals of the difference between two models."""
    return {
        name: (*difference(build(name, kind="metric"), *drawn), False) for name in world.metrics
    }


def truth(name: str, drawn: tuple[torch.Tensor, ...], /) -> float:
    """The metric of very many examples, or how far that of two models is apart."""
    metric = build(name, kind="metric")
    *sides, targets = drawn
    known = targets >= 0 if targets.ndim > 1 and not targets.is_floating_point() else ...
    values = [float(metric(outputs[known], targets[known])) for outputs in sides]
    return values[-1] - values[0] if len(values) > 1 else values[0]


def coverage(
    world: World, make: Callable[..., Ends], sizes: tuple[int, ...], repeats: int, /
) -> Iterator[dict[str, Any]]:
    """A row for each metric and size: how often the truth was held, and how wide it was."""
    generator = torch.Generator().manual_seed(1)
    drawn = world.draw(world.truth, generator)
    truths = {name: truth(name, drawn) for name in world.metrics}
    for n in sizes:
        held = dict.fromkeys(world.metrics, 0)
        widths: dict[str, list[float]] = {name: [] for name in world.metrics}
        doubted = dict.fromkeys(world.metrics, 0)
        done = 0
        while done < repeats:
            drawn = world.draw(n, generator)
            if "roc-auc" in world.metrics and len(drawn[-1].unique()) < 2:
                continue  # the metric is refused: there is no interval
            done += 1
            for name, (low, high, why) in make(world, drawn).items():
                held[name] += low - 1e-12 <= truths[name] <= high + 1e-12
                widths[name].append(high - low)
                doubted[name] += why
        for name in world.metrics:
            yield {"world": world.name, "metric": name, "n": n, "truth": truths[name],
                   "held": held[name] / repeats, "repeats": repeats,
                   "width": sorted(widths[name])[repeats // 2],
                   "doubted": doubted[name] / repeats,
                   "heavy": name in world.heavy}  # fmt: skip


def error(row: dict[str, Any], /) -> float:
    """The simulation's own standard error at the least coverage that is asked for."""
    return math.sqrt(LEAST * (1 - LEAST) / row["repeats"])


def passed(row: dict[str, Any], /) -> bool:
    """Whether an interval holds what it states, or is called approximate where it cannot."""
    if row["held"] >= LEAST - 2 * error(row):
        return True
    return row["heavy"] and row["doubted"] >= DOUBTED


def main() -> int:
    """0 if every interval passed."""
    parser = argparse.ArgumentParser(prog="python -m tools.intervals", description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="data sets for each row")
    parser.add_argument("--only", default="", help="worlds whose name has this, published nowhere")
    parser.add_argument("--before", action="store_true", help="keep them as those of before")
    parser.add_argument("--page", action="store_true", help="write the page again, run nothing")
    options = parser.parse_args()
    place = ROOT / "docs" / "results" / "intervals.json"
    kept = json.loads(place.read_text()) if place.is_file() else {}
    if not options.page:
        found = []
        for make, worlds in ((of_one, WORLDS), (of_rows, ROWS), (of_pair, PAIRS)):
            for world in worlds:
                if options.only not in world.name:
                    continue
                for row in coverage(world, make, SIZES, options.repeats):
                    found.append(row)
                    print(f"{row['world']:40} {row['metric']:20} {row['n']:4} {row['held']:.3f} "
                          f"width {row['width']:.3f} doubted {row['doubted']:.2f} "
                          f"{'' if passed(row) else 'FAILS'}", flush=True)  # fmt: skip
        if options.only:
            return 0
        kept["before" if options.before else "now"] = found
        write_file(place, json.dumps(kept, indent=0) + "\n")
    from tools.intervals_page import page

    write_file(place.with_suffix(".md"), page(kept))
    return 0 if all(map(passed, kept["now"])) else 1


if __name__ == "__main__":
    sys.exit(main())
