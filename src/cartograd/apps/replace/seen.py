"""What a reader can see of an example: cells, a picture's brightness and size, a text's length."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.replace.questions import Questions
from cartograd.data.decode.images import header

TOGETHER = 64
"""Pictures that are looked at at once."""

MOST = 12
"""Different cells of a column that each become a feature."""


@dataclass(frozen=True)
class Feature:
    """A number for each example.

    Attributes:
        name: of the column, or what was measured.
        values: the numbers.
        cell: of a column of words, the one that 1 stands for.
    """

    name: str
    values: Float[np.ndarray, " n"]
    cell: str | None = None

    def said(self, at: float, /, *, below: bool) -> str:
        """One side of a threshold in words.

        >>> Feature("age", np.zeros(1)).said(41.5, below=True)
        'age <= 41.5'
        >>> Feature("town", np.zeros(1), "Ulm").said(0.5, below=False)
        'town is Ulm'
        """
        if self.cell is not None:
            return f"{self.name} is {'not ' if below else ''}{self.cell}"
        return f"{self.name} {'<=' if below else '>'} {at:.4g}"


def features(questions: Questions, /) -> list[Feature]:
    """What can be read of the examples; those that are all alike tell nothing."""
    kind = questions.signature.input.kind
    if questions.examples.table is not None and kind == "table":
        found = list(_of_cells(questions))
    elif kind == "image":
        found = list(_of_pictures(questions))
    elif kind == "text" and questions.examples.table is not None:
        found = list(_of_texts(questions.sources))
    else:
        found = list(_of_numbers(questions.examples.inputs))
    return [one for one in found if len(np.unique(one.values)) > 1]


def _of_cells(questions: Questions) -> Iterator[Feature]:
    """Columns of numbers as they are, a missing one as the least; words one by one."""
    table = questions.examples.table
    assert table is not None
    known = {column.name for column in questions.signature.input.columns} or set(table.header)
    for name in table.header:
        cells = table.column(name)
        if name not in known:
            continue
        numbers = [_number(cell) for cell in cells]
        there = [number for number in numbers if number is not None]
        if len(there) > len(cells) / 2:
            least = min(there) - 1
            yield Feature(name, np.array([least if one is None else one for one in numbers]))
            continue
        counted = Counter(cells)
        for cell in sorted(counted, key=lambda one: (-counted[one], one))[:MOST]:
            values = np.array([float(one == cell) for one in cells])
            yield Feature(name, values, cell or "missing")


def _of_pictures(questions: Questions) -> Iterator[Feature]:
    """Of the pictures as the model sees them; width and height as their files have them."""
    parts = torch.arange(len(questions)).split(TOGETHER)
    seen = [_looked_at(questions.examples.select(part).inputs.double()) for part in parts]
    for name in seen[0]:
        yield Feature(name, torch.cat([one[name] for one in seen]).numpy())
    if all(isinstance(one, Path) for one in questions.sources):
        sizes = np.array([header(one).size for one in questions.sources], dtype=float)
        yield Feature("width", sizes[:, 0])
        yield Feature("height", sizes[:, 1])
        yield Feature("width / height", sizes[:, 0] / sizes[:, 1])


def _looked_at(x: Float[Tensor, "b c y x"]) -> dict[str, Float[Tensor, " b"]]:
    """Brightness, contrast and sharpness; of colours how strong they are."""
    grey = x.mean(1)
    steps = [grey.diff(dim=dim).abs().flatten(1).mean(1) for dim in (-1, -2)]
    found = {
        "brightness": grey.flatten(1).mean(1),
        "contrast": grey.flatten(1).std(1),
        "sharpness": steps[0] + steps[1],
    }
    if x.shape[1] == 3:
        found["colourfulness"] = (x.amax(1) - x.amin(1)).flatten(1).mean(1)
    return found


def _of_texts(texts: list[Any]) -> Iterator[Feature]:
    yield Feature("letters", np.array([float(len(text)) for text in texts]))
    yield Feature("words", np.array([float(len(text.split())) for text in texts]))
    capital = [sum(map(str.isupper, text)) / max(1, len(text)) for text in texts]
    yield Feature("share of capitals", np.array(capital))


def _of_numbers(x: Tensor) -> Iterator[Feature]:
    """The numbers of a vector, by their place."""
    flat = x.flatten(1).double()
    for place in range(min(MOST, flat.shape[1])):
        yield Feature(f"number {place + 1}", flat[:, place].numpy())


def _number(cell: str) -> float | None:
    try:
        found = float(cell)
    except ValueError:
        return None
    return found if np.isfinite(found) else None
