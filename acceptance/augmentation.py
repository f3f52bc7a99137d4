"""A row on drawn examples: what a classifier gains by them beside what else few examples allow."""

from acceptance.images import FEW
from acceptance.session import Outcome, Session, percent

ARTIST = "cartograd train v-diffusion:width=16 --data digits:valid=0.7 --epochs 120 --set seed=SEED"
REAL = FEW.replace("--epochs 40", "--epochs 100") + " batch_size=32"
CHANGES = "augment=affine:degrees=10,translate=0.1,scale=[0.85,1.15],shear=8"
DRAWN = REAL.replace("--epochs 100", "--epochs 10") + " drawn=ARTIST,per_class=200"
"""2,197 examples a tenth as often: as many steps (690 beside 700)."""

ENOUGH = 1.0
"""Points above plain augmentation that are called a gain."""


def augmentation_by_samples(session: Session, /) -> Outcome:
    """LeNet-5 on 197 digits, on these changed a little, and on these with 2,000 drawn ones."""
    artists = [session.train(ARTIST, seed) for seed in session.seeds]
    drawn = [
        session.train(DRAWN.replace("ARTIST", str(one.folder)), seed)
        for one, seed in zip(artists, session.seeds, strict=True)
    ]
    both = [
        session.train(DRAWN.replace("ARTIST", str(one.folder)) + f" {CHANGES}", seed)
        for one, seed in zip(artists, session.seeds, strict=True)
    ]
    alone, changed = (
        [percent(session.train(command, seed).metric("accuracy")) for seed in session.seeds]
        for command in (REAL, f"{REAL} {CHANGES}")
    )
    measured, together = ([percent(x.metric("accuracy")) for x in runs] for runs in (drawn, both))
    return Outcome(
        claim="A classifier learns from 197 digits and 2,000 that a diffusion model of these drew",
        command=f"{ARTIST} --folder ARTIST\n$ {DRAWN}",
        measured=measured,
        asked="on average more than on the 197 alone in as many steps; beside plain augmentation, "
        f"a gain of at least {ENOUGH:g} point, or this page says that there is none",
        passed=_mean(measured) > _mean(alone),
        beside={
            "the 197 alone": _listed(alone),
            "with plain augmentation": _listed(changed),
            "with drawn ones and plain augmentation": _listed(together),
            "drawn ones, above the 197 alone": f"{_mean(measured) - _mean(alone):+.2f} points",
            "drawn ones, above plain augmentation": _gain(measured, changed),
            "both, above plain augmentation": _gain(together, changed),
        },
        cpu=[one.cpu + run.cpu for one, run in zip(artists, drawn, strict=True)],
        wall=[one.wall + run.wall for one, run in zip(artists, drawn, strict=True)],
        notes=[
            "The diffusion model has seen no other digits than the 197; 1,241 others choose the "
            "best epoch of every training. CPU time is that of both models.",
        ],
    )


def _gain(measured: list[float], beside: list[float]) -> str:
    points = _mean(measured) - _mean(beside)
    return f"{points:+.2f} points: {'a gain' if points >= ENOUGH else 'no gain'}"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _listed(values: list[float]) -> str:
    return ", ".join(f"{one:.2f} %" for one in values)
