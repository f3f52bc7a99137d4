"""What a generative model is given, looked at before it computes: examples, codes, steps."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.fits import fits
from cartograd.core.ports import Port

OVER = 1e-3
"""How much of its range an example may leave it by: numbers are rounded."""


def check_numbers(owner: str, **given: tuple[Any, type]) -> None:
    """Refuse what is no number of its kind.

    Args:
        owner: who was given them.
        **given: by name each value, and `int` or `float`.

    Raises:
        UsageError: which is of the wrong type.

    >>> check_numbers("sample", count=(3, int), temperature=(1, float))
    """
    for name, (value, kind) in given.items():
        if not fits(value, kind):
            word = "a whole number" if kind is int else "a number"
            raise UsageError(f"{owner}: {name}={value!r} is of the wrong type; expected {word}")


def check_examples(x: Float[Tensor, "..."], port: Port, what: str, name: str, /) -> None:
    """Refuse examples that are none of the model's.

    Args:
        x: examples.
        port: what its examples are.
        what: is to be done with them.
        name: of the model.

    Raises:
        UsageError: there are none, or they have another shape, a number that is not finite, or one
            out of bounds.
    """
    dims = tuple(port.dims)
    if tuple(x.shape[1:]) != dims or not len(x):
        raise UsageError(
            f"{what} was given {len(x)} examples of shape {tuple(x.shape[1:])}; {name} is of {dims}"
        )
    if not x.isfinite().all():
        raise UsageError(f"{what} was given examples with a number that is not finite")
    if port.bounds is None:
        return
    low, high = port.bounds
    least, most = float(x.min()), float(x.max())
    if least < low - OVER * (high - low) or most > high + OVER * (high - low):
        raise UsageError(
            f"{what} was given examples from {least:.4g} to {most:.4g}; {name} is of numbers from "
            f"{low:g} to {high:g}"
        )


def check_steps(steps: int | None, what: str, name: str, /, *, takes: bool) -> None:
    """Refuse a number of steps that is none, or of a model that takes none.

    Args:
        steps: as given.
        what: is to be done in them.
        name: of the model.
        takes: whether it does that in steps.

    Raises:
        UsageError: see above.
    """
    if steps is None:
        return
    check_numbers(what, steps=(steps, int))
    if steps < 1:
        raise UsageError(f"{what}: steps={steps} is out of range; expected at least 1")
    if not takes:
        raise UsageError(f"{what}: steps={steps} mean nothing to {name}, which takes none")


def fitting(z: Float[Tensor, "..."], decode: Callable[[], Tensor], name: str, /) -> Tensor:
    """What codes are decoded to, if they are codes of the model.

    Raises:
        UsageError: they have another shape, or a number that is not finite.
    """
    if not z.isfinite().all():
        raise UsageError("decode was given codes with a number that is not finite")
    try:
        return decode()
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"decode was given codes of shape {tuple(z.shape)}, which are none of {name}'s "
            f"({reason}); expected such as encode gives"
        ) from error
