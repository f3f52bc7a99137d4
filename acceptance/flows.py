"""Rows on flows: how likely test examples are, beside densities that know less."""

import math
from pathlib import Path
from typing import Any

from acceptance.generative import UNTRAINED, pixel_bits
from acceptance.session import Outcome, Session

MOST_NATS = 1.95
"""Of a standardised point of two moons."""

MOST_BITS = 2.35
"""Of a pixel of the validation digits, at the epoch that is kept."""

MOST_GLOW = 4.5
"""Bits of a pixel of a test picture of clothes."""

EXACT, NEAR = 1e-10, 1e-5
"""How far what comes back may be: of numbers that a flow has learned, and of any that are drawn."""

MOONS = "cartograd train real-nvp:classes=none --data moons:examples=5000 --set seed=SEED"
DIGITS = (
    "cartograd train real-nvp:classes=none,widths=[256,256] --data digits "
    "--set seed=SEED patience=5"
)
FASHION = (
    "cartograd train glow:classes=none --data fashion-mnist:examples=30000 --epochs 1 "
    "--set seed=SEED batch_size=64"
)

HALF = "fashion-mnist:size=14,examples=10000"
SHORT = f"--data {HALF} --epochs EPOCHS --set seed=SEED batch_size=32"
BENT = f"cartograd train flow-plus-plus:classes=none {SHORT}".replace("EPOCHS", "2")
EVEN = BENT.replace("none", "none,dequantisation=uniform")
GLOW = f"cartograd train glow:classes=none,scales=1 {SHORT}".replace("EPOCHS", "4")
"""A step of Glow costs half as much processor time, so it takes twice as many."""

WEIGHED, DRAWS = 1000, 16
"""Test pictures that are bounded by importance weights, and draws of noise for each."""


def flow_moons(session: Session, /) -> Outcome:
    """Points of the plane, whose true density is known."""
    runs = [session.train(f"{MOONS} --epochs 40", seed) for seed in session.seeds]
    beside = _densities()
    shift = beside.pop("shift")
    measured = [round(-run.metric("log-density") - shift, 3) for run in runs]
    untrained = -session.train(MOONS + UNTRAINED, 0).metric("log-density") - shift
    wholes = [_integral(run.folder) for run in runs]
    return Outcome(
        claim="RealNVP on two moons",
        command=f"{MOONS} --epochs 40",
        measured=measured,
        asked=f"below {MOST_NATS:g} nats for a standardised point, which untrained weights do not "
        "reach; a density that is one in all, to 0.5 %",
        passed=max(measured) < MOST_NATS < untrained
        and max(abs(whole - 1) for whole in wholes) < 5e-3,
        unit="nats",
        beside={name: f"{value:.3f}" for name, value in beside.items()}
        | {
            "the same, untrained": f"{untrained:.3f}",
            "the density over the plane": ", ".join(f"{whole:.4f}" for whole in wholes),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


def flow_digits(session: Session, /) -> Outcome:
    """Handwritten digits of 17 levels, kept before the flow learns the training part by heart."""
    runs = [session.train(DIGITS, seed) for seed in session.seeds]
    measured = [round(run.metric("bits-per-dim"), 3) for run in runs]
    kept = [min(one["valid/bits-per-dim"] for one in run.epochs()) for run in runs]
    untrained = session.train(DIGITS + UNTRAINED, 0).metric("bits-per-dim")
    return Outcome(
        claim="RealNVP on the embedded digits",
        command=DIGITS,
        measured=measured,
        asked=f"at most {MOST_BITS:g} bits per pixel of the validation and of the test part, which "
        "untrained weights do not reach",
        passed=max(*kept, *measured) < MOST_BITS < untrained,
        unit="bits/pixel",
        beside={
            "a histogram of each pixel": f"{pixel_bits('digits'):.3f}",
            "the validation part": ", ".join(f"{bits:.3f}" for bits in kept),
            "the same, untrained": f"{untrained:.3f}",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


def glow_fashion(session: Session, /) -> Outcome:
    """Clothes of 256 greys."""
    runs = [session.train(FASHION, seed) for seed in session.seeds]
    measured = [round(run.metric("bits-per-dim"), 3) for run in runs]
    plain = FASHION.replace(" --epochs 1", "").replace("30000", "600")
    untrained = session.train(plain + UNTRAINED, 0)
    trips = [_round_trips(run.folder) for run in runs]
    return Outcome(
        claim="Glow on half of Fashion-MNIST, one pass",
        command=FASHION,
        measured=measured,
        asked=f"below {MOST_GLOW:g} bits per pixel, which untrained weights do not reach; test "
        f"pictures come back from their codes, and codes of the paper's temperature of 0.7 from "
        f"their pictures, to {EXACT:g}; codes of temperature 1 to {NEAR:g}; pictures of codes ten "
        "times as far out are finite",
        passed=max(measured) < MOST_GLOW < untrained.metric("bits-per-dim")
        and all(max(one["pictures"], one["0.7"]) < EXACT and one["1"] < NEAR for one in trips)
        and all(math.isfinite(one["largest"]) for one in trips),
        unit="bits/pixel",
        beside={
            "a histogram of each pixel": f"{pixel_bits('fashion-mnist'):.3f}",
            "the same, untrained": f"{untrained.metric('bits-per-dim'):.3f}",
            "how far test pictures are from those of their codes": _each(trips, "pictures"),
            "codes of temperature 0.7 from those of their pictures": _each(trips, "0.7"),
            "codes of temperature 1": _each(trips, "1"),
            "codes of temperature 10": _each(trips, "10"),
            "largest number of their pictures": _each(trips, "largest"),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            "In float64. At first the row asked that codes of temperature 10 come back to 1e-3, "
            "which they do not: their pictures have numbers of 1e11, for couplings that never saw "
            "the like answer them with ever larger ones. Draw at temperature 1 or below."
        ],
    )


def flow_plus_plus_fashion(session: Session, /) -> Outcome:
    """Clothes of 256 greys and half the size, by three flows of the same processor time."""
    runs = {
        name: [session.train(command, seed) for seed in session.seeds]
        for name, command in (("bent", BENT), ("even", EVEN), ("glow", GLOW))
    }
    bits = {
        name: [round(run.metric("bits-per-dim"), 3) for run in some] for name, some in runs.items()
    }
    bare = BENT.replace(" --epochs 2", "").replace("10000", "600") + UNTRAINED
    untrained = session.train(bare, 0).metric("bits-per-dim")
    tighter = {name: [_weighed(run.folder) for run in runs[name]] for name in ("bent", "even")}
    each = zip(bits["bent"], bits["even"], strict=True)

    def spent(name: str) -> str:
        return ", ".join(f"{run.cpu:.0f}" for run in runs[name])

    def told(name: str) -> str:
        return ", ".join(f"{one:.3f}" for one in bits[name])

    def weighed(name: str) -> str:
        return ", ".join(f"{one:.3f} to {many:.3f}" for one, many in tighter[name])

    return Outcome(
        claim="Flow++ and Glow on Fashion-MNIST of 14 by 14 pixels",
        command=f"{BENT}\n$ {EVEN}\n$ {GLOW}",
        measured=bits["bent"],
        asked="Flow++ below the best seed of Glow, with even noise, too; learned noise below even "
        "noise of the same flow and seed; untrained weights are above a histogram of each pixel",
        passed=max(bits["bent"] + bits["even"]) < min(bits["glow"])
        and all(learned < even for learned, even in each)
        and max(bits["bent"]) < pixel_bits(HALF) < untrained,
        unit="bits/pixel",
        beside={
            "Flow++ with even noise": told("even"),
            "Glow": told("glow"),
            "a histogram of each pixel": f"{pixel_bits(HALF):.3f}",
            "the same, untrained": f"{untrained:.3f}",
            f"by importance weights, from 1 draw to {DRAWS}": weighed("bent"),
            "... with even noise": weighed("even"),
            "CPU seconds with even noise": spent("even"),
            "CPU seconds of Glow": spent("glow"),
        },
        cpu=[run.cpu for run in runs["bent"]],
        wall=[run.wall for run in runs["bent"]],
        notes=[
            "All are bounds by one draw of noise (kind `bound`), of the epoch that the validation "
            f"part likes best; those of {DRAWS} draws are of the first {WEIGHED:,} test pictures "
            "(kind `iwae`). By seed 100, which is not counted, they were 3.892, 3.956 and 4.239."
        ],
    )


def _weighed(folder: Path) -> tuple[float, float]:
    """Bits of a pixel by the bound of one draw, and by that of several."""
    import cartograd as cg

    model = cg.generative_model(folder, device="cpu")
    x = cg.dataset(HALF).test.select(range(WEIGHED)).inputs
    one = model.log_prob(x, kind="bound").bits_per_dim.mean().item()
    model.inner.draws = DRAWS
    return one, model.log_prob(x, kind="iwae").bits_per_dim.mean().item()


def _each(trips: list[dict[str, float]], name: str) -> str:
    return ", ".join(f"{one[name]:.1e}" for one in trips)


def _densities() -> dict[str, float]:
    """Nats of a test point that is standardised by the training part, by what is known of it."""
    from sklearn.neighbors import KernelDensity

    import cartograd as cg
    from cartograd.data.sources.moons import log_density

    data = cg.dataset("moons:examples=5000")
    train, valid, test = (
        part.select(range(len(part))).inputs.double()
        for part in (data.train, data.valid, data.test)
    )
    mean, std = train.mean(0), train.std(0)
    shift = std.log().sum().item()
    kernels = [KernelDensity(bandwidth=width / 100).fit(train.numpy()) for width in range(2, 12)]
    best = max(kernels, key=lambda one: one.score(valid.numpy()))
    square = ((test - mean) / std).square().sum(1).mean().item()
    return {
        "the true density": -log_density(test).mean().item() - shift,
        "kernels of the best width": -best.score(test.numpy()) / len(test) - shift,
        "N(0, I)": square / 2 + math.log(2 * math.pi),
        "shift": shift,
    }


def _integral(folder: Path) -> float:
    """The whole of a density over the plane."""
    import torch

    model = _flow(folder)
    side = torch.linspace(-4, 5, 700, dtype=torch.float64)
    with torch.no_grad():
        parts = torch.cartesian_prod(side, side).split(70_000)
        return sum(model(part).exp().sum().item() for part in parts) * (9 / 699) ** 2


def _round_trips(folder: Path) -> dict[str, float]:
    """How far pictures and codes are from what comes of their own codes and pictures."""
    import torch
    from torch import Tensor

    import cartograd as cg

    model = _flow(folder)
    inside = model.layers[1:]  # the first layer rounds to levels

    def coded(x: Tensor) -> Tensor:
        for layer in inside:
            x, _ = layer(x)
        return x

    def drawn(x: Tensor) -> Tensor:
        for layer in reversed(inside):
            x = layer.inverse(x)
        return x

    pictures = cg.dataset("fashion-mnist").test.select(range(50)).inputs.double()
    code = torch.randn(50, 784, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        pictures, _ = model.layers[0](pictures)
        found = {"pictures": (drawn(coded(pictures)) - pictures).abs().max().item()}
        for size in (0.7, 1, 10):
            x = drawn(size * code)
            found[f"{size:g}"] = (coded(x) / size - code).abs().max().item()
    return found | {"largest": x.abs().max().item()}


def _flow(folder: Path) -> Any:
    import cartograd as cg

    return cg.generative_model(folder, device="cpu").inner.double().eval()
