"""One network that denoises pictures, and codes of them a quarter as wide: cost at like quality."""

import torch
from torch import Tensor, nn

from cartograd.core.protocols import Objective
from cartograd.engine.loop.fit import fit
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few, train
from cartograd.evidence.latents import Learner, Rebuilding, asked, drawn, operations
from cartograd.generative.diffusion.denoising import Denoising
from cartograd.generative.latent.autoencoder_kl import AutoencoderKL
from cartograd.practice.metrics.frechet import frechet

CLAIM = Claim(
    id="latent-cheaper",
    place="diffusion/latent",
    en="Latent diffusion is cheaper than pixel diffusion",
    zh="潜空间扩散更高效",
    hypothesis="A U-Net of 32 channels denoises clothes of 28x28 pixels, in patches of two by two; "
    "one of the same width denoises codes of 4x7x7 numbers that an autoencoder makes of them. Both "
    "get as many operations to learn with, those of the autoencoder counted. A picture costs the "
    "operations of its calls (processor time is noisier), and of decoding. Drawn by DDIM in 3, 5, "
    "10, 20 and 50 steps, quality is the Frechet distance from real pictures by the features of a "
    "small classifier, and like quality what both reach: a tenth above the best of the worse of "
    "the two. The cheapest pixel diffusion of that quality costs more than the cheapest latent "
    "one. That both have learned: pixels drawn each by itself are farther than either's.",
    rule=("ratio operations pixels / latent > 1",),
    requires=("ratio noise / pixels > 1", "ratio noise / latent > 1"),
    seeds=3,
    data="fashion-mnist",
    draw=("pixels", "latent"),
    axes=("million operations a picture", "Frechet distance"),
    scale="xy",
)
WIDTH, BATCH, DRAWN, WALKS = 32, 64, 400, (3, 5, 10, 20, 50)
CODED, BUDGET = 200, 300
"""Batches that the autoencoder learns from, and the denoiser of pixels."""
SETTINGS = {"optimizer": "adam:lr=2e-3", "schedule": "cosine:warmup=0.1", "clip": 1.0}


def measure(seed: int, /) -> Measured:
    """Distances of both by what a picture costs, and the ratio at like quality."""
    data, draw = dataset("fashion-mnist"), torch.Generator().manual_seed(seed)
    some, real = few(data.train, 8000, seed=seed), few(data.test, 2000, seed=seed).inputs
    judge = nn.Sequential(
        nn.Conv2d(1, 16, 3, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.Flatten(),
        nn.Linear(1152, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    train(judge, some, seed=seed, epochs=4)
    seen, pictures = judge[:7].eval(), 2 * some.inputs - 1

    def learn(objective: Objective, x: Tensor, count: int) -> None:
        rows = torch.randint(len(x), (count, BATCH), generator=draw)
        noise = torch.randn(count, BATCH, *x.shape[1:], generator=draw)
        batches = [(one, x[chosen]) for one, chosen in zip(noise, rows, strict=True)]
        fit(objective, batches, epochs=1, seed=seed, device="cpu", **SETTINGS)

    @torch.inference_mode()
    def far(drawn: Tensor) -> float:
        return frechet(seen((drawn.clamp(-1, 1) + 1) / 2), seen(real))

    pixel, code = (
        Learner(1, width=WIDTH, patch=2, limit=1.0),
        Learner(4, width=WIDTH, patch=1, limit=None),
    )
    coder = AutoencoderKL(channels=1, latent=4, widths=(8, 16, 32), blocks=1, groups=8)
    one, small = torch.zeros(1, 1, 28, 28), torch.zeros(1, 4, 7, 7)
    call, less = operations(lambda: asked(pixel, one)), operations(lambda: asked(code, small))
    learn(Rebuilding(coder), pictures, CODED)
    coder.eval()
    with torch.inference_mode():
        codes = torch.cat([coder.posterior(part)[0] for part in pictures.split(500)])
    scale = codes.std()
    left = int((BUDGET * call - CODED * operations(lambda: coder(one))) / less)
    learn(Denoising(model=pixel), pictures, BUDGET)
    learn(Denoising(model=code), codes.clone() / scale, left)
    noise = torch.randn(DRAWN, *one.shape[1:], generator=draw)
    given = noise.flatten(1)[:, : small.numel()].unflatten(1, small.shape[1:])
    finish = operations(lambda: coder.decode(small))
    with torch.inference_mode():
        plain = {n * call: far(drawn(pixel, noise, n)) for n in WALKS}
        latent = {
            n * less + finish: far(coder.decode(drawn(code, given, n) * scale)) for n in WALKS
        }
    like = 1.1 * max(min(plain.values()), min(latent.values()))
    costs = [min(x for x, y in curve.items() if y <= like) for curve in (plain, latent)]
    alone = far(pictures.mean(0) + pictures.std(0) * noise)
    return {
        "operations pixels / latent": costs[0] / costs[1],
        "noise / pixels": alone / min(plain.values()),
        "noise / latent": alone / min(latent.values()),
        "best of pixels": min(plain.values()),
        "best of latent": min(latent.values()),
        "best of codes": far(coder(pictures[:DRAWN]).detach()),
        "pixels": Curve([x / 1e6 for x in plain], [*plain.values()]),
        "latent": Curve([x / 1e6 for x in latent], [*latent.values()]),
    }
