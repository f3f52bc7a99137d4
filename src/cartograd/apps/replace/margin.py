"""How much worse the new model may be: `accuracy=0.5%`, `nll=0.02`; and what it may cost at most.

A margin is in the unit of its metric and always a loss: of accuracy half a point less, of a
likelihood 0.02 more. A metric that is shown in percent takes percent, so that 0.5 is never taken
for a half.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cartograd.core import registry
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec

NUMBER = re.compile(
    r"\s*(?P<number>[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*(?P<unit>[%a-zµA-Z]*)\s*"
)

COSTS = {
    "latency": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6},
    "size": {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9},
    "memory": {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9},
}
"""What may be bounded, in which units."""

Given = str | Sequence[str] | Mapping[str, str | float]
"""`"accuracy=0.5%"`, several of them, or a mapping."""


@dataclass(frozen=True)
class Margin:
    """How much worse the new one may be by a metric.

    Attributes:
        metric: its spec, such as `f1:average=macro`.
        most: in the metric's own numbers (0.005 of an accuracy).
        higher: whether more of it is better.
    """

    metric: str
    most: float
    higher: bool


def margins(given: Given, /) -> tuple[Margin, ...]:
    """The margins of a line or a mapping.

    >>> margins("accuracy=0.5%, nll=0.02")[0]
    Margin(metric='accuracy', most=0.005, higher=True)

    Raises:
        UsageError: there is none, a metric is unknown, or one is without a unit, negative or none.
    """
    found = tuple(_margin(name, value) for name, value in _pairs(given, "margin", "accuracy=0.5%"))
    if not found:
        raise UsageError("a margin says how much worse B may be; expected one: accuracy=0.5%")
    twice = [one.metric for one in found]
    if len(set(twice)) < len(twice):
        name = next(name for name in twice if twice.count(name) > 1)
        raise UsageError(f"the margin of {name} is given twice; give it once")
    return found


def check_judge(data: object, given: Given, /) -> None:
    """Refuse data without a margin, for a verb that judges what it makes only by one.

    Raises:
        UsageError: there are data and no margin, or the margin is none.
    """
    if given:
        margins(given)
    elif data is not None:
        raise UsageError("data are for a verdict, which needs a margin; expected accuracy=0.5%")


def limits(given: Given, /, *, what: str = "max") -> dict[str, float]:
    """What B may cost at most, in seconds and bytes.

    Args:
        given: the limits.
        what: they are called, for errors.

    >>> limits("latency=5ms,size=2MB")
    {'latency': 0.005, 'size': 2000000.0}

    Raises:
        UsageError: there is no such cost, it is limited twice, or its limit is without a unit or
            not above 0.
    """
    found = {}
    for name, value in _pairs(given, what, "latency=5ms"):
        if name in found:
            raise UsageError(f"{what} {name} is given twice; give it once")
        if name not in COSTS:
            raise unknown("cost", name, COSTS)
        units, match = COSTS[name], NUMBER.fullmatch(str(value))
        if match is None or match["unit"] not in units:
            raise UsageError(
                f"{what} {name}={value} is no number with a unit; expected one in "
                f"{', '.join(units)}: {name}={'5ms' if name == 'latency' else '10MB'}"
            )
        found[name] = float(match["number"]) * units[match["unit"]]
        if not found[name] > 0:
            raise UsageError(f"{what} {name}={value} is out of range; expected more than 0")
    return found


def _pairs(given: Given, what: str, like: str) -> list[tuple[str, str]]:
    if isinstance(given, Mapping):
        return [(name, str(value)) for name, value in given.items()]
    lines = [given] if isinstance(given, str) else list(given)
    words = [word.strip() for line in lines for word in re.split(r",\s*(?=[\w-]+[:=])", line)]
    pairs = []
    for word in filter(None, words):
        name, equals, value = word.rpartition("=")
        if not equals:
            raise UsageError(f"{what} {word!r} has no value; expected {like}")
        pairs.append((name.strip(), value.strip()))
    return pairs


def _margin(name: str, value: str) -> Margin:
    card = _card(name)
    match = NUMBER.fullmatch(value)
    if match is None:
        raise UsageError(f"margin {name}={value} is no number; expected {_like(card)}")
    number, unit, percent = float(match["number"]), match["unit"], card.unit in ("%", "share")
    if card.unit == "%" and unit != "%":
        raise UsageError(
            f"margin {name}={value} has no unit; {name} is in percent, so say how many points it "
            f"may be worse: {name}={value or '0.5'}%"
        )
    if unit and not (percent and unit == "%"):
        raise UsageError(
            f"margin {name}={value}: {name} has no unit {unit!r}; expected {_like(card)}"
        )
    most = number / 100 if unit == "%" else number
    if not (math.isfinite(most) and most > 0) or (percent and most >= 1):
        raise UsageError(
            f"margin {name}={value} is out of range; it is how much worse B may be, a number "
            f"above 0: {_like(card)}"
        )
    return Margin(name, most, card.better == "higher")


def _like(card: Card) -> str:
    return f"{card.name}={'0.5%' if card.unit == '%' else '0.02'}"


def _card(name: str) -> Card:
    """The metric's card.

    Raises:
        UsageError: there is no such metric, or neither side of it is better.
    """
    card = registry.find(Spec.parse(name).name, kind="metric")[0]
    if card.better not in ("higher", "lower"):
        raise UsageError(f"of {card.name} neither more nor less is better; take another metric")
    return card
