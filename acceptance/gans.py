"""Rows on generators that a critic taught: all modes of a grid, pictures of the asked class."""

import re
from pathlib import Path

from acceptance.session import Outcome, Session, percent
from cartograd.practice.metrics.mode_coverage import Modes, modes

GRID = (
    "cartograd train gan:latent=2,classes=none --data gaussian-grid:examples=96000 --epochs 20 "
    "--optimizer adam:lr=1e-3,betas=[0.5,0.9] --set seed=SEED objective=wgan-gp:weight=0.1 "
    "batch_size=128 schedule=linear:start=1,end=0 monitor=valid/mode-coverage"
)
"""3,000 moves of the generator and five times as many of the critic."""
MODES, QUALITY, UNEVEN, POINTS = 23, 0.5, 0.1, 10_000
"""Fewest clouds of 25 that are met, least share of points on them, most nats from even shares."""


def wgan_gp_grid(session: Session, /) -> Outcome:
    """25 narrow clouds, none of which may be left out."""

    def found(folder: Path) -> Modes:
        import cartograd as cg

        return modes(cg.sample(folder, POINTS, seed=1))

    runs = [session.train(GRID, seed) for seed in session.seeds]
    each = [found(run.folder) for run in runs]
    untrained = found(session.train(_untrained(GRID), 0).folder)
    return Outcome(
        claim="WGAN-GP on a grid of 25 clouds",
        command=GRID,
        measured=[percent(one.high_quality) for one in each],
        asked=f"of {POINTS:,} drawn points at least {QUALITY:.0%} within three deviations of a "
        f"cloud's middle, {MODES} of 25 clouds met, at most {UNEVEN:g} nats from even shares "
        "among them, which untrained weights do not reach",
        passed=all(_whole(one) for one in each) and not _whole(untrained),
        beside={
            "clouds met": ", ".join(f"{one.count}" for one in each),
            "nats from even shares": ", ".join(f"{one.kl:.3f}" for one in each),
            "untrained": _told(untrained),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            "A cloud is met by one of a thousand points. The weights are the averaged ones of the "
            "epoch with the best mode coverage (share of points on clouds times e^-nats) on the "
            "validation part's noise; the critic's estimate of the distance does not tell it, nor "
            "does a Fréchet distance of the two numbers, which is that of their means and spreads."
        ],
    )


def _whole(one: Modes) -> bool:
    return one.count >= MODES and one.high_quality >= QUALITY and one.kl < UNEVEN


def _told(one: Modes) -> str:
    return f"{one.count} clouds, {one.high_quality:.1%} of the points, {one.kl:.3f} nats"


def _untrained(command: str) -> str:
    """The same without learning."""
    return re.sub(
        r"--optimizer \S+", "--optimizer sgd:lr=0", re.sub(r"--epochs \d+", "--epochs 1", command)
    )
