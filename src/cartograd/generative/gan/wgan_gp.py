"""WGAN-GP: the critic's slope is held near 1 where real and made examples meet.

The best critic of a Wasserstein distance has slope 1 on the lines between the pairs that are moved
onto each other. So its slope is measured at a random place between a real and a made example, and
what differs from 1 is lowered along; no weight has to be cut off.

    critic:  f(G(z)) - f(x) + weight (|grad f(u x + (1 - u) G(z))| - 1)^2,    u ~ U(0, 1)

Shapes: a batch is (noise `b d`, [classes ` b`,] examples `b ...`).

Departures: u is a hash of an example's noise, so that a loss is a function of its batch. The critic
has no batch normalisation, as the paper says: with it an example's slope would be no example's.

References:
    Ishaan Gulrajani, Faruk Ahmed, Martin Arjovsky, Vincent Dumoulin, Aaron Courville. Improved
    training of Wasserstein GANs. NeurIPS 2017. https://arxiv.org/abs/1704.00028

>>> import torch
>>> steepness_penalty(lambda x, y: 3 * x[:, 0], torch.zeros(1, 2), None).item()
4.0
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.generative.diffusion.denoising import uniform
from cartograd.generative.gan.game import Game, slopes
from cartograd.generative.gan.wgan import distance

CARD = Card(
    name="wgan-gp",
    kind="objective",
    entry="WGANGP",
    nodes=("gan/wgan-gp",),
    title="WGAN-GP",
    zh="WGAN-GP（梯度惩罚）",
    paper="Improved training of Wasserstein GANs",
    year=2017,
    url="https://arxiv.org/abs/1704.00028",
    proofs=(
        "law: between N(0,I) and N((2,0),I) the estimate is 2, within 1.7 to 2.3, and the slope 1 "
        "within 0.85 to 1.15",
        "law: the penalty of a linear critic is weight (|w| - 1)^2, to 1e-12",
    ),
    evidence={
        "gan/wgan-gp": (
            "test_the_estimate_of_shifted_normals_is_their_distance",
            "acceptance:wgan-gp-grid",
        ),
    },
    metrics=("frechet",),
    logs={"wasserstein": "lower"},
    settings={
        "optimizer": "adam:lr=1e-4,betas=[0.5,0.9]",
        "schedule": None,
        "average": "ema:decay=0.99",
        "monitor": "valid/frechet",
    },
)


class WGANGP(nn.Module):
    """The game with a critic of slope 1.

    Args:
        model: a generator with its signature.
        weight: of the penalty.
        norm: of the critic's layers: none or `spectral`.
        width: channels of the critic at half the size; a quarter of the units for vectors.
        critic_steps: moves of the critic for each one of the generator.

    Raises:
        UsageError: the model is no generator, or there is no such norm for this critic.
    """

    averaged = ("model",)

    def __init__(
        self,
        *,
        model: nn.Module,
        weight: float = 10.0,
        norm: str | None = None,
        width: int = 32,
        critic_steps: int = 5,
    ):
        super().__init__()
        if norm == "batch":
            raise UsageError(
                "norm=batch: a critic whose slope is held at 1 judges each example by itself; "
                "expected none or spectral"
            )
        self.game = Game(model, width=width, norm=norm, critic_steps=critic_steps, bias=False)
        self.weight, self.players = weight, self.game.players

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """The critic's loss, and at its turn the generator's."""
        now, critic = self.game.round(batch), self.game.critic
        fake = now.fake.detach()
        gap = distance(critic(now.real, now.y), critic(fake, now.y))
        share = uniform(batch[0])[0].to(fake).reshape(-1, *[1] * (fake.ndim - 1))
        between = share * now.real + (1 - share) * fake
        penalty = self.weight * steepness_penalty(critic, between, now.y)
        yield Loss(penalty - gap, "critic", {"wasserstein": gap.detach()})
        if now.both:
            yield Loss(-critic(now.fake, now.y), "model")

    def after_step(self, player: str, /) -> None:
        """Count."""
        self.game.moved(player)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The estimate of the distance, and what the generator makes."""
        made = self.game.judged(batch)
        return {"wasserstein": distance(made.real, made.fake), "outputs": made.outputs}


def steepness_penalty(
    critic: Callable[..., Tensor], x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None, /
) -> Float[Tensor, " b"]:
    """The squared difference of the critic's slope at each example from 1."""
    return (slopes(critic, x, y).clamp_min(torch.finfo(x.dtype).tiny).sqrt() - 1).square()
