"""What denoises pictures, and codes of them: the parts of an experiment on their costs."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from cartograd.core.generative import Level
from cartograd.core.protocols import Loss
from cartograd.engine.loop.flops import flop_counter
from cartograd.generative.diffusion.denoiser import Conditioned, Denoiser
from cartograd.generative.diffusion.paths import steps
from cartograd.generative.diffusion.unet import UNet
from cartograd.generative.latent.autoencoder_kl import AutoencoderKL
from cartograd.generative.samplers.ddim import ddim


class Learner(nn.Module):
    """A denoiser of maps, on a cosine chain.

    Args:
        channels: of the maps.
        width: of the U-Net.
        patch: side of the patches that become channels.
        limit: of guesses; None for codes.
    """

    def __init__(self, channels: int, /, *, width: int, patch: int, limit: float | None):
        super().__init__()
        net = UNet(channels, width=width, patch=patch)
        path = steps("cosine", 1000)
        self.denoiser = Denoiser(net, path, predicts="v", classes=None, steps=20, limit=limit)


class Rebuilding(nn.Module):
    """What an autoencoder learns: pictures from drawn codes, whose divergence hardly costs."""

    def __init__(self, coder: AutoencoderKL, /):
        super().__init__()
        self.coder = coder
        self.players: dict[str, nn.Module] = {"model": coder}

    def losses(self, batch: tuple[Tensor, ...], /) -> Iterator[Loss]:
        """Squared error, and a millionth of the divergence."""
        noise, x = batch
        mean, log_variance = self.coder.posterior(x)
        noise = noise.flatten(1)[:, : mean[0].numel()].view_as(mean)
        back = self.coder.decode(mean + (log_variance / 2).exp() * noise)
        apart = (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).sum(1) / 2
        yield Loss((back - x).square().flatten(1).mean(1) + 1e-6 * apart)


def asked(model: Learner, x: Tensor, /) -> Tensor:
    """One call."""
    half = torch.full((1,), 0.5, dtype=torch.float64)
    return model.denoiser.denoise(x, Level(half.sqrt(), half.sqrt(), 500 * torch.ones(1)))


def drawn(model: Learner, noise: Tensor, count: int, /) -> Tensor:
    """In so many steps, a hundred at once."""
    given, draw = Conditioned(model.denoiser.eval(), None), torch.Generator()
    return torch.cat([ddim(given, part, draw, steps=count) for part in noise.split(100)])


@torch.no_grad()
def operations(work: Callable[[], Tensor], /) -> float:
    """A multiplication and an addition are two."""
    with flop_counter() as counted:
        work()
    return float(counted.get_total_flops())
