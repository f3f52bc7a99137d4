"""What came of an evaluation: metrics with their intervals, answers, costs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.apps.answers.averaged import spoken
from cartograd.apps.answers.multi_label import LIKELY
from cartograd.apps.results.baseline import Beside
from cartograd.apps.results.by_label import Told, by_label
from cartograd.apps.results.by_slice import OfGroup
from cartograd.apps.results.of_boxes import OfBoxes, of_boxes
from cartograd.apps.results.of_pixels import OfClass, by_class, counts
from cartograd.core.decided import positive_of
from cartograd.core.notebook import drawn, shown
from cartograd.core.signed import Signed
from cartograd.data.dataset.dataset import Examples


def approximate(doubts: Mapping[str, str], called: Callable[[str], str] = str, /) -> str:
    """Which intervals are approximate, and why, in a sentence.

    Args:
        doubts: the reason for each metric, by its name as it is spoken.
        called: what the table beside it calls the metrics.

    >>> approximate({"nll": "few examples", "ece": "few examples"})
    'nll, ece: few examples'
    """
    named: dict[str, list[str]] = {}
    for name, why in doubts.items():
        named.setdefault(why, []).append(called(name))
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in named.items())


@dataclass(frozen=True)
class Text:
    """What a model wrote for a source, and what was expected of it."""

    source: str
    written: str
    expected: str


@dataclass(frozen=True)
class Seen:
    """What was measured on what, for the report.

    Attributes:
        target: as it was given: it knows how the model came to be.
        model: with its signature.
        examples: all of them.
        data: spec or name of the data; empty if only the examples are known.
        part: of the data.
    """

    target: Any
    model: Signed
    examples: Examples
    data: str = ""
    part: str = ""


@dataclass(frozen=True)
class Evaluation:
    """What came of an evaluation.

    Attributes:
        metrics: each metric's value, by its name.
        intervals: the low and high end of each metric's 95 % interval.
        examples: how many there were.
        outputs: the model's answers (logits or values), as the examples come; where each position
            of an example has a label, a few numbers for each example that the metrics need.
        targets: the right answers.
        latency: seconds for one example alone (median of many calls).
        half: between which seconds half of these calls were.
        parameters: numbers that the model learned.
        size: bytes of its weights and buffers.
        texts: what the model wrote, where texts were measured.
        seen: the model and its examples.
        beside: what it was compared with: the best constant answer, a quick model.
        yardstick: which quick model that was, fitted on what; or why there is none.
        averages: by metric, the `average` over classes that it is, and the `positive` class where
            it is of one of two.
        positive: the positive class, where a metric is of it, and by which rule it is that one.
        doubts: by metric, why its interval is approximate: it may hold the true value less often
            than it states.
        notes: what was decided while the data were read, a line each.
        why: what is to be said of this part of the data: why it is all of them where nobody said
            so, or that the model was trained on them.
        slices: the figures of groups of the examples, where these were asked for.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    examples: int
    outputs: Float[Tensor, "n ..."]
    targets: Shaped[Tensor, "n1 ..."]
    latency: float
    parameters: int
    size: int
    texts: tuple[Text, ...] = field(default=(), repr=False)
    seen: Seen | None = field(default=None, repr=False, compare=False)
    beside: tuple[Beside, ...] = ()
    yardstick: str = ""
    averages: dict[str, dict[str, str]] = field(default_factory=dict)
    positive: str = ""
    doubts: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    why: str = ""
    slices: tuple[OfGroup, ...] = ()
    half: tuple[float, float] | None = None

    @property
    def baseline(self) -> str:
        """How it compares with what it has to beat, in a sentence."""
        return "; ".join(one.sentence for one in self.beside)

    @property
    def labels(self) -> list[Told]:
        """The figures of each label, where examples have any number of them."""
        return (
            []
            if self.seen is None
            else by_label(self.seen.model.signature, self.outputs, self.targets)
        )

    @property
    def classes(self) -> list[OfClass]:
        """The figures of each class of pixels, where the answers are masks."""
        if self.seen is None:
            return []
        signature = self.seen.model.signature
        found = counts(signature, self.intervals, self.outputs, self.targets)
        return by_class(signature, found)

    @property
    def boxes(self) -> list[OfBoxes]:
        """The figures of the boxes of each class and size, where the answers are boxes."""
        signature = None if self.seen is None else self.seen.model.signature
        return [] if signature is None else of_boxes(signature, self.outputs, self.targets)

    @property
    def thresholds(self) -> dict[str, float]:
        """From which probability on a class is named, where that was chosen."""
        port = None if self.seen is None else self.seen.model.signature.output
        if port is None or not port.thresholds:
            return {}
        each = port.task == "multi-label"
        labels = port.labels if each else (port.labels[positive_of(port)],)
        return dict(zip(labels, port.thresholds, strict=True))

    def spoken(self, name: str, /) -> str:
        """A metric's name with its average, or with the class that it is of."""
        return spoken(name, self.averages.get(name, {}))

    def approximate(self, called: Callable[[str], str] = str, /) -> str:
        """Which intervals are approximate, and why, in a sentence; empty if none is.

        Args:
            called: what the table beside it calls the metrics.
        """
        doubts = {self.spoken(name): why for name, why in self.doubts.items()}
        return approximate(doubts, called)

    def to_json(self) -> dict[str, Any]:
        """As JSON types, but for the answers and the texts."""
        return {
            "examples": self.examples,
            "metrics": {
                name: {"value": value, "low": low, "high": high}
                | ({"approximate": self.doubts[name]} if name in self.doubts else {})
                | self.averages.get(name, {})
                for name, value in self.metrics.items()
                for low, high in (self.intervals[name],)
            },
            "latency_seconds": self.latency,
            "latency_quartiles": self.half,
            "parameters": self.parameters,
            "size_bytes": self.size,
            "baseline": self.baseline or None,
            "baselines": [one.to_json() for one in self.beside],
            "yardstick": self.yardstick or None,
            "positive": self.positive or None,
            "slices": [one.to_json() for one in self.slices],
        } | (
            {"threshold": self.thresholds or LIKELY, "labels": [one.to_json() for one in told]}
            if (told := self.labels)
            else {"threshold": self.thresholds}
            if self.thresholds
            else {"classes": [one.to_json() for one in self.classes]}
            if self.classes
            else {"boxes": [one.to_json() for one in self.boxes]}
            if self.boxes
            else {}
        )

    def draw(self, path: str | Path, /) -> Path:
        """Write the report of the model on these examples, as a page with its pictures."""
        return drawn("run:evaluated", self, path)

    def _repr_html_(self) -> str:
        return shown("evaluation", self)
