"""Convolution: one small set of weights that is applied at every position of an image.

Each output is a weighted sum of a small neighbourhood, and the weights are the same everywhere. A
shift of the image shifts the output, and the number of weights does not depend on the image: the
notes' 64 kernels of 3x3 over three channels are 1,728 numbers, where a dense layer with as many
outputs would need 177 million.

    y_(d,v,u) = b_d + sum_(c,i,j) w_(d,c,i,j) x_(c, v stride + i - padding, u stride + j - padding)
    size of the output: (size + 2 padding - kernel) / stride + 1, rounded down

Shapes: input `b c y x`, output `b d v u`; weights `d c i j`.

Departures: none; as all of deep learning, the kernel is not flipped (statistics would call this a
cross-correlation). The networks of the library use torch's kernel, which gives the same numbers.

References:
    Yann LeCun et al. Backpropagation applied to handwritten zip code recognition. Neural
    Computation 1, 1989. https://doi.org/10.1162/neco.1989.1.4.541

>>> layer = Convolution2d(channels=3, width=32)
>>> layer(torch.rand(1, 3, 32, 32)).shape
torch.Size([1, 32, 30, 30])
>>> layer.weight[0].numel(), layer.weight.numel()
(27, 864)
"""

import math
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating

CARD = Card(
    name="convolution",
    kind="layer",
    entry="Convolution2d",
    nodes=("cnn/conv",),
    title="Convolution",
    zh="卷积层",
    paper="Backpropagation applied to handwritten zip code recognition",
    year=1989,
    url="https://doi.org/10.1162/neco.1989.1.4.541",
    proofs=(
        "oracle: torch.nn.functional.conv2d over kernels, strides, paddings and groups, outputs "
        "and gradients to 1e-10 in float64",
        "law: a shifted image gives the shifted answer",
        "paper: the notes' 32x32x3 under 32 kernels gives 30x30x32; 1,728 weights for 3x3x3x64",
    ),
    evidence={
        "cnn/conv": (
            "test_the_notes_numbers",
            "test_equals_torchs_with_gradients",
            "test_trace_draws_feature_maps",
        ),
    },
    tiny={"channels": 2, "width": 4, "kernel_size": 3, "stride": 2, "padding": 1, "groups": 2},
    renamed={"kernel": "kernel_size"},
)


class Convolution2d(nn.Module):
    """A convolution as an explicit sum.

    Args:
        channels: of the input.
        width: maps of the output.
        kernel_size: rows and columns of the neighbourhood.
        stride: pixels from one position to the next.
        padding: rows and columns of zeros around the image.
        groups: number of groups of channels; an output depends on those of its own group.

    Raises:
        UsageError: the channels or maps do not form such groups.
    """

    def __init__(
        self,
        *,
        channels: int,
        width: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ):
        super().__init__()
        if channels % groups or width % groups:
            raise UsageError(
                f"{channels} channels and {width} maps do not form groups={groups} of one size"
            )
        self.stride, self.padding, self.groups = stride, padding, groups
        bound = 1 / math.sqrt(channels // groups * kernel_size**2)
        kernels = torch.empty(width, channels // groups, kernel_size, kernel_size)
        self.weight = nn.Parameter(kernels.uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d v u"]:
        """A map for each kernel."""
        return convolve(
            x, self.weight, stride=self.stride, padding=self.padding, groups=self.groups
        ) + self.bias.reshape(-1, 1, 1)


def convolve(
    x: Float[Tensor, "b c y x"],
    weight: Float[Tensor, "d c1 v1 u1"],
    /,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> Float[Tensor, "b d v u"]:
    """The weighted sum of each neighbourhood.

    Raises:
        UsageError: the kernel is larger than the padded image.
    """
    x = F.pad(x, (padding,) * 4)
    high, wide = weight.shape[2:]
    if high > x.shape[2] or wide > x.shape[3]:
        raise UsageError(
            f"a kernel of {high} x {wide} does not fit an image of {x.shape[2]} x {x.shape[3]} "
            "pixels; pad it, or take a smaller kernel"
        )
    places = x.unfold(2, high, stride).unfold(3, wide, stride)  # b c v u i j
    places = places.unflatten(1, (groups, -1))
    kernels = weight.unflatten(0, (groups, -1))
    return torch.einsum("bgcvuij,gdcij->bgdvu", places, kernels).flatten(1, 2)


def feature_maps(model: nn.Module, x: Float[Tensor, "b c y x"], /) -> dict[str, Tensor]:
    """The output of each convolution of a network, by its name, in the order of the calls.

    The network runs in evaluation mode and is unchanged.
    """
    found: dict[str, Tensor] = {}

    def note(name: str, _layer: nn.Module, _x: Any, y: Any) -> None:
        found[name] = y.detach().clone()

    hooks = [
        layer.register_forward_hook(partial(note, name))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d | Convolution2d)
    ]
    try:
        with evaluating(model), torch.no_grad():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found
