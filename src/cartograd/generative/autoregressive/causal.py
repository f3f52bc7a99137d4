"""A gated convolution over the past, in whole passes or sample by sample.

References:
    Aäron van den Oord and others. WaveNet: a generative model for raw audio. 2016.
    https://arxiv.org/abs/1609.03499
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.generative.autoregressive.gated_stack import gate


class GatedCausal(nn.Module):
    """Each position with the one a gap before it, through a gate; added to what was given.

    Args:
        width: features of a position.
        skip: features that the network's answer is made of.
        gap: how many positions lie between the two.
        classes: how many there are to be told of, if any.
    """

    def __init__(self, width: int, skip: int, /, *, gap: int, classes: int | None):
        super().__init__()
        self.width, self.gap = width, gap
        self.conv = nn.Conv1d(width, 2 * width, 2, dilation=gap)
        self.out = nn.Conv1d(width, width + skip, 1)
        self.told = None if classes is None else nn.Embedding(classes, 2 * width)

    def forward(
        self, x: Float[Tensor, "b c1 t"], y: Int[Tensor, " b"] | None
    ) -> tuple[Float[Tensor, "b c1 t"], Float[Tensor, "b c2 t"]]:
        """The features and what goes to the answer, at each position."""
        return self._after(self.conv(nn.functional.pad(x, (self.gap, 0))), x, y)

    def step(
        self,
        before: Float[Tensor, "b c1 1"],
        now: Float[Tensor, "b c1 1"],
        y: Int[Tensor, " b"] | None,
        /,
    ) -> tuple[Float[Tensor, "b c1 1"], Float[Tensor, "b c2 1"]]:
        """The same of one position, given what it had a gap before."""
        first, second = self.conv.weight.unbind(2)
        h = first @ before + second @ now
        if self.conv.bias is not None:
            h = h + self.conv.bias[:, None]
        return self._after(h, now, y)

    def _after(self, h: Tensor, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.told is not None and y is not None:
            h = h + self.told(y)[:, :, None]
        kept, skipped = self.out(gate(h)).split([self.width, self.out.out_channels - self.width], 1)
        return (x + kept) * 0.5**0.5, skipped


def passed(
    layers: nn.ModuleList, h: Float[Tensor, "b c1 t"], y: Int[Tensor, " b"] | None, /
) -> Float[Tensor, "b c2 t"]:
    """What all layers say of each position, together."""
    total = torch.zeros((), dtype=h.dtype, device=h.device)
    for layer in layers:
        h, skipped = layer(h, y)
        total = total + skipped
    return total / len(layers) ** 0.5


class Queues:
    """The same position by position: what each layer has heard waits until its gap has passed.

    Args:
        layers: gated causal convolutions.
        count: how many are drawn at once.
        like: a tensor of their kind and device.
    """

    def __init__(self, layers: nn.ModuleList, count: int, like: Tensor, /):
        self.layers: list[Any] = list(layers)
        self.held = [like.new_zeros(count, layer.width, layer.gap) for layer in self.layers]
        self.taken = 0

    def step(
        self, h: Float[Tensor, "b c1 1"], y: Int[Tensor, " b"] | None, /
    ) -> Float[Tensor, "b c2 1"]:
        """What all layers say of the next position."""
        total = torch.zeros((), dtype=h.dtype, device=h.device)
        for layer, queue in zip(self.layers, self.held, strict=True):
            place = slice(self.taken % layer.gap, self.taken % layer.gap + 1)
            before, queue[:, :, place] = queue[:, :, place].clone(), h
            h, skipped = layer.step(before, h, y)
            total = total + skipped
        self.taken += 1
        return total / len(self.layers) ** 0.5
