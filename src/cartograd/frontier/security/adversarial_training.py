"""Adversarial training: learn from the worst inputs nearby, so that small changes mislead less.

For each batch the attack comes first: inputs within eps at which the loss is high, found by a few
steps up its slope from a random point of the ball. The model then learns from these. TRADES learns
from the clean inputs, and that its answers nearby are like its own there; `free` takes a step of
the model with each step of the attack, on one batch several times.

    pgd:     min  E max_(|d| <= eps) L(x + d, y)
    trades:  min  E L(x, y) + w max_(|d| <= eps) KL(f(x) || f(x + d))

Shapes: a batch is (inputs `b ...`, targets ` b`); the model's logits are `b k`.

Departures: attacks see the model in evaluation mode, and each begins at a random point of the ball
(TRADES began beside the input); those of `free` begin anew with each batch.

References:
    Aleksander Madry, Aleksandar Makelov, Ludwig Schmidt, Dimitris Tsipras, Adrian Vladu. Towards
    deep learning models resistant to adversarial attacks. ICLR 2018.
    https://arxiv.org/abs/1706.06083
    Hongyang Zhang and others. Theoretically principled trade-off between robustness and accuracy.
    ICML 2019. https://arxiv.org/abs/1901.08573
    Ali Shafahi and others. Adversarial training for free! NeurIPS 2019.
    https://arxiv.org/abs/1904.12843

>>> import torch
>>> from cartograd.core.ports import Port, Signature
>>> from cartograd.core.signed import sign
>>> ports = (Port("x", "vector", (4,), bounds=(0.0, 1.0)),), (Port("y", "label", (3,)),)
>>> objective = AdversarialTraining(model=sign(nn.Linear(4, 3), Signature(*ports)))
>>> batch = torch.rand(5, 4), torch.zeros(5, dtype=torch.int64)
>>> next(objective.losses(batch)).value.shape
torch.Size([5])
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.hashing import mixed
from cartograd.core.protocols import Batch, Loss, Validating
from cartograd.frontier.inputs import looking
from cartograd.frontier.security.ball import Ball, Norm
from cartograd.frontier.security.gain import valid
from cartograd.training.objectives.classify import both

CARD = Card(
    name="adversarial-training",
    kind="objective",
    entry="AdversarialTraining",
    nodes=("defense/adversarial-training",),
    title="Adversarial training",
    zh="对抗训练",
    paper="Towards deep learning models resistant to adversarial attacks",
    year=2018,
    url="https://arxiv.org/abs/1706.06083",
    proofs=(
        "law: without a ball it is the objective that it wraps, and TRADES without its term, too",
        "law: what is learned from is within eps and the bounds, and its loss is no lower",
        "law: on digits more stand under PGD than of the plain model, by .3 at least",
    ),
    evidence={
        "defense/adversarial-training": (
            "test_more_stand_under_pgd_than_of_the_plain_model",
            "acceptance:adversarial-fashion",
        ),
    },
    metrics=("accuracy",),
)

FORMS = ("pgd", "trades", "free")


class AdversarialTraining(nn.Module):
    """A classifier's objective at the worst inputs nearby.

    Args:
        model: gives logits, `b k`; its signature has the bounds of valid inputs.
        eps: radius of the ball, in the units of the input port.
        steps: of the attack; of `free`, also how often the model learns from a batch.
        step_size: length of a step; by default 2.5 eps / steps, of `free` eps.
        norm: `linf` or `l2`.
        form: `pgd`, `trades` or `free`.
        divergence_weight: of TRADES, how much the distance of answers counts.
        objective: what is learned, of one player.

    Raises:
        UsageError: an unknown form or norm, or an objective of several players.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        eps: float = 8 / 255,
        steps: int = 5,
        step_size: float | None = None,
        norm: Norm = "linf",
        form: Literal["pgd", "trades", "free"] = "pgd",
        divergence_weight: float = 6.0,
        objective: str = "classify",
    ):
        super().__init__()
        if form not in FORMS:
            raise unknown("form", form, FORMS)
        self.inner: Any = build(objective, kind="objective", model=model)
        if len(self.inner.players) != 1:
            raise UsageError(
                f"adversarial-training: {objective} has several players; expected an objective of "
                "one, such as classify"
            )
        self.model, self.players = model, self.inner.players
        self.eps, self.steps, self.form, self.weight = eps, steps, form, divergence_weight
        self.norm: Norm = norm
        usual = eps if form == "free" else 2.5 * eps / max(1, steps)
        self.step_size = usual if step_size is None else step_size

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss, of `free` one for each step.

        Raises:
            UsageError: the inputs have no bounds, or are outside of them.
        """
        seed = mixed(torch.default_generator.initial_seed(), 0) >> 1  # that of the step
        ball, begin = self._ball(batch, torch.Generator().manual_seed(seed))
        if self.form == "free":
            yield from self._free(batch, ball, begin)
        elif self.form == "trades":
            (clean,) = self.inner.losses(batch)
            point = self._climbed(ball, begin, self._apart(batch[0]))
            apart = self._distance(self.model(batch[0]), self.model(point))
            yield Loss(clean.value + self.weight * apart, clean.player, weight=clean.weight)
        else:
            point = self._climbed(ball, begin, self._lost(batch))
            yield from self.inner.losses((point, *batch[1:]))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss at attacked inputs, who still gets the right answer, and the clean logits."""
        generator = torch.Generator().manual_seed(0)
        ball, begin = self._ball(batch, generator)
        point = self._climbed(ball, begin, self._lost(batch))
        if not isinstance(self.inner, Validating):
            return {"loss": next(self.inner.losses((point, *batch[1:]))).value}
        found = self.inner.validate((point, *batch[1:]))
        stands = both(found["outputs"]).argmax(1) == batch[-1]
        clean = self.inner.validate(batch)["outputs"]
        return found | {"outputs": clean, "robust-accuracy": stands.to(found["loss"])}

    def _ball(self, batch: Batch, generator: torch.Generator) -> tuple[Ball, Tensor]:
        """The valid inputs nearby, and where the attack begins."""
        x, *_, y = batch
        ball = Ball(x, *valid(self.model, x, y, None), eps=self.eps, norm=self.norm)
        return ball, ball.drawn(generator)

    def _climbed(
        self, ball: Ball, point: Tensor, lost: Callable[[Tensor], Tensor]
    ) -> Float[Tensor, "b ..."]:
        """Where some steps up a loss lead; the model is left as it is."""
        with looking(self.model, point):
            for _ in range(self.steps):
                point = point.detach().requires_grad_()
                (slope,) = torch.autograd.grad(lost(point).sum(), point)
                point = ball.project(point.detach() + self.step_size * ball.direction(slope))
        return point.detach()

    def _lost(self, batch: Batch) -> Callable[[Tensor], Tensor]:
        """The losses of the objective at other inputs."""
        return lambda point: next(self.inner.losses((point, *batch[1:]))).value

    def _apart(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """How far answers at other inputs are from those at the inputs."""
        with looking(self.model, x), torch.no_grad():
            usual = self.model(x)
        return lambda point: self._distance(usual, self.model(point))

    @staticmethod
    def _distance(usual: Tensor, found: Tensor) -> Float[Tensor, " b"]:
        """The Kullback-Leibler divergence of answers from the usual ones."""
        logs, target = both(found).log_softmax(1), both(usual).log_softmax(1)
        return F.kl_div(logs, target, reduction="none", log_target=True).sum(1)

    def _free(self, batch: Batch, ball: Ball, point: Tensor) -> Iterator[Loss]:
        """A loss at each step of the attack."""
        for _ in range(self.steps):
            point = point.detach().requires_grad_()
            (loss,) = self.inner.losses((point, *batch[1:]))
            (slope,) = torch.autograd.grad(loss.value.sum(), point, retain_graph=True)
            yield loss
            point = ball.project(point.detach() + self.step_size * ball.direction(slope))
