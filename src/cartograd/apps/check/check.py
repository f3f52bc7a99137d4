"""Look at data before anything is learned from them: what they are, and what is the matter.

`data_check` looks at everything within the time it is given; `quick` is its fast part, which a
training keeps with its run. Each look is a function from what was seen to findings; one that the
time does not reach, or that cannot say anything, is named with the reason.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cartograd.apps.check.alone import leaks
from cartograd.apps.check.classes import classes, counts
from cartograd.apps.check.columns import columns
from cartograd.apps.check.contents import contents
from cartograd.apps.check.copies import copies
from cartograd.apps.check.drift import drift
from cartograd.apps.check.looked import PARTS, Looked, look
from cartograd.apps.check.near_copies import near_copies
from cartograd.apps.check.reading import read
from cartograd.apps.check.told_apart import told_apart
from cartograd.apps.check.wrong_labels import wrong_labels
from cartograd.apps.load.located import located
from cartograd.apps.results.data_card import SEVERITIES, DataCard, DataFinding
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Split

MOST, FEW, STREAMED = 20_000, 5_000, 200
"""Examples that are looked at: by all of it, by the fast part, and by that where each has to be
read from a file first."""

QUICK = 2.0
"""Seconds that the fast part takes at most."""

Look = Callable[[Looked], list[DataFinding]]

LOOKS: tuple[tuple[str, Look, bool], ...] = (
    ("columns", columns, True),
    ("copies", copies, True),
    ("contents", contents, True),
    ("leaks", leaks, True),
    ("drift", drift, True),
    ("drift as a whole", told_apart, False),
    ("near copies", near_copies, False),
    ("labels in doubt", wrong_labels, False),
)
"""What is looked for, in order, and whether the fast part does."""

KINDS = {
    "image": "pictures",
    "audio": "sounds",
    "text": "texts",
    "series": "windows of series",
    "table": "rows of a table",
    "vector": "rows of numbers",
}
"""What examples are, by the kind of their port."""


@dataclass
class Clock:
    """Time that may be spent."""

    seconds: float
    begun: float

    @property
    def spent(self) -> float:
        """How much of it has gone."""
        return time.monotonic() - self.begun


def data_check(
    data: Any, /, *, target: str | Sequence[str] | None = None, seconds: float = 60.0
) -> DataCard:
    """Look at data before anything is learned from them.

    Args:
        data: a path, a spec, a dataset, or data of torch, as `train` takes them.
        target: the column of a table to predict, or several columns of 0 and 1.
        seconds: time after which no further look begins.

    Raises:
        UsageError: there is nothing, or nothing that a source reads.
    """
    if seconds <= 0:
        raise UsageError(f"seconds={seconds} is out of range; expected more than 0")
    clock = Clock(seconds, time.monotonic())
    asked = data
    if target is not None:
        if isinstance(data, Dataset) or "target=" in str(data):
            raise UsageError("target is that of a table, once; these data have one already")
        spec = located(data, target=target)
        whole = {"target": target if isinstance(target, str) else tuple(target)}
        asked = Spec(spec.name, spec.args | whole, spec.subject)
    word, made, stops = read(asked)
    return _card(_named(data), word, made, stops, clock, LOOKS, MOST)


def quick(data: Dataset, word: Any, /) -> DataCard:
    """The fast part of a check, of data that were read.

    Args:
        data: what to look at.
        word: what they are called.
    """
    clock = Clock(QUICK, time.monotonic())
    fast = tuple(one for one in LOOKS if one[2])
    in_memory = all(isinstance(getattr(data, part), Split) for part in PARTS)
    return _card(_named(word), word, data, [], clock, fast, FEW if in_memory else STREAMED)


def _card(
    asked: str,
    word: Any,
    data: Dataset | None,
    stops: list[DataFinding],
    clock: Clock,
    looks: Sequence[tuple[str, Look, bool]],
    most: int,
) -> DataCard:
    if data is None:
        return DataCard(
            asked, _source(word, data), "cannot be read", {}, {}, (), {}, tuple(stops), {}, 0,
            clock.spent,
        )  # fmt: skip
    seen = look(data, most=most)
    found, skipped = [*stops, *classes(data)], dict[str, str]()
    if len(seen) < seen.whole:
        skipped["the rest"] = f"{len(seen):,} of {seen.whole:,} examples were looked at"
    for name, one, _ in looks:
        if clock.spent > clock.seconds:
            skipped[name] = f"the time was over ({clock.seconds:g} s)"
            continue
        try:
            found += one(seen)
        except UsageError as error:
            skipped[name] = str(error)
    for name, _, _ in LOOKS:
        if all(name != other for other, _, _ in looks):
            skipped[name] = "not in the fast part: cartograd data check"
    found.sort(key=lambda one: SEVERITIES.index(one.severity))
    sizes = {part: len(getattr(data, part)) for part in PARTS if len(getattr(data, part))}
    return DataCard(
        asked, _source(word, data), _kind(data), sizes, counts(data), data.decided, _facts(seen),
        tuple(found), skipped, len(seen), clock.spent, data.signature.example, _sizes(seen),
    )  # fmt: skip


def _named(data: Any) -> str:
    return data.name if isinstance(data, Dataset) else str(data)


def _source(word: Any, data: Dataset | None) -> str:
    if data is not None:
        return data.name
    return word.name if isinstance(word, Spec) else str(word).partition(":")[0]


def _kind(data: Dataset) -> str:
    """What examples and answers are, in words."""
    port, task = data.signature.example, data.signature.task
    what = KINDS.get(port.kind, port.kind)
    labels = data.signature.output.labels
    if task.target == "class" and task.name == "classify":
        return f"{what} of {len(labels)} classes" if len(labels) > 1 else f"{what} of no class"
    return f"{what}; the answer is {data.signature.output.name!r} (task {task.name})"


def _facts(seen: Looked) -> dict[str, tuple[float, float, float]]:
    """The range of each fact that is a number."""
    found = dict[str, tuple[float, float, float]]()
    for name, values in seen.facts.items():
        if values.dtype != object and not np.isnan(values).all():
            low, middle, high = np.nanquantile(values, (0, 0.5, 1)).tolist()
            found[name] = (low, middle, high)
    return found


def _sizes(seen: Looked) -> tuple[tuple[float, float], ...]:
    if "width" not in seen.facts:
        return ()
    pairs = zip(seen.facts["width"].tolist(), seen.facts["height"].tolist(), strict=True)
    return tuple(pair for pair in pairs if pair[0] == pair[0])
