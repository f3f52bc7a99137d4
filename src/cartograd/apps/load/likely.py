"""The column of a table that is to be predicted, by names alone: what can be said without torch."""

import csv
from pathlib import Path

TARGETS = frozenset(
    {"target", "label", "labels", "class", "y", "target_label", "class_label"}
    | {"标签", "类别", "目标"}
)
"""Names, in any case, of a column that can hardly be anything but what is to be predicted."""

LINE = 1 << 16
"""Letters of the first line that are looked at."""


def last_of(header: list[str], /) -> str:
    """The last column that does not name parts; empty where there is none."""
    return "".join([name for name in header if name.casefold() != "split"][-1:])


def to_be_named(path: Path, /) -> str | None:
    """The column that a training of a CSV file has to be told; None where a name says it already.

    Of another file, and of one that cannot be read so, it is None, too: the reading says more.
    """
    if path.suffix.lower() != ".csv":
        return None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline(LINE)
        header = next(csv.reader([line], delimiter=max(",;\t", key=line.count)), [])
    except (OSError, ValueError, csv.Error):
        return None
    known = sum(name.strip().casefold() in TARGETS for name in header)
    return last_of([name.strip() for name in header]) or None if known != 1 else None
