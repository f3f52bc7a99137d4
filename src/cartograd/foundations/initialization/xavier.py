"""Xavier initialisation: as wide as keeps both activations and gradients at one size.

Forward, the variance of a unit is that of its inputs times their number times the weights'
variance; backward the same holds with the number of units that it feeds. One variance cannot be
the inverse of both numbers, so it is the inverse of their mean. This is derived for units that
are nearly linear around zero; tanh takes a little away in each layer, so that the variance still
falls with the number of layers, but no longer by a factor for each.

    Var(W) = gain^2 2 / (fan_in + fan_out)
    uniform: U(-a, a), a = gain sqrt(6 / (fan_in + fan_out))        normal: N(0, Var(W))

Shapes: a layer's weight, outputs first, two dimensions or more; filled in place.

Departures: the paper has the uniform form; the normal one has the same variance. The gain, 1 in
the paper, is Saxe's correction for other activations.

References:
    Xavier Glorot, Yoshua Bengio. Understanding the difficulty of training deep feedforward neural
    networks. AISTATS 2010. https://proceedings.mlr.press/v9/glorot10a.html

>>> weight = xavier(torch.empty(300, 500))
>>> round((weight.abs().max().item() / (6 / 800) ** 0.5), 2)
1.0
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.foundations.initialization.fans import fans

CARD = Card(
    name="xavier",
    kind="initialiser",
    entry="xavier",
    nodes=("init/xavier",),
    title="Xavier (Glorot) initialisation",
    zh="Xavier（Glorot）初始化",
    paper="Understanding the difficulty of training deep feedforward neural networks",
    year=2010,
    url="https://proceedings.mlr.press/v9/glorot10a.html",
    proofs=(
        "oracle: torch.nn.init.xavier_uniform_ and xavier_normal_, the same draws from the same "
        "seed",
        "law: through 20 layers of 256 tanh units activation and gradient variance keep more than "
        "1/20, as 1/layers would, where torch's default start keeps 1e-9 of the gradient's",
    ),
    evidence={
        "init/xavier": (
            "test_holds_both_variances_through_20_tanh_layers",
            "test_draws_as_torch_does",
        ),
    },
    missing={
        "init/xavier": "only a sixteenth of the forward variance is left after 20 layers",
    },
)

PRESETS = {
    "xavier-uniform": {"distribution": "uniform"},
    "xavier-normal": {"distribution": "normal"},
}


def xavier(
    weight: Float[Tensor, "..."],
    /,
    *,
    distribution: Literal["uniform", "normal"] = "uniform",
    gain: float = 1.0,
) -> Float[Tensor, "..."]:
    """Fill with random numbers of variance gain^2 2 / (fan_in + fan_out), by the global generator.

    Args:
        weight: filled in place.
        distribution: uniform or normal, of the same variance.
        gain: factor on the standard deviation that makes up for what the activation takes away.

    Raises:
        UsageError: the tensor has fewer than two dimensions.
    """
    std = gain * (2 / sum(fans(weight))) ** 0.5
    with torch.no_grad():
        if distribution == "normal":
            return weight.normal_(0, std)
        bound = 3**0.5 * std  # a uniform distribution's std is its bound over sqrt(3)
        return weight.uniform_(-bound, bound)
