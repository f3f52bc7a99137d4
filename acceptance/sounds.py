"""Row on sounds as codes: two levels of a Jukebox, and the priors over them."""

import math
from typing import Any

import torch
from torch import Tensor

from acceptance.session import Outcome, Session

CODES = (
    "cartograd train jukebox:code_steps=420 "
    "--data prompts:labels=[en],seconds=0.512,whole=true --epochs 3 --set seed=SEED batch_size=8"
)
MOST_USED, AHEAD = 64.0, 0.5
"""How many of 256 codes have to be in use at each level, and bits of a code that the top prior has
to be better than their frequencies."""

LEVELS = ("fine", "coarse")


def jukebox_speech(session: Session, /) -> Outcome:
    """Announcements as codes for 8 and for 32 samples, and priors over these."""
    runs = [session.train(CODES, seed) for seed in session.seeds]
    found = [_of_codes(run.folder) for run in runs]
    plain = session.train(CODES.replace("epochs 3", "epochs 1") + " --optimizer sgd:lr=0", 0)
    untrained = _of_codes(plain.folder)
    return Outcome(
        claim="Jukebox on English telephone announcements: two levels of codes, and their priors",
        command=CODES,
        measured=[round(one["top"], 3) for one in found],
        asked=f"the top prior's bits per code at least {AHEAD:g} below those of the codes' "
        "frequencies; the upsampler's, told the coarse codes, below its own without and with those "
        f"of other sounds; more than {MOST_USED:g} codes in use at each level; spectra of the fine "
        "level nearer to the true ones than of the coarse, and these than of codes by frequency; "
        "untrained weights fail",
        passed=all(_fine(one) for one in found) and not _fine(untrained),
        unit="bits/code",
        beside={
            name: ", ".join(f"{one[key]:.3f}" for one in found)
            for name, key in {
                "by the frequencies of coarse codes": "coarse frequencies",
                "the upsampler, told the coarse codes": "told",
                "the upsampler, told none": "untold",
                "the upsampler, told those of other sounds": "mistold",
                "by the frequencies of fine codes": "fine frequencies",
                "fine codes in use (perplexity)": "fine used",
                "coarse codes in use (perplexity)": "coarse used",
                "spectral convergence, fine level": "fine apart",
                "spectral convergence, coarse level": "coarse apart",
                "spectral convergence, fine codes by frequency": "control",
            }.items()
        }
        | {"untrained": ", ".join(f"{key} {one:.3f}" for key, one in untrained.items())},
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=["Untrained codes are hardly used, so that even a prior of nothing is near them."],
    )


def _fine(one: dict[str, float]) -> bool:
    """Whether a model does all that is asked of it."""
    return (
        one["top"] <= one["coarse frequencies"] - AHEAD
        and one["told"] < min(one["untold"], one["mistold"], one["fine frequencies"])
        and min(one[f"{level} used"] for level in LEVELS) > MOST_USED
        and one["fine apart"] < one["coarse apart"] < one["control"]
    )


def _of_codes(folder: Any) -> dict[str, float]:
    """Bits of codes, how many are in use, and how far what they sound like is from test sounds."""
    import cartograd as cg
    from cartograd.generative.autoencoders.codebook import perplexity
    from cartograd.generative.autoencoders.spectra import spectral_convergence

    data = cg.dataset(CODES.split("--data ")[1].split()[0])
    signed: Any = cg.generative_model(folder).model
    model: Any = signed.model.eval()
    heard, seen = ((_all(part) - signed.mean0) / signed.std0 for part in (data.test, data.train))
    found: dict[str, float] = {}
    with torch.no_grad():
        fine, coarse = (level.numbers(heard[:, None]) for level in model.levels)
        for name, level, own in zip(LEVELS, model.levels, (fine, coarse), strict=True):
            size = len(level.book.codes)
            counts = level.numbers(seen[::2, None]).flatten().bincount(minlength=size) + 0.5
            share = counts.double() / counts.sum()
            found[f"{name} frequencies"] = -share.log2()[own].mean().item()
            found[f"{name} used"] = perplexity(own, size)
            found[f"{name} apart"] = (
                spectral_convergence(heard, level.sound(own)[:, 0]).mean().item()
            )
            if name == "fine":
                draw = torch.Generator().manual_seed(0)
                drawn = torch.multinomial(share, own.numel(), replacement=True, generator=draw)
                made = level.sound(drawn.reshape(own.shape))[:, 0]
                found["control"] = spectral_convergence(heard, made).mean().item()
        bits = {
            "top": (model.top.log_prob(coarse), coarse),
            "told": (model.upsampler.log_prob(fine, coarse), fine),
            "untold": (model.upsampler.log_prob(fine), fine),
            "mistold": (model.upsampler.log_prob(fine, coarse.roll(1, 0)), fine),
        }
    nats = {name: -one.sum().item() / number.numel() for name, (one, number) in bits.items()}
    return found | {name: one / math.log(2) for name, one in nats.items()}


def _all(part: Any) -> Tensor:
    """The sounds of a part."""
    return part.select(range(len(part))).inputs[:, 0]
