"""How activations and gradients grow or fade through the layers of a network."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.learning import learning, plain
from cartograd.foundations.activations.layer import Activation


@dataclass(frozen=True)
class Spread:
    """What passes through one place of a network.

    Attributes:
        name: the activation's name in the model.
        activation: variance of its output, over examples and units.
        gradient: variance of the gradient that arrives there when unit noise is sent back from
            the model's output.
    """

    name: str
    activation: float
    gradient: float


def variances(model: nn.Module, x: Float[Tensor, "b ..."], /) -> list[Spread]:
    """Variance of activations and gradients after each activation, in the order of the pass.

    A healthy start keeps both within a small factor from the first to the last. The model's
    weights, gradients and mode are left as they were.

    Args:
        model: its activations are `Activation` layers, or torch's ReLU, Tanh or Sigmoid.
        x: examples, as the model takes them.

    Raises:
        UsageError: the model has no such layer.
    """
    kinds = (Activation, nn.ReLU, nn.Tanh, nn.Sigmoid)
    places: dict[nn.Module, str] = {
        module: name for name, module in model.named_modules() if isinstance(module, kinds)
    }
    if not places:
        raise UsageError(f"{type(model).__name__} has no activation among its modules")
    outputs: list[tuple[str, Tensor]] = []

    def look(module: nn.Module, _: tuple[Tensor, ...], answer: Tensor) -> None:
        outputs.append((places[module], answer))

    handles = [module.register_forward_hook(look) for module in places]
    try:
        with evaluating(model), learning(model):
            answer = model(plain(x.detach()).requires_grad_())
    finally:
        for handle in handles:
            handle.remove()
    with learning():
        noise = torch.randn(answer.shape, generator=torch.Generator().manual_seed(0)).to(answer)
        gradients = torch.autograd.grad((answer * noise).sum(), [value for _, value in outputs])
    return [
        Spread(name, value.detach().var().item(), gradient.var().item())
        for (name, value), gradient in zip(outputs, gradients, strict=True)
    ]
