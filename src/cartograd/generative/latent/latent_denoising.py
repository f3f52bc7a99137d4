"""Latent denoising: an autoencoder, and a denoiser of its codes, learned together.

The autoencoder learns to give pictures back from codes that are not too sure of themselves, the
denoiser what the codes of a text's picture are like. Each has its own loss: the denoiser's does not
move the codes. They are scaled to a variance of one by what the last few hundred batches had.

    L = mean (x - decode(z))^2 + mean |x - decode(z)| + w KL(q(z | x) || N(0, I)) + L_denoising

Shapes: a batch is (noise, tokens ` b t`, pictures), noise and pictures `b ...`.

Departures: a code has the noise that it is denoised of. The paper trains one network after the
other, the autoencoder also by what a pretrained network sees and by a discriminator. In validation
codes are the likeliest ones.

References:
    Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer. High-resolution
    image synthesis with latent diffusion models. CVPR 2022. https://arxiv.org/abs/2112.10752

>>> import torch
>>> from cartograd.generative.latent.latent_diffusion import LatentDiffusion
>>> model = LatentDiffusion(
...     channels=1, size=8, vocabulary=9,
...     autoencoder="autoencoder-kl:latent=2,widths=[4,8],blocks=1,groups=2",
...     encoder="clip-text:context=5,dim=8,heads=2,depth=1",
...     network="latent-unet:widths=[8,8],blocks=1,heads=2,groups=2",
... )
>>> batch = torch.randn(3, 64), torch.randint(9, (3, 5)), torch.rand(3, 1, 8, 8)
>>> next(LatentDenoising(model=model).losses(batch)).value.shape
torch.Size([3])
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.generative.autoencoders.gaussian import divergence
from cartograd.generative.diffusion.denoising import Denoising
from cartograd.generative.latent.latent_diffusion import LatentDiffusion

CARD = Card(
    name="latent-denoising",
    kind="objective",
    entry="LatentDenoising",
    nodes=("diffusion/latent",),
    title="Latent denoising",
    zh="潜空间去噪",
    paper="High-resolution image synthesis with latent diffusion models",
    year=2022,
    url="https://arxiv.org/abs/2112.10752",
    proofs=("law: the denoiser's loss leaves the autoencoder alone; codes get a variance of one",),
    evidence={"diffusion/latent": ("test_the_denoiser_leaves_the_autoencoder_alone",)},
    # Validation tells of codes that change as they are learned, and says nothing of how well these
    # give pictures back: its loss is least where next to nothing was learned.
    settings={"average": "ema:decay=0.99", "clip": "norm:max=1", "monitor": "train/loss"},
)

KEPT = 0.99
"""Share of the codes' running variance that is kept at each step."""


class LatentDenoising(nn.Module):
    """The losses of an autoencoder and of a denoiser of its codes.

    Args:
        model: a latent diffusion model, signed or not.
        label_dropout: share of the examples whose text is left out.
        divergence_weight: how much the codes' divergence from the normal distribution counts.
    """

    def __init__(
        self, *, model: nn.Module, label_dropout: float = 0.1, divergence_weight: float = 1e-4
    ):
        super().__init__()
        inner = model.model if isinstance(model, Signed) else model
        if not isinstance(inner, LatentDiffusion):
            raise UsageError(
                f"latent-denoising is learned by latent-diffusion; {type(inner).__name__} has no "
                "autoencoder of its own"
            )
        self.model, self.inner, self.weight = model, inner, divergence_weight
        self.players = {"model": model}
        self._power = torch.ones(())
        self.denoising = Denoising(model=model, label_dropout=label_dropout)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example."""
        x = self._standardised(batch[-1])
        mean, log_variance = self.inner.autoencoder.posterior(x)
        self._power = (mean.square().mean() + log_variance.exp().mean()).detach()
        z = mean + (log_variance / 2).exp() * self.inner.begun(batch[0]).to(mean)
        found = self._lost(x, z) + self.weight * divergence(
            mean.flatten(1), log_variance.flatten(1)
        ).sum(1)
        yield Loss(found + next(self.denoising.losses(batch)).value)

    @torch.no_grad()
    def after_step(self, _player: str, /) -> None:
        """Scale codes to a variance of one."""
        scale = self.inner.scale
        scale.lerp_(self._power.rsqrt().to(scale), 1 - KEPT)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, told its text, and what its code lost of the picture."""
        x = self._standardised(batch[-1])
        lost = self._lost(x, self.inner.autoencoder.posterior(x)[0])
        return {"loss": self.denoising.validate(batch)["loss"], "lost": lost}

    def _standardised(self, x: Tensor) -> Tensor:
        if not isinstance(self.model, Signed):
            return x
        return (x - self.model.output_mean) / self.model.output_std

    def _lost(self, x: Tensor, z: Tensor) -> Tensor:
        """How far the picture of a code is from the right one."""
        apart = (x - self.inner.autoencoder.decode(z)).flatten(1)
        return apart.square().mean(1) + apart.abs().mean(1)
