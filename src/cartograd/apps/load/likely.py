"""The column of a table that is to be predicted, by names alone: what can be said without torch."""

import csv
import json
from pathlib import Path

TARGETS = frozenset(
    {"target", "label", "labels", "class", "y", "target_label", "class_label"}
    | {"标签", "类别", "目标"}
)
"""Names, in any case, of a column that can hardly be anything but what is to be predicted."""

CHATS = ("messages", "conversations")
"""Keys under which a line of JSON holds a chat."""

INSTRUCTED = ({"instruction", "output"}, {"prompt", "completion"})
"""Keys of a line of JSON that is an instruction and what follows it."""

LINES = (".jsonl", ".ndjson")
"""What files end in that hold an object on each line."""

LINE = 1 << 16
"""Letters of the first line that are looked at."""


def last_of(header: list[str], /) -> str:
    """The last column that does not name parts; empty where there is none."""
    return "".join([name for name in header if name.casefold() != "split"][-1:])


def to_be_named(path: Path, /) -> str | None:
    """The column that a training of a CSV or JSONL file has to be told; None where a name says it.

    Of another file, and of one that cannot be read so, it is None, too: the reading says more.
    """
    ending = path.suffix.lower()
    if ending not in (".csv", *LINES):
        return None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline(LINE)
        if ending in LINES:
            header = _keys(json.loads(line))
        else:
            header = next(csv.reader([line], delimiter=max(",;\t", key=line.count)), [])
    except (OSError, ValueError, RecursionError, csv.Error):
        return None
    known = sum(name.strip().casefold() in TARGETS for name in header)
    return last_of([name.strip() for name in header]) or None if known != 1 else None


def are_chats(line: object, /) -> bool:
    """Whether a line of JSON is a chat: a list of turns, or an instruction with its output."""
    return isinstance(line, dict) and (
        any(isinstance(line.get(key), list) for key in CHATS)
        or any(line.keys() >= keys for keys in INSTRUCTED)
    )


def _keys(line: object) -> list[str]:
    """The columns that a line of JSON is a row of; none where it is a chat."""
    return [str(key) for key in line] if isinstance(line, dict) and not are_chats(line) else []
