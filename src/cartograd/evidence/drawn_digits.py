"""Digits as 64 numbers that a GAN or a diffusion model draws, and how far they are from real."""

from functools import cache

import torch
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.engine.loop.fit import fit
from cartograd.evidence.lab import dataset, train
from cartograd.generative.diffusion.ddpm import DDPM
from cartograd.generative.diffusion.denoising import Denoising
from cartograd.generative.gan.adversarial import Adversarial
from cartograd.generative.samplers.ancestral import ancestral
from cartograd.practice.metrics.frechet import frechet

STEPS, BATCH, DRAWN, JUDGE, SAMPLING = 800, 64, 500, 9000, 50
ADAM = {"GAN": "adam:betas=[0.0,0.9],lr=", "diffusion": "adam:lr="}
NOISE, DIGITS = Port("noise", "vector", (64,)), Port("x", "vector", (64,), task="generate")


@cache
def _seen() -> nn.Module:
    """Features of a classifier of real digits."""
    judge = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    train(nn.Sequential(nn.Flatten(), judge), dataset("digits").train, seed=JUDGE, epochs=30)
    return judge[:2].eval()


def far(x: Tensor, /, part: str = "test") -> Tensor:
    """Frechet distance of features from a part of the real digits."""
    data, seen = dataset("digits"), _seen()
    real = (data.valid if part == "valid" else data.test).inputs.flatten(1)
    with torch.inference_mode():
        return torch.tensor(frechet(seen((x.clamp(-1, 1) + 1) / 2), seen(real)))


def pixels(seed: int, /) -> Tensor:
    """Each number from another training digit."""
    x, draw = 2 * dataset("digits").train.inputs.flatten(1) - 1, torch.Generator()
    return x.gather(0, torch.randint(len(x), (DRAWN, 64), generator=draw.manual_seed(seed)))


def drawn(name: str, rate: float, seed: int, /) -> Tensor:
    """What a model draws after its training; pixels by themselves where it broke down."""
    torch.manual_seed(seed)
    x, draw = 2 * dataset("digits").train.inputs.flatten(1) - 1, torch.Generator().manual_seed(seed)
    rows = torch.randint(len(x), (STEPS, BATCH), generator=draw)
    noise, last = torch.randn(STEPS, BATCH, 64, generator=draw), torch.randn(DRAWN, 64)
    batches = [(one, x[chosen]) for one, chosen in zip(noise, rows, strict=True)]
    signature = Signature((NOISE,), (DIGITS,))
    gan = build("gan:latent=64,width=32", kind="model", signature=signature)
    model = gan if name == "GAN" else DDPM(features=64, width=32)
    objective = Adversarial(model=gan) if name == "GAN" else Denoising(model=model)
    try:
        fit(objective, batches, optimizer=f"{ADAM[name]}{rate}", epochs=1, seed=seed,
            average="ema:decay=0.99")  # fmt: skip
    except UsageError:
        return pixels(seed)
    with torch.inference_mode():
        model.eval()
        if isinstance(model, DDPM):
            return ancestral(model.denoiser, last, draw, steps=SAMPLING)
        return model(last)
