"""How accuracy falls as attacks grow: a curve for each method, beside a control and checks."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float, Int, Shaped
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.core.notebook import drawn
from cartograd.core.ports import Signature

RANDOM = "random"
"""The control: changes of the same size that know nothing of the model."""


@dataclass(frozen=True)
class Share:
    """How many of the examples are right, with its 95 % interval (Clopper and Pearson)."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """As JSON types."""
        return {"accuracy": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Check:
    """One sign of gradients that mislead attacks, and not of robustness.

    Attributes:
        name: what has to hold.
        passed: whether it does.
        said: the figure.
    """

    name: str
    passed: bool
    said: str


@dataclass(frozen=True)
class Shown:
    """A few examples that fell, at the least size at which any did.

    Attributes:
        method: spec of the attack that did it.
        eps: the size.
        inputs, adversarial: before and after.
        targets: their right classes.
        outputs, adversarial_outputs: the model's logits for both.
    """

    method: str
    eps: float
    inputs: Shaped[Tensor, "n ..."]
    adversarial: Shaped[Tensor, "n ..."]
    targets: Int[Tensor, " n"]
    outputs: Float[Tensor, "n k"]
    adversarial_outputs: Float[Tensor, "n k"]


@dataclass(frozen=True)
class SecurityCurve:
    """Accuracy by method and size of the attack.

    Attributes:
        model: what it is called.
        source: the data and their part.
        eps: sizes, from small to large, in the units of the input port.
        norm: what they measure, `linf` or `l2`.
        examples: how many were attacked.
        clean: accuracy without an attack.
        shares: for each method, and for random changes, the accuracy at each size.
        passes: for each method how often the model was run for an example, on average.
        checks: signs of masked gradients.
        together: what stands against all methods, at each size.
        notes: what a reader should know, such as a size that is probably in another unit.
        signature: of the model.
        shown: examples to look at; None where nothing fell.
    """

    model: str
    source: str
    eps: tuple[float, ...]
    norm: str
    examples: int
    clean: Share
    shares: dict[str, tuple[Share, ...]]
    passes: dict[str, float]
    checks: tuple[Check, ...]
    signature: Signature
    together: tuple[Share, ...] = ()
    notes: tuple[str, ...] = ()
    shown: Shown | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """As JSON types, but for the examples."""
        return {
            "model": self.model,
            "data": self.source,
            "examples": self.examples,
            "norm": self.norm,
            "eps": list(self.eps),
            "clean": self.clean.to_json(),
            "curves": {
                name: [share.to_json() for share in shares] for name, shares in self.shares.items()
            },
            "together": [share.to_json() for share in self.together],
            "passes": self.passes,
            "checks": [
                {"check": check.name, "passed": check.passed, "said": check.said}
                for check in self.checks
            ],
            "notes": list(self.notes),
        }

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each method: accuracy with its interval at each size."""
        rows = [("none", *(_said(self.clean) for _ in self.eps), "")]
        for name, shares in self.shares.items():
            cost = f"{self.passes[name]:.0f}" if name in self.passes else ""
            rows.append((name, *map(_said, shares), cost))
        return rows

    def draw(self, path: str | Path, /) -> Path:
        """Write curves, checks and examples as an HTML page that needs nothing beside."""
        return drawn("security_page:security_page", self, path)


def _said(share: Share) -> str:
    low, high = (units.percent(end, digits=0).removesuffix("%").strip() for end in
                 (share.low, share.high))  # fmt: skip
    return f"{units.percent(share.value)} ({low} to {high})"
