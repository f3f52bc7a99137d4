"""Rows on generative models: bits of pictures and bounds of them, beside models that know less."""

import math
from typing import Any

from acceptance.session import Outcome, Session

MOST_BITS = 1.95
"""Of a pixel of a test digit."""

LEAST_NATS = -150.0
"""Mean lower bound of the log-probability of a black and white test picture."""

DIGITS = "cartograd train pixelcnn --data digits --set seed=SEED"
FASHION = (
    "cartograd train vae:classes=none --data fashion-mnist:levels=2 --epochs 4 "
    "--set seed=SEED batch_size=128"
)
UNTRAINED = " --epochs 1 --optimizer sgd:lr=0"


def pixelcnn_digits(session: Session, /) -> Outcome:
    """Handwritten digits of 17 levels, their class told."""
    runs = [session.train(DIGITS, seed) for seed in session.seeds]
    measured = [round(run.metric("bits-per-dim"), 3) for run in runs]
    untrained = session.train(DIGITS + UNTRAINED, 0).metric("bits-per-dim")
    return Outcome(
        claim="PixelCNN on the embedded digits",
        command=DIGITS,
        measured=measured,
        asked=f"at most {MOST_BITS:g} bits per pixel, which untrained weights do not reach",
        passed=max(measured) < MOST_BITS < untrained,
        unit="bits/pixel",
        beside={
            "a histogram of each pixel": f"{pixel_bits('digits'):.3f}",
            "the same, untrained": f"{untrained:.3f}",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


def vae_fashion(session: Session, /) -> Outcome:
    """Black and white clothes, without classes."""
    runs = [session.train(FASHION, seed) for seed in session.seeds]
    measured = [round(run.metric("log-density"), 2) for run in runs]
    looked = [_looked(run.folder) for run in runs]
    plain = FASHION.replace(" --epochs 4", "") + UNTRAINED
    untrained = session.train(plain, 0).metric("log-density")
    tighter = all(one["iwae"] >= nats for one, nats in zip(looked, measured, strict=True))
    used = min(one["active"] for one in looked)
    return Outcome(
        claim="VAE on black and white Fashion-MNIST",
        command=FASHION,
        measured=measured,
        asked=f"ELBO above {LEAST_NATS:g} nats, which untrained weights do not reach; IWAE's bound "
        "of 50 draws not below it; at least 8 of 16 numbers of the code in use",
        passed=min(measured) > LEAST_NATS > untrained and tighter and used >= 8,
        unit="nats",
        beside={
            "a frequency of each pixel": f"{_histograms('fashion-mnist:levels=2'):.1f}",
            "the same, untrained": f"{untrained:.1f}",
            "IWAE-50 (1,000 pictures)": ", ".join(f"{one['iwae']:.1f}" for one in looked),
            "numbers of the code in use": ", ".join(f"{one['active']:.0f}" for one in looked),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


def _looked(folder: Any) -> dict[str, float]:
    """The tighter bound of a thousand test pictures, and how many numbers of a code vary."""
    import cartograd as cg

    x = cg.dataset("fashion-mnist:levels=2").test.select(range(1000)).inputs
    model = cg.generative_model(folder)
    active = (model.encode(x).var(0) > 0.01).sum()
    model.inner.draws = 50
    return {"iwae": model.log_prob(x).nats.mean().item(), "active": float(active)}


def pixel_bits(spec: str, /) -> float:
    """Bits of a pixel of the test pictures by how often each pixel has each level."""
    import cartograd as cg

    pixels = cg.dataset(spec).signature.input.size
    return -_histograms(spec) / pixels / math.log(2)


def _histograms(spec: str) -> float:
    """Mean log-probability of the test pictures by how often each pixel has each level."""
    import torch

    import cartograd as cg

    data = cg.dataset(spec)
    size = data.signature.input.size
    values = data.train.select(range(1000)).inputs.unique()
    counts = torch.zeros(size * len(values), dtype=torch.double)

    def cells(part: Any) -> Any:
        """The pixel and level of each number, a few thousand pictures at a time."""
        for rows in torch.arange(len(part)).split(5000):
            level = torch.searchsorted(values, part.select(rows).inputs.flatten(1))
            yield level + len(values) * torch.arange(size)

    for cell in cells(data.train):
        counts += cell.flatten().bincount(minlength=len(counts))
    counts = counts.reshape(size, -1) + 1
    chances = (counts / counts.sum(1, keepdim=True)).log().flatten()
    found = torch.cat([chances[cell].sum(1) for cell in cells(data.test)])
    return found.mean().item()
