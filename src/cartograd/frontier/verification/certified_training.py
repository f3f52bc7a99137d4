"""Certified training: learn so that bounds prove the answers of everything nearby.

Bounds of a network's answers over a ball of inputs are functions of its weights. Instead of the
worst input that an attack finds, the loss is of answers worse than any of the ball: of each wrong
class the most that it may be ahead. The ball grows from a point to its size, and clean examples
count less and less, since a network that has learned nothing has bounds too wide to learn from.

    m_j = lower bound of z_y - z_j over the ball,     worst = log(1 + sum_(j != y) exp -m_j)
    loss = kappa L(f(x), y) + (1 - kappa) worst,      eps: 0 -> eps,  kappa: 1 -> kappa

`ibp` finds the bounds by intervals; `crown-ibp` by lines whose intervals are IBP's at first, and in
the end by intervals, with beta from 1 to 0 between:  m = beta m_lines + (1 - beta) m_intervals.

Shapes: a batch is (inputs `b ...`, targets ` b`); the model's logits are `b k`.

Departures: the ball grows from the first step on, without steps on clean examples before, and eps,
kappa and beta all move in a line over the same steps. Normalisation uses learned statistics in the
bounds. Roundings are left to the verifier.

References:
    Sven Gowal and others. Scalable verified training for provably robust image classification. ICCV
    2019. https://arxiv.org/abs/1810.12715
    Huan Zhang and others. Towards stable and efficient training of verifiably robust neural
    networks. ICLR 2020. https://arxiv.org/abs/1906.06316

>>> import torch
>>> from cartograd.core.ports import Port, Signature
>>> from cartograd.core.signed import sign
>>> ports = (Port("x", "vector", (4,), bounds=(0.0, 1.0)),), (Port("y", "label", (3,)),)
>>> objective = CertifiedTraining(model=sign(nn.Linear(4, 3), Signature(*ports)))
>>> batch = torch.rand(5, 4), torch.zeros(5, dtype=torch.int64)
>>> next(objective.losses(batch)).value.shape
torch.Size([5])
"""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.protocols import Batch, Loss, Validating
from cartograd.frontier.security.ball import Ball
from cartograd.frontier.security.gain import valid
from cartograd.frontier.verification.bounds import backward, enclose
from cartograd.frontier.verification.certified import margins
from cartograd.frontier.verification.ibp import by_intervals
from cartograd.frontier.verification.network import answer_shape, learning, written
from cartograd.frontier.verification.rules import Box

CARD = Card(
    name="certified-training",
    kind="objective",
    entry="CertifiedTraining",
    nodes=("verify/bounds", "defense/adversarial-training"),
    title="Certified training (IBP, CROWN-IBP)",
    zh="可验证训练（IBP、CROWN-IBP）",
    paper="Scalable verified training for provably robust image classification",
    year=2019,
    url="https://arxiv.org/abs/1810.12715",
    proofs=(
        "law: of a ball of no size the loss is the cross-entropy, gradients too",
        "law: the loss is no lower than that of any input of the ball",
        "oracle: of two dense layers the bound and its gradient, written out with matrices",
        "law: on digits IBP proves most answers of what learned so, and none of the plain model",
    ),
    metrics=("accuracy",),
)

FORMS = ("ibp", "crown-ibp")


class CertifiedTraining(nn.Module):
    """A classifier's objective on bounds of its answers.

    Args:
        model: gives logits, `b k`; its signature has the bounds of valid inputs.
        eps: by how much each number may change, in the units of the input port.
        total: steps in which the ball grows to this size.
        clean_share: what part of the loss is that of clean examples in the end (kappa).
        form: `ibp` or `crown-ibp`.
        objective: what is learned of clean examples, of one player.

    Raises:
        UsageError: an unknown form, or an objective of several players.
    """

    steps: Tensor

    def __init__(
        self,
        *,
        model: nn.Module,
        eps: float = 8 / 255,
        total: int = 400,
        clean_share: float = 0.5,
        form: Literal["ibp", "crown-ibp"] = "ibp",
        objective: str = "classify",
    ):
        super().__init__()
        if form not in FORMS:
            raise unknown("form", form, FORMS)
        self.inner: Any = build(objective, kind="objective", model=model)
        if len(self.inner.players) != 1:
            raise UsageError(
                f"certified-training: {objective} has several players; expected an objective of "
                "one, such as classify"
            )
        self.model, self.players = model, self.inner.players
        self.eps, self.total, self.form, self.clean_share = eps, total, form, clean_share
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self._programs: dict[torch.Size, Any] = {}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss, of each example.

        Raises:
            UsageError: the inputs have no bounds or are outside of them, or the model has
                operations without a rule.
        """
        grown = min(1.0, self.steps.item() / self.total)
        ahead = self.ahead(batch, grown * self.eps, beta=1 - grown)  # names what does not fit
        (clean,) = self.inner.losses(batch)
        yield Loss(self._mixed(clean.value, ahead, grown), clean.player, weight=clean.weight)

    def after_step(self, _player: str, /) -> None:
        """Count."""
        self.steps += 1

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of the whole ball, of how many answers all of it is proved, and the logits."""
        if isinstance(self.inner, Validating):
            found = self.inner.validate(batch)
        else:
            found = {"loss": next(self.inner.losses(batch)).value}
        ahead = self.ahead(batch, self.eps)
        loss = self._mixed(found["loss"], ahead, 1.0)
        return found | {"loss": loss, "verified-accuracy": (ahead > 0).all(1).to(loss)}

    def ahead(self, batch: Batch, eps: float, /, *, beta: float = 0.0) -> Float[Tensor, "b s"]:
        """By how many logits the right class is ahead of each other one at least.

        Args:
            batch: inputs and right classes.
            eps: size of the ball.
            beta: how much bounds by lines count, of `crown-ibp`.
        """
        x, *_, y = batch
        ball = Ball(x, *valid(self.model, x, y, None), eps=eps, norm="linf")
        if x.shape[1:] not in self._programs:  # written down once
            self._programs[x.shape[1:]] = written(self.model, x)
        program = self._programs[x.shape[1:]]
        network, box = learning(program, self.model), Box(ball.low, ball.high)
        weights = margins(y.cpu(), answer_shape(program)[1]).to(x)
        by_boxes = by_intervals(network, box, weights)
        if self.form == "ibp" or not beta:
            return by_boxes
        by_lines = backward(enclose(network, box, lines=False), weights).lower
        return beta * by_lines + (1 - beta) * by_boxes

    def _mixed(self, clean: Tensor, ahead: Tensor, grown: float) -> Float[Tensor, " b"]:
        kappa = 1 - grown * (1 - self.clean_share)
        worst = F.softplus((-ahead).logsumexp(1))
        return kappa * clean + (1 - kappa) * worst.to(clean)
