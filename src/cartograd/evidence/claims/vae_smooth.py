"""Halfway between the codes of two digits: what a VAE and an autoencoder make of that."""

import math
from functools import cache

import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, train
from cartograd.evidence.rates import Best, best_rate
from cartograd.generative.autoencoders.autoencoder import Autoencoder
from cartograd.generative.autoencoders.vae import VAE
from cartograd.generative.likelihood import Likelihood
from cartograd.training.objectives.regress import Regress

CLAIM = Claim(
    id="vae-smooth",
    place="vae/vae",
    en="VAE latents interpolate smoothly, an autoencoder's less",
    zh="潜空间连续可插值",
    hypothesis="A VAE and an autoencoder with the same dense layers (64-256-8-256-64) learn the "
    "digits in 1500 batches of 64, each at the rate of its own least loss on validation digits, by "
    "a seed that is not counted. Of up to 500 pairs of test digits of unlike classes, what lies "
    "halfway between the two codes is decoded. A classifier of real digits is less in doubt of the "
    "VAE's middles (entropy of its answer), and they lie where training digits are denser (log of "
    "a kernel density of the 64 pixels, as wide as a test digit is from the nearest training one). "
    "That both have learned: the classifier knows both ends.",
    rule=("mean doubt: autoencoder - VAE > 0", "mean density: VAE - autoencoder > 0"),
    requires=("every ends known by the classifier > 0.8", "every best rates inside >= 1"),
    draw=("VAE", "autoencoder"),
    axes=("way from one end to the other", "entropy of the classifier, nats"),
)
STEPS, BATCH, PAIRS, TUNING = 1500, 64, 500, 9000
WAY = tuple(i / 8 for i in range(9))
MODELS = {"VAE": VAE, "autoencoder": Autoencoder}


def measure(seed: int, /) -> Measured:
    """Doubt and density of the middles of both."""
    data, draw = dataset("digits"), torch.Generator().manual_seed(seed)
    judge = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    train(judge, data.train, seed=seed, epochs=30)
    known, x, y = data.train.inputs.flatten(1), data.test.inputs.flatten(1), data.test.targets
    one, other = torch.randint(len(x), (2, 2 * PAIRS), generator=draw)
    one, other = (part[y[one] != y[other]][:PAIRS] for part in (one, other))
    width = torch.cdist(x, known).min(1).values.median()
    doubt, dense, ends, found = {}, {}, {}, dict[str, float | Curve]()
    for name in MODELS:
        model = _trained(name, _best(name).rate, seed)
        with torch.inference_mode():
            start, end = model.encode(x[one]), model.encode(x[other])  # type: ignore[operator]
            line = [model.decode(start + way * (end - start)) for way in WAY]  # type: ignore[operator]
            said = [judge.eval()(part).log_softmax(1) for part in line]
            right = torch.cat([said[0].argmax(1) == y[one], said[-1].argmax(1) == y[other]])
            curve = [-(part.exp() * part).sum(1).mean().item() for part in said]
            far = torch.cdist(line[len(WAY) // 2], known)
            dense[name] = (-far.square() / (2 * width**2)).logsumexp(1).mean().item()
        doubt[name] = curve[len(WAY) // 2]
        found[name] = Curve(WAY, curve)
        ends[name] = right.double().mean().item()
        found[f"doubt beside the ends, {name}"] = doubt[name] - (curve[0] + curve[-1]) / 2
        found[f"rate of the {name}"] = _best(name).rate
    return found | {
        "doubt: autoencoder - VAE": doubt["autoencoder"] - doubt["VAE"],
        "density: VAE - autoencoder": dense["VAE"] - dense["autoencoder"],
        "ends known by the classifier": min(ends.values()),
        "best rates inside": float(all(_best(name).inside for name in MODELS)),
    }


@cache
def _best(name: str) -> Best:
    x = dataset("digits").valid.inputs.flatten(1)

    def loss(rate: float) -> float:
        try:
            objective = _objective(name, _trained(name, rate, TUNING))
        except UsageError:
            return math.inf
        with torch.inference_mode():
            return objective.validate((x, x))["loss"].mean().item()

    return best_rate(loss, (3e-4, 9e-4, 2.7e-3))


def _objective(name: str, model: nn.Module) -> Likelihood | Regress:
    return Likelihood(model=model) if name == "VAE" else Regress(model=model)


def _trained(name: str, rate: float, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = MODELS[name](features=64, levels=17, latent=8, widths=(256,))
    x = dataset("digits").train.inputs.flatten(1)
    rows = torch.randint(len(x), (STEPS, BATCH), generator=torch.Generator().manual_seed(seed))
    batches = [(x[chosen], x[chosen]) for chosen in rows]
    fit(_objective(name, model), batches, optimizer=f"adam:lr={rate}", epochs=1, seed=seed)
    return model.eval()
