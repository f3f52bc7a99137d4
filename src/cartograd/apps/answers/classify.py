"""A class for each example, or yes and no: the probability of each."""

from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float

from cartograd.apps.answers import units
from cartograd.apps.answers.given import Given
from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.core import arrays
from cartograd.core.arrays import Tensor
from cartograd.core.decided import likely


@dataclass(frozen=True)
class Labels:
    """The likeliest classes, the first of them first.

    >>> Labels({"cat": 0.75, "dog": 0.25}).rows()
    [[('label', 'cat'), ('probability', '75.0 %'), ('label 2', 'dog'), ('probability', '25.0 %')]]
    >>> Labels({"cat": 0.75}, {"cat": 0.031}).rows()
    [[('label', 'cat'), ('probability', '75.0 %'), ('spread', '3.1 %')]]
    """

    probabilities: dict[str, float]
    spread: dict[str, float] = field(default_factory=dict)
    """Standard deviation of each probability over passes with dropout, if there were some."""

    @property
    def label(self) -> str:
        """The likeliest class."""
        return next(iter(self.probabilities))

    def to_json(self) -> dict[str, Any]:
        """The likeliest class, and the probability of each that is named."""
        return {
            "label": self.label,
            "probability": self.probabilities[self.label],
            "probabilities": self.probabilities,
        } | ({"spread": self.spread} if self.spread else {})

    def rows(self) -> list[list[tuple[str, str]]]:
        """One row; each class beside its probability."""
        cells = []
        for rank, (label, share) in enumerate(self.probabilities.items(), start=1):
            cells.append((f"label {rank}" if rank > 1 else "label", label))
            cells.append(("probability", units.percent(share)))
            if label in self.spread:
                cells.append(("spread", units.percent(self.spread[label])))
        return [cells]

    def flat(self) -> dict[str, Any]:
        """`label1`, `probability1` and so on."""
        row: dict[str, Any] = {}
        for rank, (label, share) in enumerate(self.probabilities.items(), start=1):
            row |= {f"label{rank}": label, f"probability{rank}": f"{share:.6g}"}
            if label in self.spread:
                row[f"spread{rank}"] = f"{self.spread[label]:.6g}"
        return row

    def draw(self, axes: Any, /) -> None:
        """A bar for each class, the likeliest on top."""
        shown = list(self.probabilities.items())[::-1]
        axes.barh([label for label, _ in shown], [share for _, share in shown])
        axes.set_xlim(0, 1)
        axes.set_xlabel("probability")


def named(
    shares: Float[Tensor, " k"],
    labels: list[str] | tuple[str, ...],
    top: int | None,
    spread: Float[Tensor, " k"] | None = None,
    /,
    *,
    said: int | None = None,
) -> Labels:
    """The `top` likeliest classes of one example, with the spread of each if there is one.

    The class that is `said` comes first, where a threshold names another than the likeliest.

    >>> import torch
    >>> named(torch.tensor([0.25, 0.75]), ("no", "yes"), 1)
    Labels(probabilities={'yes': 0.75}, spread={})
    """
    ranked = arrays.ranked(shares)
    if said is not None:
        ranked = [said, *(place for place in ranked if place != said)]
    order = ranked[: min(top or len(shares), len(shares))]
    values = shares[order]
    names = [labels[index] for index in order]
    wide = () if spread is None else spread[order].tolist()
    return Labels(
        dict(zip(names, values.tolist(), strict=True)), dict(zip(names, wide, strict=False))
    )


def answers(asked: Given, /) -> list[Labels]:
    """The likeliest classes of each example; a single logit stands for no and yes."""
    port = asked.signature.output
    probabilities = class_probabilities(likely(asked.outputs, port))
    decided = class_probabilities(asked.outputs).argmax(1).tolist() if port.thresholds else []
    chosen = decided or [None] * len(probabilities)
    labels = asked.signature.output.labels or tuple(map(str, range(probabilities.shape[-1])))
    spreads = [None] * len(probabilities) if asked.spread is None else asked.spread
    return [
        named(row, labels, asked.top, spread, said=said)
        for row, spread, said in zip(probabilities, spreads, chosen, strict=True)
    ]
