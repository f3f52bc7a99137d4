"""Modulated convolution: a style scales what a layer reads, and what it answers keeps its size.

Scaling each input channel of the weights by the style and dividing each output channel by the
length of its weights does to the statistics what instance normalisation of the maps does, but by
expectation alone, so that no blob has to be painted to smuggle a size past a normalisation.

    w'_ijk = s_i w_ijk,    w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + 1e-8)

Shapes: maps `b c y x`, styles `b d`.

Departures: none in what is computed. The maps are scaled before and after one convolution of all
examples, in place of the weights of one for each: the same numbers, without a copy of the weights.

References:
    Tero Karras and others. Analyzing and improving the image quality of StyleGAN. CVPR 2020.
    https://arxiv.org/abs/1912.04958

>>> import torch
>>> layer = ModulatedConv(3, 5, 3, latent=4, up=True)
>>> layer(torch.randn(2, 3, 8, 8), torch.randn(2, 4)).shape
torch.Size([2, 5, 16, 16])
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.generative.gan.stylegan.equalised import EqualisedLinear, bent
from cartograd.generative.gan.stylegan.resampling import blurred

EPS = 1e-8


class ModulatedConv(nn.Module):
    """A convolution that a style steers.

    Args:
        before, after: channels.
        kernel_size: 1 or 3.
        latent: numbers of a style.
        up: whether the size is doubled.
        demodulate: whether the answer keeps its size.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel_size: int,
        /,
        *,
        latent: int,
        up: bool = False,
        demodulate: bool = True,
    ):
        super().__init__()
        self.style = EqualisedLinear(latent, before, bias=1.0)
        self.weight = nn.Parameter(torch.randn(after, before, kernel_size, kernel_size))
        self.scale = 1 / (before * kernel_size**2) ** 0.5
        self.up, self.demodulate, self.padding = up, demodulate, kernel_size // 2

    def forward(
        self, x: Float[Tensor, "b c y x"], w: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b c2 y2 x2"]:
        """Without a bias."""
        return self.steered(x, self.style(w))

    def steered(
        self, x: Float[Tensor, "b c y x"], scales: Float[Tensor, "b c"], /
    ) -> Float[Tensor, "b c2 y2 x2"]:
        """By one number for each input channel."""
        weight = self.weight * self.scale
        x = x * scales[..., None, None]
        if self.up:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = blurred(x, padding=1, gain=4.0)
        else:
            x = F.conv2d(x, weight, padding=self.padding)
        if not self.demodulate:
            return x
        squares = scales.square() @ weight.square().sum((2, 3)).T
        return x * (squares + EPS).rsqrt()[..., None, None]


class StyledLayer(nn.Module):
    """A modulated convolution, noise on its answer, and a leaky ReLU.

    Args:
        before, after: channels.
        latent: numbers of a style.
        up: whether the size is doubled.
    """

    def __init__(self, before: int, after: int, /, *, latent: int, up: bool = False):
        super().__init__()
        self.conv = ModulatedConv(before, after, 3, latent=latent, up=up)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(
        self, x: Float[Tensor, "b c y x"], w: Float[Tensor, "b d"], noise: Float[Tensor, "b n"]
    ) -> Float[Tensor, "b c2 y2 x2"]:
        """`noise` has a number for each place of the answer, the same for all channels."""
        h = self.conv(x, w)
        h = h + self.noise_strength * noise.reshape(len(h), 1, *h.shape[2:])
        return bent(h + self.bias[:, None, None])
