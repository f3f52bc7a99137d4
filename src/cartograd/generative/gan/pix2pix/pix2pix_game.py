"""pix2pix: learn pictures of pictures from pairs, by their distance and by a critic of both.

The distance alone answers with the middle of all that is possible, which is blurred. The critic of
patches, which sees what a picture was made of beside it, asks that it be sharp and fit.

    generator:  softplus(-D(x, G(x))) + weight |G(x) - y|
    critic:     (softplus(-D(x, y)) + softplus(D(x, G(x)))) / 2

Shapes: a batch is (degraded pictures, whole ones), both `b c y x`.

Departures: the critic's maps are normalised by instance, which is batch normalisation of the
paper's batches of one.

References:
    Phillip Isola, Jun-Yan Zhu, Tinghui Zhou, Alexei Efros. Image-to-image translation with
    conditional adversarial networks. CVPR 2017. https://arxiv.org/abs/1611.07004

>>> from cartograd.core.ports import Port, Signature
>>> from cartograd.core.signed import sign
>>> ports = (Port("picture", "image", (1, 28, 28), task="image-to-image"),)
>>> game = Pix2PixGame(model=sign(nn.Identity(), Signature(ports, ports)), width=2)
>>> x = torch.rand(2, 1, 28, 28)
>>> game.validate((x, x))["l1"]
tensor([0., 0.])
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.generative.gan.cyclegan.cyclegan_game import apart
from cartograd.generative.gan.patch_critic import critic_for_side

CARD = Card(
    name="pix2pix-game",
    kind="objective",
    entry="Pix2PixGame",
    nodes=("gan/applications",),
    title="pix2pix's game",
    zh="pix2pix 训练",
    paper="Image-to-image translation with conditional adversarial networks",
    year=2017,
    url="https://arxiv.org/abs/1611.07004",
    proofs=(
        "law: each player's own descent lowers its own loss",
        "law: a generator that answers right has no loss but the critic's",
        "paper: critics see patches of 16, 34 and 70; that of 70 has 2.769 million weights",
    ),
    tiny={"width": 2},
    metrics=("psnr",),
    logs={"l1": "lower", "critic/loss": "lower", "model/loss": "lower"},
    settings={
        "optimizer": "adam:lr=2e-4,betas=[0.5,0.999]",
        "schedule": None,
        "monitor": None,
        "batch_size": 16,
    },
)


class Pix2PixGame(nn.Module):
    """The game.

    Args:
        model: with a signature; answers with pictures as large as those that it sees.
        weight: of the mean distance from the right picture.
        width: channels of the critic's first layer.
        patch_size: side of the patches that it judges, 16, 34 or 70; the largest of them of no
            more than three fifths of a picture's side unless told otherwise.

    Raises:
        UsageError: the model has no signature, its pictures differ in size from those that it
            sees, or there is no such patch.
    """

    averaged = ("model",)

    def __init__(
        self,
        *,
        model: nn.Module,
        weight: float = 100.0,
        width: int = 64,
        patch_size: int | None = None,
    ):
        super().__init__()
        if not isinstance(model, Signed):
            raise UsageError(
                "the game of pix2pix teaches a model with a signature, such as pix2pix; got "
                f"{type(model).__name__}"
            )
        seen, whole = (
            tuple(int(dim) for dim in port.dims)
            for port in (model.signature.input, model.signature.output)
        )
        if seen[1:] != whole[1:]:
            raise UsageError(
                f"the critic sees pictures beside what they were made of; these are of "
                f"{whole[1]} x {whole[2]} and {seen[1]} x {seen[2]}, expected one size"
            )
        self.model, self.weight = model, weight
        self.critic = critic_for_side(
            seen[0] + whole[0], side=min(whole[1:]), width=width, patch_size=patch_size
        )
        self.players = {"model": model, "critic": self.critic}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """The generator's loss, then the critic's."""
        x, made, whole = self._standardised(batch)
        far = apart(made, whole)
        fools = F.softplus(-self._told(x, made)).mean(1)
        yield Loss(fools + self.weight * far, "model", {"l1": far.detach()})
        yield Loss(self._tells(x, made.detach(), whole), "critic")

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The distance, both losses, and the pictures for the metrics."""
        x, made, whole = self._standardised(batch)
        return {
            "l1": apart(made, whole),
            "model/loss": F.softplus(-self._told(x, made)).mean(1),
            "critic/loss": self._tells(x, made, whole),
            "outputs": made * self.model.output_std + self.model.output_mean,
        }

    def _tells(self, x: Tensor, made: Tensor, whole: Tensor) -> Tensor:
        """What the critic lowers."""
        real, fake = self._told(x, whole), self._told(x, made)
        return (F.softplus(-real) + F.softplus(fake)).mean(1) / 2

    def _told(self, x: Tensor, made: Tensor) -> Tensor:
        """The critic's answers for all patches."""
        return self.critic(torch.cat([x, made], dim=1)).flatten(1)

    def _standardised(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """What is seen, what is made of it, and what is right."""
        x, whole = batch
        shift, scale = self.model.output_mean, self.model.output_std
        x, made, whole = ((one - shift) / scale for one in (x, self.model(x), whole))
        return x, made, whole
