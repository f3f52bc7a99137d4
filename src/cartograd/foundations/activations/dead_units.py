"""Which units of a network are dead: no example gives them a gradient.

A ReLU whose input is negative for all the data gives 0 and passes no gradient on, so it cannot
learn anything else. The same holds for any unit on a flat part of its activation.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.learning import learning, plain
from cartograd.foundations.activations.layer import Activation

SMOOTH = (nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh)
ACTIVATIONS = (Activation, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, *SMOOTH)
"""Modules that apply a curve to each number."""


def dead_units(model: nn.Module, x: Float[Tensor, "b ..."], /) -> dict[str, float]:
    """The share of dead units behind each activation of a model, by the activation's name.

    A unit is a feature of a dense layer or a channel of a convolution; it is dead if the slope of
    its activation is 0 for every example and at every position. The model is left as it was.

    Args:
        model: its activations are modules, ours (`Activation`) or torch's.
        x: examples, as the model takes them; all that the model was trained on, for a verdict.

    Raises:
        UsageError: the model has no activation of its own to look at.
    """
    names: dict[nn.Module, str] = {
        module: name for name, module in model.named_modules() if isinstance(module, ACTIVATIONS)
    }
    if not names:
        raise UsageError(
            f"{type(model).__name__} has no activation among its modules; dead_units looks at "
            f"Activation layers and at torch's, such as nn.ReLU"
        )
    alive: dict[str, Tensor] = {}

    def look(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        live = live_units(slopes(module, given[0]))
        alive[names[module]] = alive.get(names[module], torch.zeros_like(live)) | live

    handles = [module.register_forward_pre_hook(look) for module in names]
    try:
        with evaluating(model), torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return {name: 1 - live.double().mean().item() for name, live in alive.items()}


def slopes(module: nn.Module, z: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
    """How steep an activation is at each of its inputs."""
    with learning():
        z = plain(z.detach()).requires_grad_()
        # On a copy, as a module may write its answer over its input.
        (slope,) = torch.autograd.grad(module.forward(z.clone()).sum(), z)
    return slope


def live_units(slope: Float[Tensor, "b d ..."], /) -> Bool[Tensor, " d"]:
    """Which units (dense features, or channels) have a slope anywhere, for any example."""
    return (slope.movedim(1, 0).flatten(1) != 0).any(1)
