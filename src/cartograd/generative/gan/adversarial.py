"""Adversarial training: a critic learns to tell real examples from made ones, a generator misleads.

The critic D answers with a logit. In the game as it was first written the generator lowers how sure
the critic is; there its gradient vanishes where the critic is right, so it is usually let to raise
how sure the critic is of the contrary (`non-saturating`). Other losses keep the turns.

    critic, both:        softplus(-D(x)) + softplus(D(G(z)))
    minimax:             G lowers -softplus(D(G(z)))       slope -sigmoid(D)
    non-saturating:      G lowers softplus(-D(G(z)))       slope -(1 - sigmoid(D))
    hinge:               max(0, 1 - D(x)) + max(0, 1 + D(G(z))),   G lowers -D(G(z))
    least-squares:       ((D(x) - 1)^2 + D(G(z))^2) / 2,   G lowers (D(G(z)) - 1)^2 / 2

With `r1` the critic also lowers half of so many times the squared length of its gradient at real
examples, by which the game settles.

Shapes: a batch is (noise `b d`, [classes ` b`,] examples `b ...`).

Departures: the same noise serves a move of the critic and the generator's after it.

References:
    Ian Goodfellow and others. Generative adversarial nets. NeurIPS 2014.
    https://arxiv.org/abs/1406.2661
    Xudong Mao and others. Least squares generative adversarial networks. ICCV 2017.
    https://arxiv.org/abs/1611.04076
    Jae Hyun Lim, Jong Chul Ye. Geometric GAN. 2017. https://arxiv.org/abs/1705.02894
    Lars Mescheder, Andreas Geiger, Sebastian Nowozin. Which training methods for GANs do actually
    converge? ICML 2018. https://arxiv.org/abs/1801.04406

>>> import torch
>>> costs = LOSSES["minimax"]
>>> costs.critic(torch.zeros(1), torch.zeros(1)), costs.generator(torch.zeros(1))
(tensor([1.3863]), tensor([-0.6931]))
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import unknown
from cartograd.core.protocols import Batch, Loss
from cartograd.generative.gan.game import Game, slopes

CARD = Card(
    name="adversarial",
    kind="objective",
    entry="Adversarial",
    nodes=("gan/vanilla",),
    title="Adversarial training of a generator",
    zh="生成对抗训练",
    paper="Generative adversarial nets",
    year=2014,
    url="https://arxiv.org/abs/1406.2661",
    proofs=(
        "law: the generator's slopes are those of the formulas, also where the critic is sure",
        "law: between N(1,1) and N(-1,1) the critic becomes sigmoid(2x), to 0.05",
        "law: R1 of a linear critic is half gamma times its squared weights, to 1e-12",
    ),
    evidence={
        "gan/vanilla": (
            "test_the_generators_slopes_are_those_of_the_formulas",
            "test_the_critic_becomes_the_share_of_real_examples",
            "test_a_resumed_game_ends_as_one_that_was_not_stopped",
            "acceptance:gan-fashion",
            "claim:gan-mode-collapse",
        ),
    },
    tiny={"norm": None},
    metrics=("frechet",),
    logs={"critic/loss": "lower", "model/loss": "lower"},
    settings={
        "optimizer": "adam:lr=1e-3,betas=[0.0,0.9]",
        "schedule": None,
        "average": "ema:decay=0.99",
        "monitor": "valid/frechet",
    },
)


@dataclass(frozen=True)
class Costs:
    """What the two lower.

    Attributes:
        critic: of its answers for real and for made examples.
        generator: of its answers for made examples.
    """

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def _told_apart(real: Float[Tensor, " b"], fake: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    return F.softplus(-real) + F.softplus(fake)


LOSSES = {
    "non-saturating": Costs(_told_apart, lambda fake: F.softplus(-fake)),
    "minimax": Costs(_told_apart, lambda fake: -F.softplus(fake)),
    "hinge": Costs(lambda real, fake: (1 - real).relu() + (1 + fake).relu(), lambda fake: -fake),
    "least-squares": Costs(
        lambda real, fake: ((real - 1).square() + fake.square()) / 2,
        lambda fake: (fake - 1).square() / 2,
    ),
}


class Adversarial(nn.Module):
    """The game with a critic that tells apart.

    Args:
        model: a generator with its signature.
        loss: `non-saturating`, `minimax`, `hinge` or `least-squares`.
        r1: gamma of the penalty on the critic's slope at real examples; 0 for none.
        norm: of the critic's layers: `spectral`, `batch` or none.
        width: channels of the critic at half the size; a quarter of the units for vectors.
        critic_steps: moves of the critic for each one of the generator.

    Raises:
        UsageError: the model is no generator, or there is no such loss or norm.
    """

    averaged = ("model",)

    def __init__(
        self,
        *,
        model: nn.Module,
        loss: str = "non-saturating",
        r1: float = 0.0,
        norm: str | None = "spectral",
        width: int = 32,
        critic_steps: int = 1,
    ):
        super().__init__()
        if loss not in LOSSES:
            raise unknown("adversarial loss", loss, LOSSES)
        self.game = Game(model, width=width, norm=norm, critic_steps=critic_steps)
        self.costs, self.r1, self.players = LOSSES[loss], r1, self.game.players

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """The critic's loss, and at its turn the generator's."""
        now, critic = self.game.round(batch), self.game.critic
        cost = self.costs.critic(critic(now.real, now.y), critic(now.fake.detach(), now.y))
        if self.r1:
            cost = cost + self.r1 / 2 * slopes(critic, now.real, now.y)
        yield Loss(cost, "critic")
        if now.both:
            yield Loss(self.costs.generator(critic(now.fake, now.y)), "model")

    def after_step(self, player: str, /) -> None:
        """Count."""
        self.game.moved(player)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """Both losses, and what the generator makes."""
        made = self.game.judged(batch)
        return {
            "critic/loss": self.costs.critic(made.real, made.fake),
            "model/loss": self.costs.generator(made.fake),
            "outputs": made.outputs,
        }
