"""Kaiming initialisation: Xavier's argument for units that cut off half of their inputs.

A ReLU lets through half of a symmetric input's power, so the weights need twice the variance for
the activations to keep their size. A leaky unit lets through a little more and needs a little less.

    Var(W) = 2 / ((1 + s^2) fan_in)        s: the negative slope
    uniform: U(-a, a), a = sqrt(3 Var(W))        normal: N(0, Var(W))

Shapes: a layer's weight, outputs first, two dimensions or more; filled in place.

Departures: the paper has the normal form; the uniform one has the same variance. The paper shows
that keeping either activations (`mode="in"`) or gradients (`mode="out"`, fan_out in the formula)
will do.

References:
    Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun. Delving deep into rectifiers: surpassing
    human-level performance on ImageNet classification. ICCV 2015. https://arxiv.org/abs/1502.01852

>>> weight = kaiming(torch.empty(1000, 200))
>>> round(weight.var().item(), 3)
0.01
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.foundations.initialization.fans import fans

CARD = Card(
    name="kaiming",
    kind="initialiser",
    entry="kaiming",
    nodes=("init/kaiming",),
    title="Kaiming (He) initialisation",
    zh="Kaiming（He）初始化",
    paper="Delving deep into rectifiers: surpassing human-level performance on ImageNet "
    "classification",
    year=2015,
    url="https://arxiv.org/abs/1502.01852",
    proofs=(
        "oracle: torch.nn.init.kaiming_uniform_ and kaiming_normal_, the same draws from the same "
        "seed",
        "law: through 20 layers of 256 ReLUs activation variance is held, where Xavier halves it "
        "in each",
    ),
    evidence={
        "init/kaiming": (
            "test_holds_the_variance_through_20_relu_layers",
            "claim:he-keeps-variance",
        ),
    },
    renamed={"slope": "negative_slope"},
)

PRESETS = {
    "kaiming-uniform": {"distribution": "uniform"},
    "kaiming-normal": {"distribution": "normal"},
}


def kaiming(
    weight: Float[Tensor, "..."],
    /,
    *,
    distribution: Literal["uniform", "normal"] = "normal",
    negative_slope: float = 0.0,
    mode: Literal["in", "out"] = "in",
) -> Float[Tensor, "..."]:
    """Fill with random numbers of variance 2 / ((1 + slope^2) fan), by the global generator.

    Args:
        weight: filled in place.
        distribution: uniform or normal, of the same variance.
        negative_slope: slope below zero of the activation that follows: 0 for ReLU.
        mode: whether forward signals (in) or gradients (out) keep their size.

    Raises:
        UsageError: the tensor has fewer than two dimensions.
    """
    fan_in, fan_out = fans(weight)
    std = (2 / ((1 + negative_slope**2) * (fan_in if mode == "in" else fan_out))) ** 0.5
    with torch.no_grad():
        if distribution == "normal":
            return weight.normal_(0, std)
        bound = 3**0.5 * std  # a uniform distribution's std is its bound over sqrt(3)
        return weight.uniform_(-bound, bound)
