"""What a finished run came to, read from its bundle's documents; no torch is imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.engine.files.documents import document

TAGS = "tags.txt"
"""The file of a run folder with the words that people gave the run, a line each."""


@dataclass(frozen=True)
class Gap:
    """How far a model is from what it has to beat, on the same test examples.

    Attributes:
        name: of what it was compared with.
        word: `better`, `worse` or `no better`.
        metric: by which.
        low, high: the 95 % interval of the difference; above zero the model is better.
    """

    name: str
    word: str
    metric: str
    low: float
    high: float

    @property
    def middle(self) -> float:
        """Of the interval."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Result:
    """What the test part said.

    Attributes:
        metric: the first one of the test.
        value, low, high: its figure and 95 % interval.
        sentence: how the model compares with what it has to beat; empty if that is not known.
        gap: to the quick strong model, or to a constant answer where there is none.
    """

    metric: str
    value: float
    low: float | None
    high: float | None
    sentence: str = ""
    gap: Gap | None = None


def result(folder: Path, /) -> Result | None:
    """What a run came to; None of one that has no bundle, or whose documents cannot be read."""
    bundle = folder / "bundle"
    if not bundle.is_dir():
        return None
    try:
        measured, about = document(bundle, "metrics"), document(bundle, "about")
    except UsageError:
        return None
    for name, said in measured.items():
        if isinstance(said, dict) and _number(said.get("value")):
            ends = (said.get("low"), said.get("high"))
            low, high = (end if _number(end) else None for end in ends)
            sentence = about.get("baseline")
            told = sentence if isinstance(sentence, str) else ""
            return Result(name, said["value"], low, high, told, _gap(about.get("baselines")))
    return None


def _gap(beside: Any) -> Gap | None:
    """The last of what a model was compared with: the quick model comes after the constant."""
    if not isinstance(beside, list):
        return None
    for one in reversed(beside):
        if (
            isinstance(one, dict)
            and _number(one.get("difference_low"))
            and _number(one.get("difference_high"))
        ):
            return Gap(
                str(one.get("name")), str(one.get("is")), str(one.get("metric")),
                one["difference_low"], one["difference_high"],
            )  # fmt: skip
    return None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def tags(folder: Path, /) -> list[str]:
    """The words that people gave a run."""
    try:
        text = (folder / TAGS).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def tag(folder: Path, add: tuple[str, ...], drop: tuple[str, ...] = (), /) -> list[str]:
    """Give a run words, and take others away; those that it has from then on.

    Raises:
        UsageError: a word is empty or of several lines, or the folder cannot be written.
    """
    for word in (*add, *drop):
        if not word.strip() or any(mark in word for mark in "\n\r,"):
            raise UsageError(
                f"{word!r} is no tag; expected a word without commas, like best-so-far"
            )
    kept = [word for word in dict.fromkeys((*tags(folder), *add)) if word not in drop]
    write_file(folder / TAGS, "".join(f"{word}\n" for word in kept))
    return kept
