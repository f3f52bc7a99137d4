"""Small random initialisation: each weight is drawn from a normal distribution of a fixed width.

Randomness breaks the symmetry between units. A fixed width fits one size of layer only: the
variance of a sum grows with the number of its inputs, so that through many layers the activations
either fade or blow up, which Xavier's and Kaiming's widths repair.

    W_ij ~ N(0, std^2)        Var(W x) = d std^2 Var(x)

Shapes: any shape; filled in place.

Departures: none. The default width is AlexNet's.

References:
    Alex Krizhevsky, Ilya Sutskever, Geoffrey Hinton. ImageNet classification with deep
    convolutional neural networks. NIPS 2012.
    https://papers.nips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html

>>> weight = random_normal(torch.empty(1000, 100), std=0.02)
>>> round(weight.std().item(), 3)
0.02
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="random-normal",
    kind="initialiser",
    entry="random_normal",
    nodes=("init/random-normal",),
    title="Small random initialisation",
    zh="小随机数初始化",
    paper="ImageNet classification with deep convolutional neural networks",
    year=2012,
    url="https://papers.nips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html",
    proofs=(
        "law: mean and variance are as asked, and a test of normality does not object",
        "law: 20 layers of 256 tanh units at a width of 0.01 let the activations fade",
    ),
    evidence={"init/random-normal": ("test_mean_and_variance_are_as_asked",)},
)


def random_normal(weight: Float[Tensor, "..."], /, *, std: float = 0.01) -> Float[Tensor, "..."]:
    """Fill with random numbers from N(0, std^2), by torch's global generator.

    Args:
        weight: filled in place.
        std: standard deviation of the initial weights.
    """
    with torch.no_grad():
        return weight.normal_(0, std)
