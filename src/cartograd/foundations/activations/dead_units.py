"""Which units of a network are dead: no example gives them a gradient.

A ReLU whose input is negative for all the data answers 0 and passes no gradient on, so it cannot
learn to answer anything else. The same holds for any unit that sits on a flat part of its curve.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.mode import evaluating
from cartograd.foundations.activations.layer import Activation

_SMOOTH = (nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh)
_ACTIVATIONS = (Activation, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, *_SMOOTH)


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
        module: name for name, module in model.named_modules() if isinstance(module, _ACTIVATIONS)
    }
    if not names:
        raise UsageError(
            f"{type(model).__name__} has no activation among its modules; dead_units looks at "
            f"Activation layers and at torch's, such as nn.ReLU"
        )
    alive: dict[str, Tensor] = {}

    def look(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        z = given[0].detach().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(module.forward(z).sum(), z)
        units = slope.movedim(1, 0).flatten(1) != 0
        found = units.any(1)
        alive[names[module]] = alive.get(names[module], torch.zeros_like(found)) | found

    handles = [module.register_forward_pre_hook(look) for module in names]
    try:
        with evaluating(model), torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return {name: 1 - found.double().mean().item() for name, found in alive.items()}
