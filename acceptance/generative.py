"""Rows on generative models: bits of pictures and bounds of them, beside models that know less."""

import math
from typing import Any

from acceptance.gans import obeying
from acceptance.session import Outcome, Session

MOST_BITS = 1.95
"""Of a pixel of a test digit."""

MOST_CLOTHES = 3.5
"""Of a pixel of a test picture of clothes of 256 greys."""

LEAST_NATS = -150.0
"""Mean lower bound of the log-probability of a black and white test picture."""

DIGITS = "cartograd train pixelcnn --data digits --set seed=SEED"
CLOTHES = (
    "cartograd train pixelcnn:components=8,width=32,depth=5 "
    "--data fashion-mnist:examples=30000 --epochs 1 --set seed=SEED batch_size=48"
)
FASHION = (
    "cartograd train vae:classes=none --data fashion-mnist:levels=2 --epochs 4 "
    "--set seed=SEED batch_size=128"
)
OBEYING = "cartograd train vae --data digits --epochs 20 --set seed=SEED"
CODES = "cartograd train vq-vae --data fashion-mnist --epochs 1 --set seed=SEED batch_size=64"
LEAST_DECIBELS, LEAST_USED = 20.0, 16.0
"""Of rebuilt test pictures, all errors together; and how many of 64 codes are in use."""

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


def pixelcnn_fashion(session: Session, /) -> Outcome:
    """Clothes of 256 greys, each a mixture of eight logistic distributions, their class told."""
    runs = [session.train(CLOTHES, seed) for seed in session.seeds]
    measured = [round(run.metric("bits-per-dim"), 3) for run in runs]
    plain = CLOTHES.replace(" --epochs 1", "").replace("30000", "600")
    untrained = session.train(plain + UNTRAINED, 0).metric("bits-per-dim")
    packed = packed_bits("fashion-mnist")
    return Outcome(
        claim="PixelCNN on half of Fashion-MNIST, one pass",
        command=CLOTHES,
        measured=measured,
        asked=f"below {MOST_CLOTHES:g} bits per pixel, which neither untrained weights reach nor "
        "LZMA, a program that packs files",
        passed=max(measured) < MOST_CLOTHES < min(untrained, packed),
        unit="bits/pixel",
        beside={
            "a histogram of each pixel": f"{pixel_bits('fashion-mnist'):.3f}",
            "LZMA of all test pictures": f"{packed:.3f}",
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


def vae_digits(session: Session, /) -> Outcome:
    """Handwritten digits of the class that was asked for."""
    claim = "Conditional VAE on the embedded digits"
    return obeying(session, "digits", OBEYING, claim, right=0.75, covered=0.5)


def vq_vae_fashion(session: Session, /) -> Outcome:
    """Clothes of 256 greys as 7 by 7 codes of 64, their class told to the prior."""
    runs = [session.train(CODES, seed) for seed in session.seeds]
    looked = [_rebuilt(run.folder) for run in runs]
    measured = [round(one["decibels"], 2) for one in looked]
    untrained = _rebuilt(None)["decibels"]
    bits = [f"{run.metric('bits-per-dim'):.3f}" for run in runs]
    return Outcome(
        claim="VQ-VAE on Fashion-MNIST, 7 by 7 codes of 64",
        command=CODES,
        measured=measured,
        asked=f"rebuilt at {LEAST_DECIBELS:g} dB or more, which untrained weights do not reach, "
        f"with more than {LEAST_USED:g} codes in use",
        passed=min(measured) >= LEAST_DECIBELS > untrained
        and min(one["used"] for one in looked) > LEAST_USED,
        unit="dB",
        beside={
            "codes in use (perplexity)": ", ".join(f"{one['used']:.1f}" for one in looked),
            "a bound of bits per pixel, prior and decoder": ", ".join(bits),
            "of it the prior's, bits per picture": ", ".join(
                f"{one['prior']:.0f}" for one in looked
            ),
            "a histogram of each pixel, bits": f"{pixel_bits('fashion-mnist'):.3f}",
            "the same, untrained": f"{untrained:.2f} dB",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=["All uses of a code alike, codes need 294 bits a picture, and their perplexity 64."],
    )


def _rebuilt(folder: Any) -> dict[str, float]:
    """The test pictures of codes: how near they are, how many codes, and what the prior says.

    By the model of a run, or by one of untrained weights.
    """
    import torch

    import cartograd as cg
    from cartograd.generative.autoencoders.codebook import perplexity
    from cartograd.practice.metrics.psnr import psnr

    test = cg.dataset("fashion-mnist").test
    torch.manual_seed(0)
    plain = cg.build("vq-vae", channels=1, size=28, levels=256, classes=10)
    model: Any = cg.generative_model(folder).inner if folder else plain
    model.eval()
    made, numbers, prior = [], [], 0.0
    x = test.select(range(len(test))).inputs
    for rows in torch.arange(len(test)).split(1000):
        part = test.select(rows)
        with torch.no_grad():
            numbers.append(model.numbers(part.inputs))
            made.append(model.reconstruct(part.inputs))
            prior -= model.prior.log_prob(numbers[-1], part.targets).sum().item() / math.log(2)
    return {
        "decibels": psnr(torch.cat(made), x),
        "used": perplexity(torch.cat(numbers), 64),
        "prior": prior / len(test),
    }


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


def packed_bits(spec: str, /) -> float:
    """Bits of a pixel of the test pictures, packed together without loss."""
    import lzma

    import cartograd as cg

    test = cg.dataset(spec).test
    x = test.select(range(len(test))).inputs
    return 8 * len(lzma.compress((255 * x).round().byte().numpy().tobytes(), preset=9)) / x.numel()


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
