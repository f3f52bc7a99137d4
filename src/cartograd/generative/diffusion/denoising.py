"""Denoising: guess what was mixed of an example and noise, at levels drawn at random.

    L(x) = mean (F(x_t, t) - a x - b noise)^2

What the mixture is belongs to the model: the noise (DDPM's simple loss), the velocity, and so on. A
class is left out of a share of the examples, so that the model knows both what a class looks like
and what any example does: classifier-free guidance needs the two.

Shapes: a batch is (noise, [classes ` b`,] examples), noise and examples `b ...`.

Departures: the noise is that of the batch, which is a function of the seed and the place in the
epoch.

References:
    Jonathan Ho, Ajay Jain, Pieter Abbeel. Denoising diffusion probabilistic models. NeurIPS 2020.
    https://arxiv.org/abs/2006.11239
    Tiankai Hang and others. Efficient diffusion training via min-SNR weighting strategy. ICCV 2023.
    https://arxiv.org/abs/2303.09556
    Jonathan Ho, Ajay Jain. Classifier-free diffusion guidance. NeurIPS workshop 2021.
    https://arxiv.org/abs/2207.12598

>>> import torch
>>> from cartograd.generative.diffusion.flow_matching import FlowMatching
>>> objective = Denoising(model=FlowMatching(features=2, width=8))
>>> next(objective.losses((torch.randn(5, 2), torch.randn(5, 2)))).value.shape
torch.Size([5])
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.generative.diffusion.denoiser import Denoiser, noisy

CARD = Card(
    name="denoising",
    kind="objective",
    entry="Denoising",
    nodes=("diffusion/ddpm", "diffusion/guidance"),
    title="Denoising",
    zh="去噪",
    paper="Denoising diffusion probabilistic models",
    year=2020,
    url="https://arxiv.org/abs/2006.11239",
    proofs=(
        "law: on Gaussian data the best guess is the posterior mean, to 2 %",
        "law: the share of examples without their class is the one that was asked for, to 1 point",
    ),
    settings={"average": "ema:decay=0.99", "clip": "norm:max=1"},
)


class Denoising(nn.Module):
    """The squared error of what a denoiser predicts.

    Args:
        model: a `Denoiser`, signed or not.
        label_dropout: share of the examples whose class is left out.
    """

    def __init__(self, *, model: nn.Module, label_dropout: float = 0.1):
        super().__init__()
        inner = model.model if isinstance(model, Signed) else model
        if not isinstance(inner, Denoiser):
            raise UsageError(
                f"denoising is learned by a denoiser such as ddpm, edm or flow-matching; "
                f"{type(inner).__name__} is none"
            )
        self.model, self.denoiser, self.drop = model, inner, label_dropout
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example."""
        yield Loss(self._error(batch, self.drop))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, told its class."""
        return {"loss": self._error(batch, 0.0)}

    def _error(self, batch: Batch, drop: float) -> Tensor:
        noise, *classes, x = batch
        if isinstance(self.model, Signed):
            x = (x - self.model.output_mean) / self.model.output_std
        y = classes[0] if classes else None
        if y is not None and drop:
            left_out = torch.rand(len(y), device=y.device) < drop
            y = y.masked_fill(left_out, self.denoiser.classes or 0)
        u = torch.rand(len(x), device=x.device, dtype=torch.float64)
        level = self.denoiser.path.drawn(u)
        a, b = (one.reshape(-1, *[1] * (x.ndim - 1)).to(x) for one in self.denoiser.mixture(level))
        found = self.denoiser.predicted(noisy(x, noise, level), level, y)
        return (found - a * x - b * noise).square().flatten(1).mean(1)
