"""The row on two domains without pairs: clothes and negatives of other clothes."""

import re
from pathlib import Path
from typing import Any

from acceptance.session import Outcome, Session

AFTER = 6
"""Seeds 0 to 5 were run with smaller patches and a heavier cycle."""

COUNT = 6000
"""Pictures of each domain."""

LEAST, APART = 18.0, 0.05
"""Decibels of made pictures beside the right ones, which no training saw; and the most that what
comes back differs by, on average, of numbers from 0 to 1."""

COMMAND = (
    "cartograd train cyclegan:width=16,blocks=1 --data folder:PICTURES --epochs 6 "
    "--optimizer adam:lr=1e-3,betas=[0.5,0.999] --set seed=SEED batch_size=8 "
    "objective=cyclegan-game:width=16,identity=0,cycle=10,patch_size=34 "
    "schedule=linear:start=1,end=0"
)


def negatives(session: Session, /) -> Outcome:
    """CycleGAN finds what ties the domains, of which it is shown no pair."""
    pictures = session.work / "pictures"
    _write(pictures)
    command = COMMAND.replace("PICTURES", str(pictures))
    runs = [session.train(command, AFTER + seed) for seed in session.seeds]
    found = [_looked(run.folder) for run in runs]
    short = re.sub(r"--epochs .* --set", "--epochs 1 --optimizer sgd:lr=0 --set", command)
    untrained = _looked(session.train(short, 0).folder)
    measured = [round(one["there"], 2) for one in found]
    plain = _controls()
    return Outcome(
        claim="CycleGAN on clothes and negatives of other clothes",
        command=COMMAND,
        measured=measured,
        asked=f"test pictures at least {LEAST:g} dB near to their own negatives, which neither the "
        "mean picture nor untrained weights reach, and there and back again a mean distance below "
        f"{APART:g}",
        passed=min(measured) >= LEAST > max(*plain.values(), untrained["there"])
        and max(one["cycle"] for one in found) < APART,
        unit="dB",
        beside={
            "and back, from negatives": ", ".join(f"{one['back']:.2f}" for one in found),
            "mean distance, there and back": ", ".join(f"{one['cycle']:.3f}" for one in found),
            "untrained": f"{untrained['there']:.2f}, distance {untrained['cycle']:.3f}",
            **{name: f"{one:.2f}" for name, one in plain.items()},
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            f"One domain is the first {COUNT:,} training pictures of Fashion-MNIST, the other the "
            f"negatives of {COUNT:,} from number 30,000 on: no picture has its counterpart there.",
            "Of the identity term the paper says that it keeps colours; here it holds back what "
            "is to be found (5.2 dB after an epoch at the paper's rate), so it is left out.",
            f"Seeds {AFTER} up: with patches of 16, a cycle of weight 20, two blocks seeds 0 to 2 "
            "came to 16.76, 20.77 and 20.90 dB after six epochs and seeds 3 to 5 to 20.98, 9.07 "
            "and 21.74 dB after nine, and failed by one of them each time. The seed of 9.07 dB "
            "settled on another way between the domains, from which pictures come back as well "
            "(0.054) and which makes no negatives: at that weight of the cycle the two generators "
            "agree on a code of their own before the critics have said anything, and critics of "
            "patches of 16 let it pass.",
            "That is seen within 300 moves, by small generators (a width of 8, batches of 4) and "
            "seeds that are not counted. Seed 101 is 6.6 dB near to the negatives by patches of 34 "
            "and a weight of 20, 5.6 dB by patches of 16 and a weight of 10, and 14.8 dB by "
            "patches of 34 and a weight of 10; seeds 100 and 102 are 14.9 and 15.3 dB by these. "
            "With all else as here seed 101 came to 20.96 dB and to 0.047 there and back after "
            "five epochs; the sixth is for room below the bound.",
            "What the paper offers against such ways is in this: least squares, 50 former pictures "
            "for the critics, mirrored edges, a rate that falls at the end; its batch of 1, its "
            "patches of 70 and its identity term are not.",
        ],
    )


def _write(folder: Path) -> None:
    """The two domains as folders of PNG files."""
    from PIL import Image

    import cartograd as cg

    train = cg.dataset("fashion-mnist").train
    for name, first in (("clothes", 0), ("negatives", 30_000)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        x = train.select(range(first, first + COUNT)).inputs
        x = (255 * (1 - x if first else x)).round().byte()[:, 0].numpy()
        for number, one in enumerate(x):
            Image.fromarray(one).save(folder / name / f"{number:05}.png")


def _test() -> Any:
    import cartograd as cg

    return cg.dataset("fashion-mnist").test.select(range(2000)).inputs


def _looked(folder: Path) -> dict[str, float]:
    """Decibels of both ways, and how far pictures come back from where they began."""
    import torch

    from cartograd.apps.load.target import as_signed
    from cartograd.practice.metrics.psnr import psnr

    model = as_signed(folder).eval()
    x = _test()
    with torch.inference_mode():
        mean, std = model.output_mean, model.output_std

        def recast(pictures: Any, *, backwards: bool) -> Any:
            told = model.model.translate((pictures - mean) / std, backwards=backwards)
            return told * std + mean

        there = torch.cat([recast(one, backwards=False) for one in x.split(200)])
        again = torch.cat([recast(one, backwards=True) for one in there.split(200)])
        back = torch.cat([recast(1 - one, backwards=True) for one in x.split(200)])
    return {
        "there": psnr(there, 1 - x),
        "back": psnr(back, x),
        "cycle": (again - x).abs().mean().item(),
    }


def _controls() -> dict[str, float]:
    """The picture itself, and the mean of the other domain."""
    import cartograd as cg
    from cartograd.practice.metrics.psnr import psnr

    x = _test()
    train = cg.dataset("fashion-mnist").train.select(range(10_000)).inputs
    mean = (1 - train.mean(0)).expand(x.shape)
    return {"the picture itself": psnr(x, 1 - x), "the mean negative": psnr(mean, 1 - x)}
