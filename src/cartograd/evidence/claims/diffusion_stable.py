"""How far the quality of a GAN and of a diffusion model varies over rates and starts."""

import statistics
from functools import cache

import torch

from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.drawn_digits import drawn, far, pixels
from cartograd.evidence.rates import Best, best_rate

CLAIM = Claim(
    id="diffusion-stable",
    place="diffusion/ddpm",
    en="Diffusion trains more stably than a GAN",
    zh="扩散训练比 GAN 稳定",
    hypothesis="A GAN (spectral norm) and a DDPM, of dense layers of 128 units and with averaged "
    "weights both, learn the digits as 64 numbers in 800 batches of 64. The best rate of each is "
    "that of the least Frechet distance from validation digits by a seed that is not counted; each "
    "is trained at a quarter of it, at it and at four times it, twice from other weights. Quality "
    "is the log of the Frechet distance of 500 drawn digits from test digits, by 64 features of a "
    "classifier. Its standard deviation over the rates (of the mean of two) is larger for the GAN, "
    "and that over the two at a rate as well. That both have learned: pixels drawn each by itself "
    "are farther away than what either draws at its best rate.",
    rule=("ratio over rates: GAN / diffusion > 1", "ratio over starts: GAN / diffusion > 1"),
    requires=(
        "ratio pixels / GAN > 1",
        "ratio pixels / diffusion > 1",
        "every best rates inside >= 1",
    ),
    seeds=4,
    draw=("GAN", "diffusion"),
    axes=("rate beside the best one", "Frechet distance"),
    scale="xy",
)
TUNING, FACTORS, MODELS = 9000, (0.25, 1.0, 4.0), ("GAN", "diffusion")


def measure(seed: int, /) -> Measured:
    """Distances of both by their rate, and how far they vary."""
    found: dict[str, float | Curve] = {}
    rates, starts = {}, {}
    for name in MODELS:
        logs = [
            [far(drawn(name, factor * _best(name).rate, 2 * seed + one)).log() for one in (0, 1)]
            for factor in FACTORS
        ]
        both = torch.stack([torch.stack(pair) for pair in logs])
        rates[name] = statistics.stdev(both.mean(1).tolist())
        starts[name] = both.var(1).mean().sqrt().item()
        found[name] = Curve(FACTORS, both.mean(1).exp().tolist())
        found[f"pixels / {name}"] = (far(pixels(seed)) / both[1].mean().exp()).item()
        found |= {f"over rates: {name}": rates[name], f"over starts: {name}": starts[name]}
        found[f"rate of the {name}"] = _best(name).rate
    return found | {
        "over rates: GAN / diffusion": rates["GAN"] / rates["diffusion"],
        "over starts: GAN / diffusion": starts["GAN"] / starts["diffusion"],
        "best rates inside": float(all(_best(name).inside for name in MODELS)),
    }


@cache
def _best(name: str) -> Best:
    grid = (3e-4, 1.2e-3, 4.8e-3)
    return best_rate(lambda rate: far(drawn(name, rate, TUNING), "valid").item(), grid)
