"""Sheets of pictures that show what a generative model has learned, and what it cannot show."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.verbs.frames import guesses, walk
from cartograd.apps.verbs.sample import sample
from cartograd.core.errors import UsageError
from cartograd.core.generative import NotSupported, Truncates
from cartograd.core.signed import Signed

ROWS, COLUMNS = 4, 9
"""Of a sheet."""

CLASSES = 10
"""Most rows of a sheet of classes."""

PSIS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much of its own style each example keeps, from left to right."""


@dataclass(frozen=True)
class Sheet:
    """Pictures in rows.

    Attributes:
        means: what the rows and columns are.
        x: rows of pictures, in the units of the model's port.
        film: whether the columns are stages that a film shows one after the other.
    """

    means: str
    x: Float[Tensor, "n1 n2 c y x"]
    film: bool = False


def sheets(target: Target, /, *, seed: int = 0) -> dict[str, Sheet | str]:
    """What a model can show of itself, by name: a sheet, or why there is none.

    Args:
        target: a generative model of pictures with a signature, a run, a bundle, or its path.
        seed: of the random numbers.

    Raises:
        UsageError: the model makes no pictures.
    """
    model = as_signed(target)
    signature = model.signature
    if signature.target != "example" or signature.example.kind != "image":
        raise UsageError(
            f"{name_of(model)} makes no pictures, its task is {signature.task.name!r}; expected a "
            "generative model of pictures, as `cartograd train ddpm --data digits` makes one"
        )
    found: dict[str, Sheet | str] = {}
    for name, make in MAKERS.items():
        try:
            found[name] = make(model, seed)
        except NotSupported as error:
            found[name] = str(error)
    return found


def _classes(model: Signed, seed: int) -> Sheet:
    port = model.signature.condition
    if port is None:
        raise NotSupported(f"{name_of(model)} was trained without classes")
    rows = min(CLASSES, len(port.seen))
    asked = [row for row in port.seen[:rows] for _ in range(COLUMNS)]
    shown = "" if rows == len(port.seen) else f", the first {rows} of {len(port.seen)}"
    x = sample(model, len(asked), condition=asked, seed=seed)
    return Sheet(f"a class in each row{shown}", x.unflatten(0, (rows, COLUMNS)))


def _walk(model: Signed, seed: int) -> Sheet:
    x = walk(model, ROWS, length=COLUMNS, seed=seed)
    return Sheet("from one example to the next, by what they are made of", x.transpose(0, 1), True)


def _denoising(model: Signed, seed: int) -> Sheet:
    x = guesses(model, ROWS, length=COLUMNS, seed=seed)
    return Sheet("what is guessed behind the noise, step by step", x.transpose(0, 1), True)


def _truncation(model: Signed, seed: int) -> Sheet:
    if not isinstance(model.model, Truncates):
        raise NotSupported(f"{name_of(model)} has no mean style to draw its examples to")
    x = torch.stack([sample(model, ROWS, seed=seed, truncation=psi) for psi in PSIS], dim=1)
    return Sheet(f"truncation {', '.join(f'{psi:g}' for psi in PSIS)}", x)


MAKERS: dict[str, Callable[[Signed, int], Sheet]] = {
    "classes": _classes,
    "walk": _walk,
    "denoising": _denoising,
    "truncation": _truncation,
}
"""What is shown, by name."""
