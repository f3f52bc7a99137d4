"""The lines of a run's `events.jsonl` and `metrics.jsonl`, with what each has to say checked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError

NUMBER = (int, float)
KINDS: dict[str, Any] = {
    "event": str, "at": str, "time": NUMBER, "epoch": int, "step": int, "seconds": NUMBER,
    "examples": NUMBER, "phases": dict, "peak_memory": NUMBER,
    "flops": (int, float, dict), "peak": NUMBER,
    "reached": NUMBER, "signal": str, "error": str, "where": str, "path": str,
}  # fmt: skip
"""The types of what a line may say; of all of them None stands for 'not known'."""
NEEDED = {
    "events.jsonl": ("event", "time"), "epoch": ("epoch", "seconds"),
    "phases": ("examples",),
}  # fmt: skip
"""What each line of a file, or of an event, has to say."""


def check_records(records: Sequence[Any], path: Path, /) -> None:
    """Refuse lines that say something of another type, or lack what is needed.

    Raises:
        UsageError: the first such line.
    """
    for number, record in enumerate(records, start=1):
        if wrong := _wrong(record, path.name):
            raise UsageError(f"{path} is damaged: line {number} {wrong}")


def _wrong(record: Any, name: str) -> str:
    """What is wrong with a record; nothing, if it is right."""
    if not isinstance(record, dict):
        return f"is a {type(record).__name__}; expected an object"
    needed = NEEDED.get(name, ())
    if name == "events.jsonl" and isinstance(record.get("event"), str):
        needed += NEEDED.get(record["event"], ())
    if "phases" in record:
        needed += NEEDED["phases"]
    if name == "metrics.jsonl" and record.get("at") == "epoch":
        needed += ("epoch", "step")
    lacking = [key for key in needed if record.get(key) is None]
    if lacking:
        return f"has no {lacking[0]!r}"
    wrong = [key for key, value in record.items() if not _fits(key, value)]
    return f"has {wrong[0]}={record[wrong[0]]!r}, which is of the wrong type" if wrong else ""


def _fits(key: str, value: Any) -> bool:
    """Whether a value is what it is called."""
    kinds = NUMBER if key.startswith(("train/", "valid/", "lr")) else KINDS.get(key)
    if value is None or kinds is None:
        return True
    if isinstance(value, Mapping) and not all(map(_is_number, value.values())):
        return False
    return isinstance(value, kinds) and (not isinstance(value, int) or _is_number(value))


def _is_number(value: Any) -> bool:
    """Whether it is a number that can be computed with: no truth value, and of 64 bits."""
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return whole or isinstance(value, float)
