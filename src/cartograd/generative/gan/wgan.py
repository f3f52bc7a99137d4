"""WGAN: the critic measures how far the made examples have to be moved to become the real ones.

A critic that is nowhere steeper than K finds at best K times that distance, which has a slope for
the generator wherever the two sets are. Weights that are cut off after each of its moves keep it
from being steep.

    W = max over |f| <= K of E f(x) - E f(G(z)),    |w| <= c;    G lowers -E f(G(z))

Shapes: a batch is (noise `b d`, [classes ` b`,] examples `b ...`).

Departures: none in the losses. The paper lets the critic move 100 times at first and now and then;
here it moves as often for each move of the generator throughout.

References:
    Martin Arjovsky, Soumith Chintala, Leon Bottou. Wasserstein generative adversarial networks.
    ICML 2017. https://arxiv.org/abs/1701.07875

>>> import torch
>>> distance(torch.tensor([3.0]), torch.tensor([1.0]))
tensor([2.])
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss
from cartograd.generative.gan.game import Game

CARD = Card(
    name="wgan",
    kind="objective",
    entry="WGAN",
    nodes=("gan/wgan",),
    title="WGAN",
    zh="WGAN（权重裁剪）",
    paper="Wasserstein generative adversarial networks",
    year=2017,
    url="https://arxiv.org/abs/1701.07875",
    proofs=(
        "law: no weight of the critic is beyond the bound after any of its steps",
        "law: its estimate rises with the distance of shifted sets, rank correlation above 0.95",
    ),
    evidence={
        "gan/wgan": (
            "test_no_weight_is_beyond_the_bound",
            "test_the_estimate_follows_the_distance",
        ),
    },
    metrics=("frechet",),
    logs={"wasserstein": "lower"},
    settings={
        "optimizer": "rmsprop:lr=5e-5",
        "schedule": None,
        "average": "ema:decay=0.99",
        "monitor": "valid/frechet",
    },
)


class WGAN(nn.Module):
    """The game with a critic of small weights.

    Args:
        model: a generator with its signature.
        weight_clip: the largest size of a critic's weight.
        norm: of the critic's layers: none or `batch`.
        width: channels of the critic at half the size; a quarter of the units for vectors.
        critic_steps: moves of the critic for each one of the generator.

    Raises:
        UsageError: the model is no generator, or there is no such norm.
    """

    averaged = ("model",)

    def __init__(
        self,
        *,
        model: nn.Module,
        weight_clip: float = 0.01,
        norm: str | None = None,
        width: int = 32,
        critic_steps: int = 5,
    ):
        super().__init__()
        self.game = Game(model, width=width, norm=norm, critic_steps=critic_steps, bias=False)
        self.weight_clip, self.players = weight_clip, self.game.players

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """The critic's loss, and at its turn the generator's."""
        now, critic = self.game.round(batch), self.game.critic
        gap = distance(critic(now.real, now.y), critic(now.fake.detach(), now.y))
        yield Loss(-gap, "critic", {"wasserstein": gap.detach()})
        if now.both:
            yield Loss(-critic(now.fake, now.y), "model")

    @torch.no_grad()
    def after_step(self, player: str, /) -> None:
        """Cut the critic's weights off."""
        self.game.moved(player)
        if player == "critic":
            for weight in self.game.critic.parameters():
                weight.clamp_(-self.weight_clip, self.weight_clip)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The estimate of the distance, and what the generator makes."""
        made = self.game.judged(batch)
        return {"wasserstein": distance(made.real, made.fake), "outputs": made.outputs}


def distance(real: Float[Tensor, " b"], fake: Float[Tensor, " b"], /) -> Float[Tensor, " b"]:
    """What the critic says of real examples more than of made ones."""
    return real - fake
