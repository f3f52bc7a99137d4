"""Activation normalisation: a scale and a shift for each channel, set by the first batch.

What the first training batch shows becomes mean 0 and variance 1 in every channel; from then on
scale and shift are ordinary parameters. Unlike batch normalisation an example's answer never
depends on the others. A flag that is saved with the weights says that it has happened, so a resumed
run does not begin anew; in evaluation, and in what tries a model before a run, nothing is set.

    y = (x + shift) exp(scale),    log |det| = pixels * sum scale

Shapes: `b d` or `b c y x`.

Departures: where several processes train, the first batch's moments are those of all of them; the
paper has one batch. A channel that is constant in the first batch keeps its size.

References:
    Diederik Kingma, Prafulla Dhariwal. Glow: generative flow with invertible 1x1 convolutions.
    NeurIPS 2018, section 3.1. https://arxiv.org/abs/1807.03039
"""

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn

LEAST = 1e-6
"""A variance below this is none."""


class ActNorm(nn.Module):
    """One normalisation.

    Args:
        count: channels, or numbers of a vector.
    """

    begun: Tensor

    def __init__(self, count: int, /):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(count))
        self.scale = nn.Parameter(torch.zeros(count))
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))

    def forward(self, x: Float[Tensor, "b c ..."]) -> tuple[Tensor, Float[Tensor, " b"]]:
        """The image and the log-determinant; the first call in training sets the parameters."""
        if self.training and (x.is_meta or not self.begun):
            self._begin(x.detach())
        shift, scale = self._of(x)
        slopes = scale.expand(x.shape[1:]).sum()
        return (x + shift) * scale.exp(), slopes.expand(x.shape[0])

    def inverse(self, z: Float[Tensor, "b c ..."]) -> Float[Tensor, "b c ..."]:
        """What is mapped to `z`."""
        shift, scale = self._of(z)
        return z * (-scale).exp() - shift

    def _of(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shape = (-1,) + (1,) * (x.ndim - 2)
        return self.shift.reshape(shape), self.scale.reshape(shape)

    @torch.no_grad()
    def _begin(self, x: Tensor) -> None:
        rows = x.movedim(1, 0).flatten(1)
        mean = _everywhere(rows.mean(1))
        variance = _everywhere((rows - mean[:, None]).square().mean(1))
        self.shift.copy_(-mean)
        self.scale.copy_(torch.where(variance > LEAST, -0.5 * variance.clamp(min=LEAST).log(), 0))
        self.begun.fill_(True)


def _everywhere(mean: Tensor) -> Tensor:
    """The mean over all processes that train together."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(mean)
        mean = mean / distributed.get_world_size()
    return mean
