"""An exported model: its file, and how far it differs from the model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.results.judged import Judged, changed
from cartograd.practice.deployment.graph.passes import Optimised
from cartograd.practice.deployment.parity import Beside, Check


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        path: the file.
        size: its bytes.
        check: what came of running both on the same inputs; None if that was not asked for.
        parted: at which stage the two part, where they do not agree.
        changed: answers to these inputs that are other ones, of so many; None where there are no
            classes or values to compare.
        pixels: of masks, the share of all pixels that are answered otherwise.
        graph: what became of its graph, where that was optimised.
        beside: the file as it was and this one, timed by the same runtime.
        judged: whether the file may replace the model, where a margin was given.
        decides: from which probability on a class is named, where that was chosen.
        loads: how another library makes the network, where it was written for one.
    """

    path: Path
    size: int
    check: Check | None = None
    parted: str = ""
    decides: str = ""
    changed: tuple[int, int] | None = None
    judged: Judged | None = None
    graph: Optimised | None = None
    beside: tuple[Beside, ...] = ()
    loads: str = ""
    pixels: float | None = None

    @property
    def may(self) -> bool:
        """Whether nothing speaks against using the file in the model's place."""
        return self.agree and (self.judged is None or self.judged.may)

    @property
    def agree(self) -> bool:
        """Whether the file gives the model's answers, as far as that was checked."""
        return self.check is None or self.check.agree

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        found = self.check
        agree = None if found is None else found.agree
        checked = None if found is None else vars(found)
        told = {"path": str(self.path), "size": self.size, "agree": agree, "check": checked}
        told |= {"parted": self.parted} if self.parted else {}
        if self.changed is not None:
            told["answers"] = dict(zip(("changed", "asked"), self.changed, strict=True))
            told["answers"] |= {} if self.pixels is None else {"pixels": self.pixels}
        if self.graph is not None:
            told |= {"graph": self.graph.to_json(), "beside": [vars(one) for one in self.beside]}
        told |= {} if self.judged is None else {"judged": self.judged.to_json()}
        told |= {"loads": self.loads} if self.loads else {}
        return told | ({"decides": self.decides} if self.decides else {})

    def lines(self) -> list[tuple[str, str]]:
        """What was written, and how it compares."""
        lines = [("written", str(self.path)), ("size", units.size(self.size))]
        if self.loads:
            lines.append(("loads", self.loads))
        if self.decides:
            lines.append(("decides", f"{self.decides}; its largest logit is the answer so"))
        if self.graph is not None:
            lines.append(("graph", self.graph.sentence))
        found = self.check
        if self.judged is not None:
            lines.append(("verdict", self.judged.said))
        if found is None:
            return lines
        state = "weights are rounded; --margin judges what that does"
        if found.tolerance is not None:
            state = "within rounding" if found.agree else "TOO LARGE"
            state += f" ({found.tolerance:.1e})"
        return [
            *lines,
            ("difference", f"{units.number(found.difference)}, {state}"),
            *(
                []
                if self.changed is None
                else [("answers", changed(*self.changed, pixels=self.pixels))]
            ),
            *([("they part", self.parted)] if self.parted else []),
            *self._times(found),
        ]

    def _times(self, found: Check) -> list[tuple[str, str]]:
        """How long the model and its file took, and the file before passes over its graph."""
        if found.torch_ms is None:
            return []
        mine = _took(found.torch_ms, found.torch_half)
        other = _took(found.file_ms or 0.0, found.file_half)
        ratio = units.times(found.ratio or 0.0, found.low or 0.0, found.high or 0.0)
        return [
            ("time", f"torch {mine}, {found.runtime} {other}"),
            ("speed", f"{ratio} that of torch"),
            *[
                ("before", f"{'with' if one.fused else 'without'} what onnxruntime does itself "
                 f"{_took(one.before_ms, one.before_half)}, now "
                 f"{_took(one.after_ms, one.after_half)}: "
                 f"{units.times(one.ratio, one.low, one.high)} as fast")
                for one in self.beside
            ],
        ]  # fmt: skip


def _took(median: float, half: tuple[float, float] | None) -> str:
    """Milliseconds with their spread."""
    return units.took(median / 1000, half and (half[0] / 1000, half[1] / 1000))
