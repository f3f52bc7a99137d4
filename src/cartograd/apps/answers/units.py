"""Numbers as people read them: the same on the command line, in reports and in tables.

>>> percent(0.9833), size(247_301), seconds(0.000412), number(3.1e-7)
('98.3 %', '247 kB', '0.41 ms', '3.1e-7')
"""

import math
from collections.abc import Iterable

from cartograd.core import registry
from cartograd.core.card import MEASURED, Card


def percent(share: float, /, *, digits: int = 1) -> str:
    """A share of one in percent.

    >>> percent(1.0), percent(0.00042, digits=2)
    ('100.0 %', '0.04 %')
    """
    return f"{100 * share:.{digits}f} %" if math.isfinite(share) else "n/a"


def number(value: float, /) -> str:
    """Three significant digits, and no more zeros than are needed.

    >>> number(12), number(0.04125), number(1234567.0), number(float("nan")), number(0.0)
    ('12', '0.0413', '1,234,567', 'n/a', '0')
    """
    if not math.isfinite(value):
        return "n/a"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.1e}".replace("e-0", "e-")
    return f"{value:.3g}"


def size(count: float, /) -> str:
    """Bytes, in steps of 1000.

    >>> size(12), size(999_700), size(1_500_000)
    ('12 B', '1 MB', '1.5 MB')
    """
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB" if count < 999.5 else f"{count:,.0f} GB"


def seconds(time: float, /) -> str:
    """A duration.

    >>> seconds(3.14), seconds(125), seconds(2e-6)
    ('3.1 s', '2 min 05 s', '2 µs')
    """
    if time >= 60:
        return f"{int(time) // 60} min {int(time) % 60:02d} s"
    if time >= 1:
        return f"{time:.1f} s"
    if time >= 1e-4:
        return f"{1e3 * time:.2g} ms" if time < 1e-2 else f"{1e3 * time:.0f} ms"
    return f"{1e6 * time:.0f} µs"


def took(median: float, half: tuple[float, float] | None, /) -> str:
    """What calls took: the median, and between which times half of them were.

    >>> took(0.00025, (0.00024, 0.00027)), took(0.00025, None)
    ('0.25 ms (0.24 ms to 0.27 ms)', '0.25 ms')
    """
    if half is None:  # of a file of before
        return seconds(median)
    return f"{seconds(median)} ({seconds(half[0])} to {seconds(half[1])})"


def times(ratio: float, low: float, high: float, /) -> str:
    """A ratio of two times with its 95 % interval.

    >>> times(3.91, 3.8, 4.06), times(215.3, 180.0, 1204.7), times(2, 2, 2)
    ('3.91 times (3.8 to 4.06)', '215 times (180 to 1,205)', '2 times (2 to 2)')
    """
    return f"{number(ratio)} times ({number(low)} to {number(high)})"


def ends(name: str, low: float, high: float, /) -> str:
    """The interval of a metric, in its unit.

    >>> ends("accuracy", 0.9534, 0.98), ends("nll", 0.0433, 0.229)
    ('95.3 % to 98.0 %', '0.0433 to 0.229')
    """
    return f"{metric(name, low)} to {metric(name, high)}"


def metric(name: str, value: float, /) -> str:
    """A metric in the unit of its card: rates in percent, everything else as a number.

    >>> metric("accuracy", 0.9833), metric("valid/nll", 0.0713)
    ('98.3 %', '0.0713')
    """
    return percent(value) if unit(name) == "%" else number(value)


def unit(name: str, /) -> str:
    """The unit of a metric by its card; empty where there is no card.

    >>> unit("valid/f1"), unit("roc-auc"), unit("rmse"), unit("loss")
    ('%', 'share', 'target', '')
    """
    card = _card(name)
    return "" if card is None else card.unit


def best(name: str, values: Iterable[float], /) -> float | None:
    """The best of several values of a metric, as its card says; None of none.

    >>> best("ece", [0.1, 0.2]), best("accuracy", [0.1, 0.2]), best("f1", [])
    (0.1, 0.2, None)
    """
    card = _card(name)
    lower = card is not None and card.better == "lower"
    return (min if lower else max)(values, default=None)


def heading(name: str, /) -> str:
    """A metric's name in words: its card's short title, its title, or the name itself.

    >>> heading("ece"), heading("nll"), heading("train-time"), heading("f1 (macro)")
    ('Calibration error', 'Negative log-likelihood', 'Train time', 'F1 (macro)')
    """
    card = _card(name)
    plain, bracket, of = name.partition(" (")
    words = plain.replace("-", " ") if card is None else card.short or card.title
    return words[:1].upper() + words[1:] + bracket + of


def _card(name: str) -> Card | None:
    """The card of a metric, whichever part of the data and whichever classes it is of."""
    plain = name.partition(" (")[0].partition(":")[0].rpartition("/")[2]
    found = [card for kind in MEASURED for card, _ in registry.lookup(plain, kind=kind)]
    return found[0] if found else None
