"""Sample: new examples of what a model of densities has learned."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.core.signed import Signed, statistics
from cartograd.engine.device.device import pick

MOST = 100_000
"""Examples that are drawn at once."""


def sample(
    target: Target,
    count: int = 16,
    /,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    device: str = "auto",
) -> Float[Tensor, "b ..."]:
    """Draw examples from a model.

    Args:
        target: a model of densities with a signature, a run, a bundle, or the path of one.
        count: how many.
        seed: of the random numbers; the same seed gives the same examples.
        temperature: below 1 keeps to likelier examples, all alike at 0.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Returns:
        `count` examples in the units of the model's input port, on the CPU.

    Raises:
        UsageError: the model draws no examples, or a number is out of its range.
    """
    if not 1 <= count <= MOST:
        raise UsageError(f"count={count} examples cannot be drawn at once; expected 1 to {MOST:,}")
    if not temperature >= 0:
        raise UsageError(f"temperature={temperature} is below 0; 1 is the model's own")
    model = as_signed(target)
    drawing = _drawing(model, name_of(model))
    chosen = pick(device)
    model.to(chosen)
    generator = torch.Generator().manual_seed(seed)
    with inferring(model):
        drawn = drawing(count, generator, temperature=temperature)
    port = model.signature.input
    shape = (count, *(int(dim) for dim in port.dims))
    drawn = drawn.reshape(shape)
    if port.mean:
        mean, std = (one.to(drawn.device) for one in statistics(port))
        drawn = drawn * std + mean
    if port.bounds is not None:
        drawn = drawn.clamp(*port.bounds)
    return drawn.cpu()


def _drawing(model: Signed, name: str) -> Callable[..., Tensor]:
    """The model's own way to draw.

    Raises:
        UsageError: it has none.
    """
    own = inspect.getattr_static(model.model, "sample", None)
    if model.signature.target != "example" or own is None:
        raise UsageError(
            f"{name} draws no examples, its task is {model.signature.task.name!r}; expected a "
            "model of densities, as `cartograd train real-nvp --data digits` makes one"
        )
    drawing: Any = model.model.sample
    return drawing
