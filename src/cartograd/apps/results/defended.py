"""What purifiers and detectors are worth against an attack, also against one that knows of them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Shaped
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.results.security_curve import Share
from cartograd.core.notebook import drawn
from cartograd.core.ports import Port


@dataclass(frozen=True)
class Purification:
    """How often the model is right behind a purifier.

    Attributes:
        method: spec of the purifier; "none" without one.
        clean: on clean inputs.
        unaware: on inputs that were changed for the model without the purifier.
        adaptive: on inputs that were changed through the purifier: what counts.
        shown: the attacked examples after it, to look at.
    """

    method: str
    clean: Share
    unaware: Share
    adaptive: Share
    shown: Shaped[Tensor, "n ..."] = field(repr=False)

    def row(self) -> tuple[str, ...]:
        """Its cells in the table."""
        return (self.method, *(_said(one) for one in (self.clean, self.unaware, self.adaptive)))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        shares = {"clean": self.clean, "unaware": self.unaware, "adaptive": self.adaptive}
        return {"method": self.method} | {name: one.to_json() for name, one in shares.items()}


@dataclass(frozen=True)
class Detection:
    """How well a detector tells attacked inputs from clean ones.

    Attributes:
        method: its spec.
        auc: area under the ROC curve, of inputs that the attack turned against clean ones.
        found: share of those that is flagged where 5 % of the clean ones are.
        control: the area of clean inputs against other clean ones: about a half.
    """

    method: str
    auc: float
    found: Share
    control: float

    def row(self) -> tuple[str, ...]:
        """Its cells in the table."""
        return (self.method, f"{self.auc:.3f}", _said(self.found), f"{self.control:.3f}")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"method": self.method, "auc": self.auc, "found": self.found.to_json(),
                "control": self.control}  # fmt: skip


@dataclass(frozen=True)
class Defended:
    """Defences that need no training, against one attack.

    Attributes:
        attack: its spec.
        examples: how many were attacked.
        turned: how many of those that were right the attack turned.
        purifications: without a purifier first, then of each.
        detections: of each detector.
        clean, attacked: a few examples before and after, to look at.
        port: of the inputs.
        notes: what a reader should know.
    """

    attack: str
    examples: int
    turned: int
    purifications: tuple[Purification, ...]
    detections: tuple[Detection, ...]
    clean: Shaped[Tensor, "n ..."] = field(repr=False)
    attacked: Shaped[Tensor, "n ..."] = field(repr=False)
    port: Port = field(repr=False)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON types, but for the examples."""
        return {
            "attack": self.attack,
            "examples": self.examples,
            "turned": self.turned,
            "purifiers": [one.to_json() for one in self.purifications],
            "detectors": [one.to_json() for one in self.detections],
            "notes": list(self.notes),
        }

    def draw(self, path: str | Path, /) -> Path | None:
        """Write examples before and after the attack and each purifier, as PNG.

        None where inputs are no pictures or nothing was turned.
        """
        return drawn("drawings:defended", self, path)


def _said(share: Share) -> str:
    low, high = (f"{100 * end:.0f}" for end in (share.low, share.high))
    return f"{units.percent(share.value)} ({low} to {high})"
