"""What an answer rests on: what each part of each input contributed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.core.files import write_file
from cartograd.core.notebook import drawn, shown
from cartograd.core.ports import Port


@dataclass(frozen=True)
class Explanation:
    """What each part of some inputs contributed to the answers.

    Attributes:
        method: spec of the explainer.
        port: of the inputs.
        names: what each example was.
        titles: what of its answer is explained.
        inputs: the examples.
        attributions: what each of their numbers contributed.
        tokens: of each text its tokens with their places; empty where the inputs are no texts.
        heads: of attention rollout the attention weights of the first example, `h t s`, by layer.
        labels: what stands at each position of these; empty where that cannot be said.
        draws: the attributions of each repeat, whose mean is told; None of one.
        at: the hidden layer whose units contribute; None where it is the input.
    """

    method: str
    port: Port
    names: tuple[str, ...]
    titles: tuple[str, ...]
    inputs: Shaped[Tensor, "b ..."]
    attributions: Float[Tensor, "b ..."]
    tokens: tuple[list[str], ...]
    heads: dict[str, Tensor] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    draws: Float[Tensor, "n b ..."] | None = None
    at: str | None = None

    @property
    def errors(self) -> Float[Tensor, "b ..."] | None:
        """The standard error of each attribution, over the repeats; None of one.

        The spread of a single run is this times the root of their number.
        """
        return None if self.draws is None else self.draws.std(0) / len(self.draws) ** 0.5

    def to_json(self) -> list[dict[str, Any]]:
        """For each example what is explained, and the contributions."""
        parts = zip(self.names, self.titles, self.attributions, self.tokens, strict=True)
        found = [
            {"source": name, "explains": title, "sum": float(one.sum())} | self._parts(one, said)
            for name, title, one, said in parts
        ]
        if self.draws is not None:
            for number, item in enumerate(found):
                item["standard_errors"] = self._errors(number)
        return found

    def rows(self) -> list[tuple[str, str, str]]:
        """Each example, what is explained, and what contributes most."""
        return [(item["source"], item["explains"], _most(item)) for item in self.to_json()]

    def _repr_html_(self) -> str:
        return shown("explanation", self)

    def write(self, path: str | Path, /) -> Path:
        """Write texts with their tokens coloured, as an HTML page that needs nothing beside."""
        page = (
            "<!doctype html><meta charset=utf-8><title>Explanation</title>"
            '<body style="font:16px/1.8 sans-serif;max-width:60em;margin:2em auto">'
            f"{self._repr_html_()}"
        )
        return write_file(path, page.encode())

    def draw(self, path: str | Path, /) -> Path:
        """Write the inputs beside their contributions, as PNG."""
        return drawn("drawings:explanation", self, path)

    def draw_heads(self, path: str | Path, /) -> Path | None:
        """Write all heads' attention for the first example, as PNG; None for other methods."""
        return drawn("drawings:heads", self, path) if self.heads else None

    def _parts(self, attribution: Tensor, tokens: list[str]) -> dict[str, Any]:
        """The contributions by column, token or unit; of a picture those of its pixels."""
        if self.port.kind != "image":
            names, values = contributions(self.port, attribution, tokens)
            return {"contributions": dict(zip(names, values.tolist(), strict=True))}
        if self.at is None:
            return {"pixels": attribution.sum(0).tolist()}
        units = attribution.flatten(1).sum(1).tolist()
        named = {f"{self.at}[{unit}]": value for unit, value in enumerate(units)}
        return {"contributions": named, "places": attribution.sum(0).tolist()}

    def _errors(self, number: int) -> Any:
        """The standard errors of an example's contributions, in their form."""
        draws = [] if self.draws is None else self.draws[:, number]
        told = [self._parts(one, self.tokens[number]) for one in draws]
        if "contributions" not in told[0]:
            return _error(np.array([one["pixels"] for one in told])).tolist()
        values = np.array([list(one["contributions"].values()) for one in told])
        return dict(zip(told[0]["contributions"], _error(values).tolist(), strict=True))


def _error(draws: np.ndarray) -> np.ndarray:
    return draws.std(0, ddof=1) / len(draws) ** 0.5


def contributions(
    port: Port, attribution: Tensor, tokens: Sequence[str], /
) -> tuple[list[str], np.ndarray]:
    """What each column of a table, token of a text or number of a vector contributed.

    The features that one column became are added up; what fills up a text says nothing.
    """
    values = attribution.double().cpu().flatten().numpy()
    if tokens:
        return list(tokens), values[: len(tokens)]
    if not port.columns:
        return [f"{port.name}[{i}]" for i in range(len(values))], values
    ends = np.cumsum([column.width for column in port.columns])[:-1]
    parts = np.split(values, ends)
    return [column.name for column in port.columns], np.array([part.sum() for part in parts])


def _most(item: dict[str, Any]) -> str:
    """The three largest contributions; a pixel is named by its place."""
    found = item.get("contributions") or _by_place(item["pixels"])
    errors = item.get("standard_errors", {})
    errors = errors if isinstance(errors, dict) else _by_place(errors)
    largest = sorted(found.items(), key=lambda pair: -abs(pair[1]))[:3]
    return ", ".join(
        f"{name}: {units.number(value)}" + (f" ± {errors[name]:.2g}" if errors else "")
        for name, value in largest
    )


def _by_place(pixels: list[list[float]]) -> dict[str, float]:
    return {
        f"row {y + 1} column {x + 1}": value
        for y, row in enumerate(pixels)
        for x, value in enumerate(row)
    }
