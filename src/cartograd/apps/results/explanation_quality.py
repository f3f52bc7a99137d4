"""How good several explanations of the same answers are, side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CONTROLS = ("random", "edges")
"""Rows that know nothing of the model."""

BETTER = {
    "deletion": "lower",
    "insertion": "higher",
    "infidelity": "lower",
    "max-sensitivity": "lower",
    "complexity": "lower",
    "gini": "higher",
    "randomisation": "lower",
    "localisation": "higher",
}
"""Figures in their order, and which is better."""

FAITHFUL = ("deletion", "insertion", "infidelity", "localisation")
"""Figures by which an explanation should be better than random numbers."""

Figure = tuple[float, float]
"""The mean over examples, and its standard error; NaN of a single example."""


@dataclass(frozen=True)
class Quality:
    """Figures of explainers and of controls.

    Attributes:
        figures: of each explainer or control, by name; what could not be measured is left out.
            Each is of those examples that can be judged by it.
        examples: how many answers were explained.
        notes: what to bear in mind.
        beats: at which share of the examples each is better than random numbers, by figure.
    """

    figures: Mapping[str, Mapping[str, Figure]]
    examples: int
    notes: Sequence[str] = ()
    beats: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The figures that there are."""
        return [name for name in BETTER if any(name in row for row in self.figures.values())]

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each explainer, controls at the end, with standard errors."""
        return [
            (name, *(_told(found.get(column)) for column in self.columns))
            for name, found in self.figures.items()
        ]

    def no_better(self) -> dict[str, list[str]]:
        """Of each explainer, by which figures it is not better than random numbers."""
        chance = self.figures["random"]
        return {
            name: [
                column
                for column in FAITHFUL
                if column in found
                and column in chance
                and not _better(column, found[column], chance[column])
            ]
            for name, found in self.figures.items()
            if name not in CONTROLS
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, for other programs."""
        return {
            "examples": self.examples,
            "better": {name: BETTER[name] for name in self.columns},
            "figures": {
                name: {
                    column: {"value": value, "standard_error": error}
                    for column, (value, error) in row.items()
                }
                for name, row in self.figures.items()
            },
            "better_than_random": {name: dict(row) for name, row in self.beats.items()},
            "notes": list(self.notes),
        }


def _told(figure: Figure | None) -> str:
    return "–" if figure is None else f"{figure[0]:.3g}" + _error(figure[1])


def _error(error: float) -> str:
    """Nothing of a single example, which has none."""
    return "" if math.isnan(error) else f" ± {error:.1g}"


def _better(column: str, own: Figure, chance: Figure) -> bool:
    return own[0] < chance[0] if BETTER[column] == "lower" else own[0] > chance[0]
