"""Tries judged by cross-validation within the time of a search, the leading ones first."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from cartograd.apps.auto.judged import Judged
from cartograd.apps.auto.remembered import Kept
from cartograd.apps.auto.tried import Tried

FOLDED = (0.15, 0.1)
"""Of the time, what cross-validation leaves after the first round and after the second, which then
has half its share."""

ENOUGH = 3
"""Fewer tries than this that were judged so are judged as the others are."""

LEARNS, PART = 0.7, 1 / 3
"""The share of a try's time that a fold takes, about; and the part of the time that is left which
one try may have, so that the slowest do not leave the others unjudged."""


@runtime_checkable
class Searching(Protocol):
    """The parts of a search that are looked at; `left` is the time that it still has."""

    folder: Path
    seconds: float
    judged: Judged
    tried: list[Tried]
    said: Callable[[str], object]
    clock: Callable[[], float]

    @property
    def said_before(self) -> defaultdict[str, Kept]:
        """What frozen parts said of examples, by the weights."""
        ...

    @property
    def left(self) -> float:
        """Seconds."""
        ...

    def change(self, one: Tried, /) -> None:
        """Put a try in the place of the one of its name."""
        ...


def crossed(search: Searching, tried: Sequence[Tried], leave: float, /) -> list[Tried]:
    """Judge tries by folds while there is time; where it is short they stay as they were.

    Args:
        search: that made them.
        tried: what may be judged.
        leave: the share of the search's time that is left for what comes.
    """
    names = [one.name for one in tried]
    for one in _mixed(search.judged.ranked(tried)):
        if one.crossed is None:
            _crossed(search, one, leave * search.seconds)
    folded = [one for one in search.tried if one.crossed is not None]
    if len(folded) < min(ENOUGH, len(tried)):  # the others would be behind by no fault of theirs
        for one in folded:
            search.judged.folds.forget(search.folder / one.name)
            search.change(replace(one, crossed=None, crossed_loss=math.inf))
    return [one for one in search.tried if one.name in names]


def _mixed(ranked: Sequence[Tried]) -> list[Tried]:
    """The best of each kind of model first: those that err in other ways are good to average.

    >>> [one.name for one in _mixed([Tried("1", "mlp"), Tried("2", "mlp:widths=[8]"),
    ...                              Tried("3", "boosted-trees")])]
    ['1', '3', '2']
    """
    first: dict[str, Tried] = {}
    for one in ranked:
        first.setdefault(one.model.partition(":")[0], one)
    leading = list(first.values())
    return [*leading, *(one for one in ranked if one not in leading)]


def _crossed(search: Searching, one: Tried, leave: float) -> None:
    folds, begun, said = search.judged.folds, search.clock(), []
    if folds.count * LEARNS * one.seconds > PART * (search.left - leave):
        return
    for found in folds.runs(one, search.said_before[one.model]):
        said.append(found)
        takes = (search.clock() - begun) / len(said)
        if (folds.count - len(said)) * takes > search.left - leave:
            break
    if len(said) < folds.count:
        return
    folds.keep(search.folder / one.name, said)
    score, loss = search.judged.crossed(search.folder / one.name) or (one.score, one.loss)
    took = f"{search.clock() - begun:.1f} s"
    search.change(replace(one, crossed=score, crossed_loss=loss))
    told = search.judged.spoken(score)
    search.said(f"{one.name}: {told} of {folds.count} folds ({took})")
