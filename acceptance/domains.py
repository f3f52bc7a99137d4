"""The row on two domains without pairs: clothes and negatives of other clothes."""

import re
from pathlib import Path
from typing import Any

from acceptance.session import Outcome, Session

AFTER = 3
"""Seeds 0 to 2 were run with six epochs."""

COUNT = 6000
"""Pictures of each domain."""

LEAST, APART = 18.0, 0.05
"""Decibels of made pictures beside the right ones, which no training saw; and the most that what
comes back differs by, on average, of numbers from 0 to 1."""

COMMAND = (
    "cartograd train cyclegan:width=16,blocks=2 --data folder:PICTURES --epochs 9 "
    "--optimizer adam:lr=1e-3,betas=[0.5,0.999] --set seed=SEED batch_size=8 "
    "objective=cyclegan-game:width=16,identity=0,cycle=20 schedule=linear:start=1,end=0"
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
            "is to be found (5.2 dB after an epoch at the paper's rate), so it is left out. Rate, "
            "weight and epochs were chosen by seed 100, which is not counted: 19.7 dB and 0.051 "
            "after 4 epochs at a weight of 10, 20.7 dB and 0.047 after 5 at 20.",
            f"Seeds {AFTER} up: with six epochs seeds 0 to 2 came to 16.76, 20.77 and 20.90 dB and "
            "failed by the first of them (0.046, 0.045 and 0.045 there and back, in 305 to 345 "
            "processor seconds). All else is as it was.",
            "What the paper offers against it is in this: least squares, 50 former pictures for "
            "the critics, mirrored edges, a rate that falls at the end; its batch of 1 and its "
            "identity term are not. A seed may still settle on another way between the domains, "
            "from which pictures come back as well (0.054) and which makes no negatives (9.07 dB, "
            "where the mean negative has 10.66): at this weight of the cycle the two generators "
            "agree on a code of their own before the critics have said anything, and critics of "
            "patches of 16 let it pass.",
            "That is seen within 300 moves, by small generators (a width of 8, batches of 4) and "
            "seeds that are not counted. Seed 101 is 6.6 dB near to the negatives by patches of 34 "
            "and a weight of 20, 5.6 dB by patches of 16 and a weight of 10, and 14.8 dB by "
            "patches of 34 and a weight of 10; seeds 100 and 102 are 14.9 and 15.3 dB by these. "
            "With a width of 16, one block and batches of 8 seed 101 came to 17.2, 19.3 and 20.2 "
            "dB and to 0.084, 0.061 and 0.054 there and back after 300, 900 and 1,500 moves, a "
            "rate that fell to 0 with the last, in 150 processor seconds: longer ones may reach "
            "the bound on the way back. No counted seed was asked by them.",
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
