"""VQGAN's game: pictures of codes that a critic of patches takes for real ones.

How much the critic counts is settled anew at each step, so that at the decoder's last layer its
gradient is as long as that of the distance from the picture: neither can drown the other. The
distance is that of the numbers, and of what the critic's layers make of both pictures.

    model:   |x - x'| + features w + l (-D(x')) + commitment |z - sg e|^2 - log p(q) / t,
             l = |grad w| / (|grad -D| + 1e-4) of the last layer, at most 10,000
    critic:  max(0, 1 - D(x)) + max(0, 1 + D(x'))

Shapes: a batch is (pictures `b c y x`, the same again).

Departures: the features are those of the critic's layers (Larsen's) and not those of a published
network that was trained to classify (LPIPS): its weights are not here. The critic plays from the
first step on and counts a tenth of the balance (the authors': 0.8, but late). The transformer's
loss is added, of which no gradient reaches the codes.

References:
    Patrick Esser, Robin Rombach, Björn Ommer. Taming transformers for high-resolution image
    synthesis. CVPR 2021. https://arxiv.org/abs/2012.09841
    Anders Larsen and others. Autoencoding beyond pixels using a learned similarity metric. ICML
    2016. https://arxiv.org/abs/1512.09300

>>> import torch
>>> weight = torch.ones(2, requires_grad=True)
>>> balance(3 * weight.sum(), 6 * weight.sum(), weight)
tensor(0.5000)
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.generative.autoencoders.vqgan import VQGAN
from cartograd.generative.gan.patch_critic import critic_for_side

CARD = Card(
    name="vqgan-game",
    kind="objective",
    entry="VQGANGame",
    nodes=("vae/vq",),
    title="VQGAN's game",
    zh="VQGAN 训练",
    paper="Taming transformers for high-resolution image synthesis",
    year=2021,
    url="https://arxiv.org/abs/2012.09841",
    proofs=(
        "law: the critic's weight is the ratio of two gradients' lengths at the last layer",
        "law: of the transformer's loss no gradient reaches encoder, codes or decoder",
    ),
    tiny={"width": 2},
    metrics=("psnr",),
    logs={"rebuilt": "lower", "code/nats": "lower", "critic/loss": "lower", "model/loss": "lower"},
    settings={
        "optimizer": "adam:lr=1e-3,betas=[0.5,0.9]",
        "schedule": None,
        "monitor": "valid/rebuilt",
    },
)

LITTLE, MOST = 1e-4, 1e4
"""Added to the length that is divided by, and the most that the critic may count."""


class VQGANGame(nn.Module):
    """The game.

    Args:
        model: a `vqgan` with its signature.
        commitment: how much the distance of the encoder's vectors from their codes counts.
        feature_weight: how much the distance of the critic's features counts beside the numbers'.
        critic_weight: share of the balance at which the critic counts; 0 leaves it out.
        width: channels of the critic's first layer.
        patch_size: side of the patches that it judges, 16, 34 or 70; the largest of them of no
            more than three fifths of a picture's side unless told otherwise.

    Raises:
        UsageError: the model is no such one, there is no such patch, or pictures are too small for
            a critic.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        commitment: float = 0.25,
        feature_weight: float = 1.0,
        critic_weight: float = 0.1,
        width: int = 32,
        patch_size: int | None = None,
    ):
        super().__init__()
        inner = model.model if isinstance(model, Signed) else model
        if not isinstance(model, Signed) or not isinstance(inner, VQGAN):
            raise UsageError(
                f"the game of vqgan teaches a vqgan with a signature; got {type(inner).__name__}"
            )
        channels, size, _ = (int(dim) for dim in model.signature.input.dims)
        self.model = model
        self.critic = critic_for_side(channels, side=size, width=width, patch_size=patch_size)
        self.commitment, self.feature_weight = commitment, feature_weight
        self.critic_weight = critic_weight
        self.players = {"model": model, "critic": self.critic}
        self.seen: list[Tensor] = []

    @property
    def inner(self) -> VQGAN:
        """The network without its signature."""
        inner = self.model.model
        assert isinstance(inner, VQGAN)
        return inner

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """The model's loss, then the critic's."""
        x, coded = 2 * batch[0] - 1, self.inner.coded(batch[0])
        rebuilt, told = self._apart(x, coded.rebuilt)
        nats = -self.inner.nats(coded.number) / coded.number.shape[1]
        cost = rebuilt + self.commitment * coded.far + nats
        if self.critic_weight:
            last = self.inner.decoder.last.weight
            counts = balance(rebuilt.mean(), -told.mean(), last) if last.requires_grad else 0.0
            cost = cost - self.critic_weight * counts * told
        if self.training:
            self.seen.append(coded.vectors.flatten(0, 1))
        yield Loss(cost, "model", {"rebuilt": rebuilt.detach(), "code/nats": nats.detach()})
        yield Loss(self._told_apart(x, coded.rebuilt.detach()), "critic")

    def after_step(self, player: str, /) -> None:
        """Move the codes towards the vectors that were near to them."""
        if player == "model" and self.seen:
            seen, book = torch.cat(self.seen), self.inner.book
            book.learn(seen, book.nearest(seen))
            book.restart(seen)
            self.seen = []

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """How far the pictures of codes are, what codes cost, the losses, and the pictures."""
        x, coded = 2 * batch[0] - 1, self.inner.coded(batch[0])
        rebuilt, told = self._apart(x, coded.rebuilt)
        return {
            "rebuilt": rebuilt,
            "code/nats": -self.inner.nats(coded.number) / coded.number.shape[1],
            "model/loss": -told,
            "critic/loss": self._told_apart(x, coded.rebuilt),
            "outputs": (coded.rebuilt + 1) / 2,
        }

    def _apart(self, x: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        """The distance of pictures from those they were made of; what the critic says of them."""
        far = (x - made).abs().flatten(1).mean(1)
        layers = list(self.critic)
        for layer in layers:
            x, made = layer(x), layer(made)
            if isinstance(layer, nn.LeakyReLU) and self.feature_weight:
                apart = (x.detach() - made).abs().flatten(1).mean(1)
                far = far + self.feature_weight * apart / len(layers)
        return far, made.flatten(1).mean(1)

    def _told_apart(self, x: Tensor, made: Tensor) -> Float[Tensor, " b"]:
        real, fake = (self.critic(one).flatten(1) for one in (x, made))
        return (1 - real).relu().mean(1) + (1 + fake).relu().mean(1)


def balance(far: Tensor, told: Tensor, last: Tensor, /) -> Tensor:
    """How much the critic counts: the ratio of the lengths of two gradients at one layer."""
    lengths = [
        torch.autograd.grad(one, last, retain_graph=True)[0].norm().detach() for one in (far, told)
    ]
    return (lengths[0] / (lengths[1] + LITTLE)).clamp(max=MOST)
