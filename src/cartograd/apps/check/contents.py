"""What examples hold that says nothing: blank pictures, silence, garbled or empty texts."""

import re

import numpy as np

from cartograd.apps.check.copies import counted
from cartograd.apps.check.looked import Looked
from cartograd.apps.results.data_card import DataFinding, Shown

FLAT, SILENT, LOUD = 0.01, 1e-3, 0.999
"""Contrast of a blank picture, loudness of silence, and the peak of a sound that is cut off."""

GARBLED = re.compile("\ufffd|Ã[\x80-\xbf©¨¼¶¤ŸŒ]|â€|ï»¿|锟斤拷")
"""What text looks like that was read in another encoding than it was written in."""

FAR = 20
"""How many times as long as the middle one a text is that is pointed out."""

PAGE = 8


def contents(seen: Looked, /) -> list[DataFinding]:
    """Examples that hold nothing, or not what they should."""
    if seen.texts is not None and seen.signature.task.name != "next-token":
        return _texts(seen, seen.texts)
    found = list[DataFinding]()
    kind = seen.signature.example.kind
    if kind == "image" and "contrast" in seen.facts:
        found += _those(
            seen, seen.facts["contrast"] < FLAT, "blank pictures", "with one colour all over"
        )
    if kind == "audio":
        found += _those(seen, seen.facts["loudness"] < SILENT, "silence", "without a sound")
        found += _those(
            seen, seen.facts["peak"] > LOUD, "cut off", "that reach the greatest number there is",
        )  # fmt: skip
    return found


def _texts(seen: Looked, texts: list[str]) -> list[DataFinding]:
    garbled = np.array([bool(GARBLED.search(text)) for text in texts])
    lengths = seen.facts["letters"]
    found = _those(
        seen, garbled, "garbled texts", "that look as if they were read in a wrong encoding",
        mend="give encoding=, or mend the file",
    )  # fmt: skip
    found += _those(seen, lengths == 0, "empty texts", "without a letter")
    far = lengths > FAR * max(1.0, float(np.median(lengths)))
    return found + _those(
        seen, far, "long texts", f"more than {FAR} times as long as the middle one",
        mend="context= says how much of a text is read", severity="note",
    )  # fmt: skip


def _those(
    seen: Looked,
    which: np.ndarray,
    what: str,
    said: str,
    *,
    mend: str = "look at them, and take them out",
    severity: str = "warn",
) -> list[DataFinding]:
    """A finding on some examples, if there are any."""
    rows = np.flatnonzero(which).tolist()
    if not rows:
        return []
    shown = ()
    if seen.signature.example.kind == "image":
        shown = tuple((Shown(seen.x(row), seen.name(row)),) for row in rows[:PAGE])
    return [
        DataFinding(
            "note" if severity == "note" else "warn", what,
            f"{counted(len(rows))} of {len(seen):,} {said}", len(rows),
            tuple(map(seen.name, rows[:50])), mend, shown=shown,
        )
    ]  # fmt: skip
