"""What an answer of each form costs: measured in turns, so that both meet the same machine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.replace.form import Form
from cartograd.core.errors import UsageError
from cartograd.engine.device.held import peak
from cartograd.practice.deployment.in_turns import in_turns

TOGETHER = 64
"""Examples that are asked at once to see how much memory that takes."""


@dataclass(frozen=True)
class Cost:
    """What a form costs.

    Attributes:
        latency: median seconds from one raw example to its answer.
        low, high: 95 % interval of that median.
        times: how often it was asked.
        size: bytes of the weights or file; None where they are elsewhere.
        memory: bytes that the process held beyond what it did before, at most, while it answered
            many examples; None where the system does not say or it answers elsewhere.
    """

    latency: float
    low: float
    high: float
    times: int
    size: int | None
    memory: int | None

    @property
    def took(self) -> str:
        """The median with its 95 % interval."""
        return units.took(self.latency, (self.low, self.high))

    def to_json(self) -> dict[str, Any]:
        """As JSON types, in seconds and bytes."""
        return dict(vars(self))


@dataclass(frozen=True)
class Limit:
    """What B may cost at most, and what it does.

    Attributes:
        name: of the cost.
        most: in seconds or bytes.
        found: as much; None where it is not known, which keeps no limit.
        surely: the end of the interval that has to be within.
    """

    name: str
    most: float
    found: float | None
    surely: float | None

    @property
    def kept(self) -> bool:
        """Whether B surely costs no more."""
        return self.surely is not None and self.surely <= self.most

    @property
    def said(self) -> str:
        """The limit and what was found."""
        shown = units.seconds if self.name == "latency" else units.size
        if self.found is None or self.surely is None:
            return f"its {self.name} is not known here, and at most {shown(self.most)} is allowed"
        end = "" if self.surely == self.found else f" (up to {shown(self.surely)})"
        return f"its {self.name} is {shown(self.found)}{end}, at most {shown(self.most)}"

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return dict(vars(self)) | {"kept": self.kept}


def costs(forms: Sequence[Form], sources: Sequence[Any], /) -> tuple[Cost, Cost]:
    """Both forms, asked one example at a time, in turns."""
    spent = in_turns([_asked(form, cycle(sources)) for form in forms])
    held = [_held(form, sources[:TOGETHER]) for form in forms]
    first, second = (
        Cost(one.seconds, *one.surely, one.calls, form.facts.size, memory)
        for form, one, memory in zip(forms, spent, held, strict=True)
    )
    return first, second


def _asked(form: Form, each: Iterator[Any]) -> Callable[[], Any]:
    """One example after the other, the same of all forms in a round."""
    return lambda: form.answer([next(each)])


def _held(form: Form, sources: Sequence[Any]) -> int | None:
    """What the process takes more, at its peak, while it answers; None of a form elsewhere."""
    return None if form.facts.kind == "endpoint" else peak(lambda: form.answer(sources))


def held_to(given: Mapping[str, float], cost: Cost, /) -> tuple[Limit, ...]:
    """What B costs beside what it may; of the latency the end of its interval counts."""
    found = []
    for name, most in given.items():
        if name == "latency":
            found.append(Limit(name, most, cost.latency, cost.high))
        elif name in ("size", "memory"):
            value = cost.size if name == "size" else cost.memory
            found.append(Limit(name, most, value, value))
        else:
            raise UsageError(f"max {name}: there is no such cost")
    return tuple(found)
