"""The objectives, deterministic and in float64, for comparing microbatches with a full batch."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cartograd.engine.loop.fit import fit
from tests.engine.objectives.byol import BYOL
from tests.engine.objectives.ddpm import DDPM
from tests.engine.objectives.supervised import Supervised
from tests.engine.objectives.vae import VAE
from tests.engine.objectives.wgan_gp import WGANGP
from tests.engine.toys import mlp


def _draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def supervised() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return Supervised(mlp(3, 16, 4)), (_draw(64, 3), torch.arange(64) % 4)


def vae() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """With its noise in the batch."""
    return VAE(mlp(5, 16, 4), mlp(2, 16, 5)), (_draw(64, 5), _draw(64, 2))


def byol() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Without batch normalisation, whose statistics are those of the microbatch."""
    return BYOL(mlp(4, 16, 3), mlp(3, 8, 3), lambda x: x.flip(-1)), (_draw(64, 4),)


def wgan_gp() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Two critic steps and one of the generator; noise in the batch, penalty at the middle."""

    class Middle(WGANGP):
        def train(self, mode: bool = True):
            return super().train(False)

    gan = Middle(mlp(2, 16, 3), mlp(3, 16, 1), latent=2, critic_steps=2)
    return gan, (_draw(64, 3), _draw(64, 3, 2))


def ddpm() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """With its noise and times taken from the data."""

    class Given(DDPM):
        def losses(self, batch):
            x0, eps = batch
            t = (x0[:, 0].abs() * 5).long().clamp(max=self.steps - 1)
            abar = self.abar[t][:, None]
            noisy = abar.sqrt() * x0 + (1 - abar).sqrt() * eps
            from cartograd.core.protocols import Loss

            yield Loss((eps - self.predict(noisy, t)).square().mean(-1))

    return Given(mlp(6, 16, 2), steps=10), (_draw(64, 2), _draw(64, 2).flip(0))


CASES = {make.__name__: make for make in (supervised, vae, byol, wgan_gp, ddpm)}


def steps(make: Callable, sizes: list[int], accumulate: int) -> list[Tensor]:
    """The parameters after two steps on the batch cut into parts of these sizes."""
    objective, data = make()
    objective.double()
    parts = list(zip(*(tensor.split(sizes) for tensor in data), strict=True))
    fit(objective, parts, optimizers="sgd:lr=0.1", epochs=2, accumulate=accumulate)
    return [parameter.detach() for parameter in objective.parameters()]
