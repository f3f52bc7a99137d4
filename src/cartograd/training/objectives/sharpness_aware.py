"""Sharpness-aware minimisation: lower the loss of the worst weights nearby.

A minimum whose neighbourhood is low too generalises better than a narrow one. The worst weights
within reach are, to first order, one step up the gradient; the gradient found there is used for
the step from where the weights are. Each step costs two passes.

    e = rho g / |g|,  g = dL(w)/dw        loss: L(w + e), with e held constant

Shapes: a batch is (inputs ..., targets): inputs `b ...`, targets ` b` of class numbers; the
model's logits are `b k`.

Departures: the ball is around the microbatch's gradient, so that accumulated microbatches are not
one large batch (the paper's own parallel runs do the same). Batch statistics are updated by both
passes. The paper adds weight decay to L, which here is the optimizer's business.

References:
    Pierre Foret, Ariel Kleiner, Hossein Mobahi, Behnam Neyshabur. Sharpness-aware minimization for
    efficiently improving generalization. ICLR 2021. https://arxiv.org/abs/2010.01412

>>> objective = SharpnessAware(model=nn.Linear(4, 3))
>>> batch = torch.zeros(5, 4), torch.zeros(5, dtype=torch.int64)
>>> next(objective.losses(batch)).value.shape
torch.Size([5])
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call

from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss

CARD = Card(
    name="sharpness-aware",
    kind="objective",
    entry="SharpnessAware",
    nodes=("optim/sgd",),
    title="Sharpness-aware minimisation (SAM)",
    zh="锐度感知最小化（SAM）",
    paper="Sharpness-aware minimization for efficiently improving generalization",
    year=2021,
    url="https://arxiv.org/abs/2010.01412",
    proofs=(
        "law: the gradient is that of moving the weights up by hand, to 1e-10 in float64, and the "
        "weights stay where they are",
        "law: without reach it is classify; it is pushed out of a minimum narrower than its reach "
        "and stays in a wide one of the same depth",
    ),
    metrics=("accuracy",),
    renamed={"reach": "rho"},
)


class SharpnessAware(nn.Module):
    """The loss of a classifier at the worst weights within reach.

    Args:
        model: gives logits, `b k`.
        rho: radius of the ball around the weights.
        loss: name or text form of a loss of logits.
    """

    def __init__(self, *, model: nn.Module, rho: float = 0.05, loss: str = "cross-entropy"):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.rho = rho
        self.loss = build(loss, kind="loss")

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example at the worst weights."""
        *inputs, targets = batch
        yield Loss(self.loss(self._answer(inputs, targets), targets))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss at the weights themselves, and the logits."""
        *inputs, targets = batch
        outputs = self.model(*inputs)
        return {"loss": self.loss(outputs, targets), "outputs": outputs}

    def _answer(self, inputs: list[Tensor], targets: Tensor) -> Tensor:
        weights = {name: w for name, w in self.model.named_parameters() if w.requires_grad}
        here = self.loss(self.model(*inputs), targets).mean()
        slopes = torch.autograd.grad(here, list(weights.values()))
        length = torch.stack([slope.norm() for slope in slopes]).norm()
        up = self.rho / length.clamp(min=torch.finfo(length.dtype).tiny)
        moved = {n: w + up * g for (n, w), g in zip(weights.items(), slopes, strict=True)}
        return functional_call(self.model, moved, tuple(inputs))
