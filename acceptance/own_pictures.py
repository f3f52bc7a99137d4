"""A row on one's own pictures: a few hundred, in a folder for each class, of 32 by 32 pixels."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from acceptance.session import Outcome, Session, percent

KINDS = ("food-drink", "smileys-emotion")
"""Two groups of emoji that look nothing alike: 288 pictures in all."""

OWN = (
    "cartograd train v-diffusion:width=16 --data folder:pictures,size=32,valid=0.05,test=0.1 "
    "--epochs 300 --set seed=SEED batch_size=32 samples=0"
)
UNTRAINED = re.sub(r"--epochs \d+", "--epochs 1", OWN) + " --optimizer sgd:lr=0"
RULER = "cartograd train lenet5 --data emoji:size=32,target=category --epochs 20 --set seed=100"
"""By whose features drawn pictures are compared with real ones."""
JUDGE = (
    "cartograd train resnet:depth=8 --data emoji:size=32,target=category --epochs 10 --set seed=101"
)
"""Another network, trained apart: whether they are of the class that was asked for."""

COUNT = 500
RIGHT, NEW, STALE = 0.75, 0.7, 1.5
"""Share that is of the class asked for, and how far the nearest picture of the training may be, in
the distance of real ones from each other: less are copies, more is nothing of the kind."""


class Found(NamedTuple):
    """What the judges see in a set of pictures.

    Attributes:
        far: nFID, to all real pictures of the two groups.
        right: how many are of the class that was asked for.
        new: the neighbour ratio to the pictures of the training.
    """

    far: float
    right: float
    new: float


class Reals(NamedTuple):
    """The real pictures of the groups: all, with their classes, and those of the training."""

    x: Float[Tensor, "n c y x"]
    y: Int[Tensor, " n"]
    train: Float[Tensor, "m c y x"]
    train_y: Int[Tensor, " m"]


def own_pictures_32(session: Session, /) -> Outcome:
    """Emoji of 32 by 32 pixels as anybody's pictures in two folders."""
    from cartograd.apps.load.target import as_signed

    _write(session.work / "pictures")
    real = _real(session.work / "pictures")
    made = (session.train(one, 0) for one in (RULER, JUDGE))
    judges = tuple(as_signed(one.folder / "bundle") for one in made)
    runs = [session.train(OWN, seed) for seed in session.seeds]
    found = [seen(judges, _drawn(run.folder), real) for run in runs]
    blind = seen(judges, _drawn(session.train(UNTRAINED, 0).folder), real)
    asked = torch.arange(COUNT) % len(KINDS)
    plain = seen(judges, normals(real.train, real.train_y, asked), real)
    copies = seen(judges, torch.stack([real.train[real.train_y == k][i // len(KINDS) % 90]
                                       for i, k in enumerate(asked)]), real)  # fmt: skip
    return Outcome(
        claim="v-diffusion on a folder of 288 pictures of 32 by 32 pixels",
        command=OWN,
        measured=[round(one.far, 2) for one in found],
        asked=f"for each seed, nearer to real pictures than a normal distribution for each class; "
        f"a judge sees the asked one of two classes in at least {RIGHT:.0%} of {COUNT} pictures; "
        f"the nearest picture of the training {NEW:g} to {STALE:g} times as far as real ones from "
        "each other; an untrained network does not reach it",
        passed=all(reached(one, plain) for one in found) and not reached(blind, plain),
        unit=f"nFID@{COUNT}",
        beside={
            "of the class asked for": ", ".join(f"{percent(one.right):g} %" for one in found),
            "nearest picture of the training": ", ".join(f"{one.new:.2f}" for one in found),
            "a normal distribution for each class": _said(plain),
            "pictures of the training themselves": _said(copies),
            "the untrained network": _said(blind),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            f"Emoji of {' and '.join(KINDS)}, written as PNG files into a folder for each. nFID is "
            "100 times the Fréchet distance of the features of a LeNet-5 by their total variance "
            f"in all of these pictures (`{RULER}`); the judge of classes is another network "
            f"(`{JUDGE}`), asked which of the two it is. Neither has guided anything. The command "
            "is that of the guide to one's own pictures. Thresholds are set beforehand: the "
            "distance by the control, as for digits; the judge's share as for Fashion-MNIST; the "
            "neighbours as the specification of generative models has them.",
        ],
    )


def reached(found: Found, plain: Found, /) -> bool:
    """Whether pictures are near, of their class, and new.

    >>> reached(Found(3.0, 0.9, 0.9), Found(4.0, 0.9, 0.7))
    True
    >>> reached(Found(3.0, 0.9, 0.1), Found(4.0, 0.9, 0.7))
    False
    """
    return found.far < plain.far and found.right >= RIGHT and NEW <= found.new <= STALE


def seen(judges: Sequence[Any], x: Float[Tensor, "n c y x"], real: Reals, /) -> Found:
    """What the judges see in pictures of the classes in turn."""
    from cartograd.apps.verbs.judge import Judge
    from cartograd.data.sources.emoji import CATEGORIES
    from cartograd.practice.metrics.neighbour_ratio import neighbour_ratio
    from cartograd.practice.metrics.normalised_frechet import normalised_frechet

    ruler = Judge(judges[0])
    features = ruler.features(x)
    columns = [CATEGORIES.index(kind) for kind in KINDS]
    classes = Judge(judges[1]).classes(x)[:, columns].argmax(1)
    right = (classes == torch.arange(len(x)) % len(KINDS)).double().mean().item()
    far = normalised_frechet(features, ruler.features(real.x))
    return Found(far, right, neighbour_ratio(features, ruler.features(real.train)))


def normals(
    x: Float[Tensor, "n c y x"], y: Int[Tensor, " n"], asked: Int[Tensor, " m"], /
) -> Float[Tensor, "m c y x"]:
    """Pictures of the normal distribution of all pixels of each class.

    A sum of the centred examples of a class by normal numbers has their covariance, which has more
    entries than anybody wants to look at.
    """
    generator, made = torch.Generator().manual_seed(0), torch.empty(len(asked), *x.shape[1:])
    for number in asked.unique().tolist():
        own, rows = x[y == number].flatten(1).double(), (asked == number).nonzero().flatten()
        weights = torch.randn(len(rows), len(own), generator=generator, dtype=torch.float64)
        drawn = own.mean(0) + weights @ (own - own.mean(0)) / (len(own) - 1) ** 0.5
        made[rows] = drawn.clamp(0, 1).float().unflatten(1, x.shape[1:])
    return made


def _write(folder: Path) -> None:
    """The emoji of the groups as PNG files, in a folder for each."""
    import cartograd as cg
    from cartograd.data.sources.emoji import CATEGORIES

    shutil.rmtree(folder, ignore_errors=True)
    data = cg.dataset("emoji:size=32,target=category")
    for part in (data.train, data.valid, data.test):
        for number, (name, y) in enumerate(zip(part.names, part.targets.tolist(), strict=True)):
            if CATEGORIES[y] not in KINDS:
                continue
            pixels = (255 * part.select([number]).inputs[0]).round().byte().permute(1, 2, 0)
            path = folder / CATEGORIES[y] / f"{re.sub('[^a-z0-9]+', '-', name.lower())}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.numpy()).save(path)


def _real(folder: Path) -> Reals:
    """The pictures as the training reads them."""
    import cartograd as cg

    data = cg.dataset(f"folder:{folder},size=32,valid=0.05,test=0.1")
    parts = [part.select(range(len(part))) for part in (data.train, data.valid, data.test)]
    x, y = torch.cat([one.inputs for one in parts]), torch.cat([one.targets for one in parts])
    return Reals(x, y, parts[0].inputs, parts[0].targets)


def _drawn(folder: Path) -> Float[Tensor, "n c y x"]:
    """Pictures of each class in turn."""
    import cartograd as cg

    return cg.sample(folder, COUNT, sampler="ddim:steps=20")


def _said(one: Found) -> str:
    return f"{one.far:.2f} away, {one.right:.1%} of the class, nearest {one.new:.2f}"
