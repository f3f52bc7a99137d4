"""Noisy pictures: the task is denoising.

Independent normal noise is added to each number.

Shapes: whole pictures `b c y x` in [0, 1] and noisy ones alike; these are not cut off at 0 and 1.

Departures: the noise of an example is a function of its number, the seed and the epoch: validation
and evaluation repeat, training sees new noise in each epoch.

References:
    Kai Zhang and others. Beyond a Gaussian denoiser: residual learning of deep CNN for image
    denoising. IEEE Transactions on Image Processing 26, 2017. https://arxiv.org/abs/1608.03981

>>> import torch
>>> from cartograd.data.dataset.counter_random import CounterRandom
>>> x = torch.full((1, 1, 100, 100), 0.5)
>>> round(Noisy(std=0.1)(x, CounterRandom(torch.tensor([3]))).std().item(), 2)
0.1
"""

from dataclasses import replace
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.ports import Port
from cartograd.data.dataset.counter_random import CounterRandom

CARD = Card(
    name="noisy",
    kind="degradation",
    entry="Noisy",
    nodes=("gan/applications",),
    title="Noisy pictures",
    zh="带噪声的图片",
    paper="Beyond a Gaussian denoiser",
    year=2017,
    url="https://arxiv.org/abs/1608.03981",
    proofs=("law: the noise has mean 0 and the standard deviation asked for, to 2 %",),
)


class Noisy:
    """Normal noise.

    Args:
        std: its standard deviation; white is 1.
    """

    plain: ClassVar[str] = "the noisy picture as it is"

    def __init__(self, *, std: float = 0.1):
        self.std = std

    def port(self, whole: Port, /) -> Port:
        """Without bounds: noise has none."""
        return replace(whole, bounds=None)

    def __call__(
        self, x: Float[Tensor, "b c y x"], random: CounterRandom, /
    ) -> Float[Tensor, "b c y x"]:
        """Noisy pictures."""
        drawn = random.normal(x[0].numel()).to(x).reshape(x.shape)
        return x + self.std * drawn

    def guess(
        self, x: Float[Tensor, "b c y x"], _: Float[Tensor, "c y x"], /
    ) -> Float[Tensor, "b c y x"]:
        """The same."""
        return x
