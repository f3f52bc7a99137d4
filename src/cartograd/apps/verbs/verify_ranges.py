"""Ranges of a table's columns: whether any cell within them changes the answer of an example."""

import math
import time
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from cartograd.apps.load.source import Data
from cartograd.apps.load.target import Target, name_of
from cartograd.apps.results.ranges import Changed, Ranges
from cartograd.apps.verbs.attack import attacked, classes_of, outputs_of
from cartograd.core.column import Column
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Split
from cartograd.frontier.verification import certified
from cartograd.frontier.verification.complete import judged, served
from cartograd.frontier.verification.crown import by_lines
from cartograd.frontier.verification.network import read
from cartograd.frontier.verification.parts import divide
from cartograd.frontier.verification.rules import Box

BRANCHES = 10**6


def verify_ranges(
    target: Target,
    data: Data,
    ranges: Sequence[str],
    /,
    *,
    examples: int = 100,
    minutes: float = 5.0,
    part: str | None = None,
    device: str = "auto",
) -> Ranges:
    """Of how many rows the answer stays whatever the cells of some columns are, within ranges.

    All these cells may change at once; the others stay. What changes an answer is shown.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        ranges: like `age=20:40`, in the units of the columns.
        examples: how many are looked at: the first of a fixed shuffle.
        minutes: the most that it takes; what is open then is unknown.
        part: `train`, `valid`, `test` or `all`, by default as in `robustness`.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: the model reads no table or is no classifier, or a range is of no column of
            numbers.
    """
    if not 0 < minutes < math.inf:
        raise UsageError(f"minutes={minutes} is out of range; expected a number above 0")
    model, chosen = attacked(
        target, data, part=part, examples=examples, device=device, verb="verify"
    )
    certified.check_classifier(model)
    places = [_place(word, model.signature.input) for word in ranges]
    until = time.monotonic() + 60 * minutes
    classes = classes_of(outputs_of(model, chosen.inputs))
    with torch.inference_mode(False), torch.no_grad():
        x = chosen.inputs
        network, serve = read(model, x), served(model, x)
        certified.check(network, model, x)
        weights = certified.margins(classes, certified.raw_classes(model, x)).double()
        decide = partial(divide, branches=BRANCHES, stop=lambda: time.monotonic() > until)
        found = judged(_box(chosen, places), x, weights, network, serve, decide, by_lines)
    after = classes_of(outputs_of(model, found.found))
    labels = model.signature.output.labels or tuple(map(str, range(int(classes.max()) + 2)))
    changed = [
        Changed(labels[int(classes[row])], labels[int(after[row])],
                tuple(_cell(found.found[row], at, column) for at, column, *_ in places))
        for row in found.refuted.nonzero()[:, 0].tolist()
    ]  # fmt: skip
    return Ranges(
        name_of(model), tuple(ranges), tuple(column.name for _, column, *_ in places), len(x),
        int(found.proved.sum()), int(found.refuted.sum()), tuple(changed),
    )  # fmt: skip


_Place = tuple[int, Column, float, float]
"""A feature, its column, and the range of it in the unit of the features."""


def _place(word: str, port: Port) -> _Place:
    """What a word like age=20:40 says.

    Raises:
        UsageError: it says no range, or of no column of numbers.
    """
    if not port.columns:
        raise UsageError(f"the model reads no table ({port.kind}); a range is of a column: {word}")
    name, _, ends = word.rpartition("=")
    begin, colon, end = ends.partition(":")
    try:
        low, high = float(begin), float(end)
    except ValueError:
        low = high = math.nan
    if not (name and colon and math.isfinite(low) and math.isfinite(high) and low <= high):
        raise UsageError(f"--range {word}; expected COLUMN=LOW:HIGH, like age=20:40")
    start = 0
    for column in port.columns:
        if column.name == name:
            if not column.numeric:
                raise UsageError(f"the column {name!r} holds no numbers, and a range is of numbers")
            return (
                start,
                column,
                (low - column.mean) / column.std,
                (high - column.mean) / column.std,
            )
        start += column.width
    raise unknown("column", name, [column.name for column in port.columns])


def _box(chosen: Split, places: list[_Place]) -> Box:
    """Each example, with the numbers of the ranges in the precision that the model is given."""
    low, high = chosen.inputs.clone(), chosen.inputs.clone()
    for at, column, least, most in places:
        low[:, at], high[:, at] = least, most
        if column.indicator:
            low[:, at + 1] = high[:, at + 1] = 0.0
    return Box(low.double(), high.double())


def _cell(row: Tensor, at: int, column: Column) -> float:
    return float(row[at].double() * column.std + column.mean)
