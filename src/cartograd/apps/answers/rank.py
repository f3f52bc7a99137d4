"""Items in order, the best first."""

from dataclasses import dataclass
from typing import Any

import torch

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked


@dataclass(frozen=True)
class Ranking:
    """Each item with its score, the highest first.

    >>> Ranking((("b", 2.0), ("a", 0.5))).rows()[0]
    [('rank', '1'), ('item', 'b'), ('score', '2')]
    """

    items: tuple[tuple[str, float], ...]

    def to_json(self) -> dict[str, Any]:
        """The items in order."""
        return {"ranking": [{"item": item, "score": score} for item, score in self.items]}

    def rows(self) -> list[list[tuple[str, str]]]:
        """A row for each item."""
        return [
            [("rank", str(rank)), ("item", item), ("score", units.number(score))]
            for rank, (item, score) in enumerate(self.items, start=1)
        ]

    def flat(self) -> dict[str, Any]:
        """`item1` and so on."""
        return {f"item{rank}": item for rank, (item, _) in enumerate(self.items, start=1)}

    def draw(self, axes: Any, /) -> None:
        """A bar for each, the best on top."""
        shown = self.items[::-1]
        axes.barh([item for item, _ in shown], [score for _, score in shown])
        axes.set_xlabel("score")


def answers(asked: Asked, /) -> list[Ranking]:
    """Of outputs `b n`, a score for each item; `top` of them are named."""
    names = asked.signature.output.labels
    found = []
    for scores in asked.outputs:
        order = scores.argsort(descending=True, stable=True).tolist()[: asked.top]
        shown = [i for i in order if scores[i] > -torch.inf]  # the others are not to be shown
        items = [(names[i] if names else str(i), float(scores[i])) for i in shown]
        found.append(Ranking(tuple(items)))
    return found
