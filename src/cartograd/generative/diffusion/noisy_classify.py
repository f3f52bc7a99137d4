"""Noisy classification: tell classes of examples with any amount of noise, to guide samplers by.

Example and noise are mixed by an angle drawn evenly from 0 to a right angle, which is every mixture
that a diffusion model's path can have, once scaled to length one:

    L(x, y) = -log p(y | cos(a) x + sin(a) noise)

The classifier is any of ours or anyone's; it is not told the angle, and sees it in the example.

Shapes: a batch is (examples `b ...`, classes `b`); pictures in [0, 1].

Departures: the paper's classifier is half a U-Net that is told the time. Angle and noise are
functions of the example and of the steps that were taken, so that they do not depend on how a batch
is split, and validation repeats.

References:
    Prafulla Dhariwal, Alex Nichol. Diffusion models beat GANs on image synthesis. NeurIPS 2021.
    https://arxiv.org/abs/2105.05233

>>> objective = NoisyClassify(model=nn.Linear(2, 3))
>>> next(objective.losses((torch.randn(5, 2), torch.tensor([0, 1, 2, 0, 1])))).value.shape
torch.Size([5])
"""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.hashing import fractions, scrambled
from cartograd.core.ports import Port
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed, statistics
from cartograd.training.objectives.classify import Classify

CARD = Card(
    name="noisy-classify",
    kind="objective",
    entry="NoisyClassify",
    nodes=("diffusion/guidance",),
    title="Classification of noisy examples",
    zh="带噪样本分类",
    paper="Diffusion models beat GANs on image synthesis",
    year=2021,
    url="https://arxiv.org/abs/2105.05233",
    proofs=(
        "law: mixtures have the mean and the variance of their angle, which is spread evenly",
        "law: the loss is classification's of the mixtures",
    ),
    evidence={
        "diffusion/guidance": ("test_the_pull_is_the_gradient_by_finite_differences",),
    },
    metrics=("accuracy",),
)

MIDDLE = 0.5
"""Mean and standard deviation by which a denoiser's pictures are standardised."""


class NoisyClassify(nn.Module):
    """Cross-entropy of examples mixed with noise.

    Args:
        model: answers with logits, `b k`.
        label_smoothing: share of the target spread evenly over all classes.
    """

    steps: Tensor

    def __init__(self, *, model: nn.Module, label_smoothing: float = 0.0):
        super().__init__()
        self.inner = Classify(model=model, label_smoothing=label_smoothing)
        self.model, self.players = model, {"model": model}
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example."""
        x, targets = batch
        yield from self.inner.losses((self._mixed(x, self.steps), targets))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, and the logits for the metrics."""
        x, targets = batch
        return self.inner.validate((self._mixed(x, torch.zeros_like(self.steps)), targets))

    def after_step(self, _player: str, /) -> None:
        """Other noise for the next step."""
        self.steps += 1

    def _mixed(self, x: Tensor, steps: Tensor) -> Tensor:
        if not isinstance(self.model, Signed):
            return mixtures(x, steps)
        mean, std = (one.to(x) for one in middle(self.model.signature.input))
        return mixtures((x - mean) / std, steps) * std + mean


def middle(port: Port, /) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of a port's examples as denoisers see them."""
    if port.kind == "image":
        return torch.tensor(MIDDLE), torch.tensor(MIDDLE)
    return statistics(port)


def mixtures(x: Float[Tensor, "b ..."], steps: Tensor, /) -> Float[Tensor, "b ..."]:
    """Each example mixed with noise by an angle, both its own at this step.

    >>> x = torch.ones(4000, 8)
    >>> round(mixtures(x + torch.rand(4000, 1), torch.tensor(3)).square().mean().item())
    2
    """
    flat = x.flatten(1)
    key = scrambled(steps.to(x.device)).expand(len(x))
    for column in flat.double().contiguous().view(torch.int64).unbind(1):
        key = scrambled(key ^ column)
    places = torch.arange(flat.shape[1] + 1, device=x.device)
    u = fractions(scrambled(key[:, None] ^ scrambled(places)))
    noise = torch.special.ndtri(u[:, 1:].clamp_min(2.0**-54)).to(x).reshape(x.shape)
    angle = (u[:, 0] * (math.pi / 2)).to(x).reshape(-1, *[1] * (x.ndim - 1))
    return angle.cos() * x + angle.sin() * noise
