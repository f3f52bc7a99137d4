"""Early stopping: keep the weights of the best epoch, and stop when no better one comes.

A network first learns what its examples have in common and then the examples themselves; the loss
on data that it is not trained on falls and rises again. Training ends after `patience` epochs
without an improvement, and the weights of the best epoch come back. In a run: `patience=5`, with
`monitor=` to name the number. Of epochs that are equally good the later is kept, whose weights have
learned for longer; it is no improvement, so patience runs on.

    better: best - value > min_delta if it should fall, value - best > min_delta if it should rise

Shapes: none; the monitored number is one per epoch.

Departures: none.

References:
    Lutz Prechelt. Early stopping - but when? Neural Networks: Tricks of the Trade, 1998.
    https://doi.org/10.1007/3-540-49430-8_3

>>> better(0.4, 0.5), better(0.4, 0.5, falls=False), better(0.4, 0.5, min_delta=0.2)
(True, False, False)
"""

import math
from dataclasses import dataclass
from typing import Any

from cartograd.core.card import Card

CARD = Card(
    name="early-stopping",
    kind="technique",
    entry="better",
    nodes=("regularize/early-stopping",),
    title="Early stopping",
    zh="早停",
    paper="Early stopping - but when?",
    year=1998,
    url="https://doi.org/10.1007/3-540-49430-8_3",
    proofs=(
        "law: it stops `patience` epochs after the best one and the weights are the best epoch's, "
        "to the bit, for every patience",
    ),
    evidence={
        "regularize/early-stopping": (
            "test_it_stops_patience_epochs_after_the_best",
            "test_min_delta_and_direction",
            "test_the_card_says_which_way_is_better",
            "claim:early-stopping",
        ),
    },
)


def better(
    value: float, best: float | None, /, *, falls: bool = True, min_delta: float = 0.0
) -> bool:
    """Whether a value beats the best one so far; one that is not finite never does.

    Args:
        value: of this epoch.
        best: the best one before; None at first.
        falls: whether lower is better.
        min_delta: smallest change that counts as an improvement.
    """
    if not math.isfinite(value):
        return False
    if best is None:
        return True
    return (best - value if falls else value - best) > min_delta


@dataclass
class Monitor:
    """The number that says which epoch is the best.

    Attributes:
        name: of the number; empty for none.
        falls: whether lower is better.
        required: whether it is an error if there is no such number.
        patience, min_delta: see `fit`.
    """

    name: str
    falls: bool
    required: bool
    patience: int | None = None
    min_delta: float = 0.0

    def __str__(self) -> str:
        return f"{'min' if self.falls else 'max'}:{self.name}" if self.name else ""

    def better(self, value: float, best: float | None, /) -> bool:
        """Whether a value beats the best one so far."""
        return better(value, best, falls=self.falls, min_delta=self.min_delta)

    def ranked(self, history: list[dict[str, Any]], /) -> list[int]:
        """The steps at which epochs ended, the best first, of equal ones the later first."""
        numbers = [(record.get(self.name, math.nan), record["step"]) for record in history]
        finite = [(value, step) for value, step in numbers if math.isfinite(value)]
        sign = 1 if self.falls else -1
        return [step for _, step in sorted(finite, key=lambda x: (sign * x[0], -x[1]))]
