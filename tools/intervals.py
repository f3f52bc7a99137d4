"""How often the 95 % intervals hold the true value: `python -m tools.intervals`.

Data are drawn from worlds whose truth is known (`tools/known_truths.py`), each metric is given its
interval as `cartograd evaluate` and `compare` give it, and it is counted how often the truth is in
it. The figures are kept in docs/results/intervals.json and shown in docs/results/intervals.md.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from cartograd.core.build import build
from cartograd.core.files import write_file
from cartograd.practice.metrics import positions
from cartograd.practice.metrics.interval import doubted
from cartograd.practice.metrics.paired import doubted as apart
from tools import known_texts
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
    found = {}
    for name in world.metrics:
        ends, why = apart(build(name, kind="metric"), *drawn)
        found[name] = (*ends, bool(why))
    return found


def truth(name: str, drawn: tuple[torch.Tensor, ...], /) -> float:
    """The metric of very many examples, or how far that of two models is apart."""
    metric = build(name, kind="metric")
    *sides, targets = drawn
    known = targets >= 0 if targets.ndim > 1 and not targets.is_floating_point() else ...
    values = [float(metric(outputs[known], targets[known])) for outputs in sides]
    return values[-1] - values[0] if len(values) > 1 else values[0]


def of_data(
    world: World, make: Callable[..., Ends], chosen: Collection[str], repeats: int, /
) -> Iterator[dict[str, Any]]:
    """The rows of examples, whose truth is taken from very many of them.

    Each metric is given the same data, whichever are chosen.
    """
    measured = replace(world, metrics=_those(world.metrics, chosen))
    generator = torch.Generator().manual_seed(1)
    drawn = world.draw(world.truth, generator)
    truths = {name: truth(name, drawn) for name in measured.metrics}

    def once(n: int) -> Ends:
        drawn = world.draw(n, generator)
        while "roc-auc" in world.metrics and len(drawn[-1].unique()) < 2:
            drawn = world.draw(n, generator)  # the metric is refused: there is no interval
        return make(measured, drawn)

    if truths:
        yield from coverage(world, truths, once, repeats)


def of_texts(
    corpus: known_texts.Corpus, chosen: Collection[str], repeats: int, /
) -> Iterator[dict[str, Any]]:
    """The rows of texts, whose truth is that of the population they are drawn from."""
    generator = torch.Generator().manual_seed(1)
    names = _those(known_texts.METRICS, chosen)
    truths = {name: known_texts.truth(corpus, name) for name in names}

    def once(n: int) -> Ends:
        found = known_texts.drawn(corpus, n, generator)
        return {name: found[name] for name in names}

    if truths:
        yield from coverage(corpus, truths, once, repeats)


def _those(metrics: Collection[str], chosen: Collection[str]) -> tuple[str, ...]:
    """Of a world's metrics those that are chosen; all of them where none are."""
    return tuple(name for name in metrics if name in chosen or not chosen)


def coverage(
    world: World | known_texts.Corpus, truths: dict[str, float], once: Callable[[int], Ends],
    repeats: int, /,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """A row for each metric and size: how often the truth was held, and how wide it was."""
    for n in SIZES:
        held = dict.fromkeys(truths, 0)
        widths: dict[str, list[float]] = {name: [] for name in truths}
        called = dict.fromkeys(truths, 0)
        for _ in range(repeats):
            for name, (low, high, why) in once(n).items():
                held[name] += low - 1e-12 <= truths[name] <= high + 1e-12
                widths[name].append(high - low)
                called[name] += why
        for name in truths:
            yield {"world": world.name, "metric": name, "n": n, "truth": truths[name],
                   "held": held[name] / repeats, "repeats": repeats,
                   "width": sorted(widths[name])[repeats // 2],
                   "doubted": called[name] / repeats,
                   "heavy": name in world.heavy}  # fmt: skip


def all_rows(only: str, chosen: Collection[str], repeats: int, /) -> Iterator[dict[str, Any]]:
    """The rows of every world whose name has this, of the metrics that are chosen."""
    for make, worlds in ((of_one, WORLDS), (of_rows, ROWS), (of_pair, PAIRS)):
        for world in worlds:
            if only in world.name:
                yield from of_data(world, make, chosen, repeats)
    for corpus in known_texts.CORPORA:
        if only in corpus.name:
            yield from of_texts(corpus, chosen, repeats)


def renewed(old: list[dict[str, Any]], new: list[dict[str, Any]], /) -> list[dict[str, Any]]:
    """The old rows with new ones in the places of those of the same world, metric and size."""

    def which(row: dict[str, Any]) -> tuple[str, str, int]:
        return row["world"], row["metric"], row["n"]

    found = {which(row): row for row in new}
    return [found.pop(which(row), row) for row in old] + list(found.values())


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
    parser.add_argument("--metric", nargs="+", default=(), help="these alone, published nowhere")
    parser.add_argument("--renew", action="store_true", help="put these rows into the page")
    parser.add_argument("--before", action="store_true", help="keep them as those of before")
    parser.add_argument("--page", action="store_true", help="write the page again, run nothing")
    options = parser.parse_args()
    place = ROOT / "docs" / "results" / "intervals.json"
    kept = json.loads(place.read_text()) if place.is_file() else {}
    if not options.page:
        found = []
        for row in all_rows(options.only, options.metric, options.repeats):
            found.append(row)
            print(f"{row['world']:40} {row['metric']:20} {row['n']:4} {row['held']:.3f} "
                  f"width {row['width']:.3f} doubted {row['doubted']:.2f} "
                  f"{'' if passed(row) else 'FAILS'}", flush=True)  # fmt: skip
        part = bool(options.only or options.metric)
        if part and not options.renew:
            return 0
        key = "before" if options.before else "now"
        kept[key] = renewed(kept.get(key, []), found) if part else found
        write_file(place, json.dumps(kept, indent=0) + "\n")
    from tools.intervals_page import page

    write_file(place.with_suffix(".md"), page(kept))
    return 0 if all(map(passed, kept["now"])) else 1


if __name__ == "__main__":
    sys.exit(main())
