"""The row on StyleGAN2: how near it comes to real digits, and what its styles are good for."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from acceptance.gans import JUDGE, _each, _judgement, _of_normals, _untrained
from acceptance.session import Outcome, Ran, Session
from cartograd.practice.metrics.path_length import path_length

COMMAND = (
    "cartograd train stylegan2:width=32,max_width=64,latent=64,depth=2 --data digits --epochs 45 "
    "--set seed=SEED batch_size=32 objective=stylegan2-game:width=32,max_width=64,r1=3"
)
AFTER = 3
"""Seeds 0 to 2 were run with `r1=0.01` and 60 epochs."""

PLAIN = ",path_length=0"
"""What is added to the objective for a twin without the penalty on path lengths."""

NEAR = 1.6
"""Most times as far from real pictures as a normal distribution of each class."""

PAIRS = 1000


def stylegan_digits(session: Session, /) -> Outcome:
    """Digits from styles."""
    judge = session.train(JUDGE.replace("DATA", "digits"), 0)

    def judged(run: Ran) -> dict[str, float]:
        found = session.evaluate(run, f"--judge {judge.folder}")
        return found | {"right": found["accuracy (of the judge)"]}

    runs = [session.train(COMMAND, AFTER + seed) for seed in session.seeds]
    plain = [session.train(COMMAND + PLAIN, AFTER + seed) for seed in session.seeds]
    untrained = session.train(_untrained(COMMAND), 0)
    found, normals = [judged(run) for run in runs], _of_normals(judge.folder, "digits")
    bad = judged(untrained)
    styles = [_Styles(run.folder, judge.folder) for run in runs]
    ways = [one.way() for one in styles]
    straight = [_Styles(run.folder, judge.folder).way() for run in plain]
    mixed = [one.mixed() for one in styles]
    far = [one["frechet"] for one in found]
    return Outcome(
        claim="StyleGAN2 with adaptive augmentation on the embedded digits",
        command=COMMAND,
        measured=[round(one, 1) for one in far],
        asked=f"a Fréchet distance in a judge's features at most {NEAR:g} times that of a normal "
        "distribution of each class, which untrained weights do not reach, and coverage of at "
        "least 0.5; shorter perceptual paths than without the penalty on them; the styles of the "
        "coarse layers change the class that the judge sees more often than those of the fine ones",
        passed=max(far) <= NEAR * normals["frechet"] < bad["frechet"]
        and min(one["coverage"] for one in found) >= 0.5
        and all(a < b for a, b in zip(ways, straight, strict=True))
        and all(coarse > fine for coarse, fine in mixed),
        unit="Fréchet distance",
        beside={
            "a normal distribution of each class": f"{normals['frechet']:.1f}",
            "coverage": _each(found, "coverage"),
            "coverage of a normal distribution of each class": f"{normals['coverage']:.3f}",
            "of the class that was asked for": ", ".join(f"{one['right']:.1%}" for one in found),
            "perceptual path length": _listed(ways),
            "without the penalty on paths": _listed(straight),
            "class changed by another's coarse styles": _shares([one for one, _ in mixed]),
            "and by its fine styles": _shares([one for _, one in mixed]),
            "untrained": _judgement(bad),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=list(NOTES),
    )


NOTES = (
    "Up to 1,000 drawn pictures beside real ones of the test part; the judge is a LeNet-5 "
    f"that guided nothing. Path lengths are of {PAIRS:,} pairs of styles of one class, in "
    "its features. Styles are mixed between pictures of two classes, the first or the last "
    "half of the layers from the other one.",
    "The weight of the penalty on the critic's slope was chosen by seed 100, which is not "
    "counted. By 0.01, 0.3 and 3 the averaged weights came to a distance of 45, 38 and 39 "
    "after 1,200 moves and of 69, 43 and 30 after 1,800: by the weaker ones the game does "
    "not settle. Paths were 378 long after 60 epochs, and 461 after 45 without the penalty "
    "on them.",
    f"Seeds {AFTER} up: by 0.01 and with 60 epochs seeds 0 to 2 came to 43.3, 36.8 and "
    "30.6, and failed by the first of them (when that was set, seed 100 came to 33.6, and "
    "to 37.9 without the penalty on paths). All else is as it was. Now the distances are "
    "below the bound at each seed, and the row fails by the paths of one of the three.",
    "These distances are of the network's own numbers, which `evaluate` looked at then. "
    "Brought to 0 to 1, as a user's pictures are and as it looks at them since, those of "
    "seed 3 are 33 to 40 away (four draws; 23 to 29 as they are), those of seed 4 are 39, those "
    "of seed 5 are 36 and 45 (two draws).",
    "Of clothes of 28 pixels, 96,000 seen in 480 processor seconds, it came by 0.01 to "
    "29.7 where normal distributions are 17.7, and 83 % were of the class that was asked "
    "for.",
)


class _Styles:
    """A run's styles and how its judge sees them."""

    def __init__(self, folder: Path, judge: Path, /) -> None:
        from cartograd.apps.load.target import as_signed
        from cartograd.apps.verbs.judge import Judge

        self.model = as_signed(folder / "bundle").double().eval()
        self.judge = Judge(as_signed(judge / "bundle").double())
        self.inner: Any = self.model.model
        generator = torch.Generator().manual_seed(1)
        shape = (2, PAIRS, self.inner.mapping.mean.numel())
        self.noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        self.classes = torch.arange(PAIRS) % 10

    def way(self) -> float:
        """The length of paths within a class."""
        with torch.no_grad():
            a, b = (self.inner.styles(one, self.classes) for one in self.noise)
            return path_length(lambda w: self.judge.features(self._drawn(w)), a, b)

    def mixed(self) -> tuple[float, float]:
        """How often another class's styles in the coarse, and in the fine layers change the class
        that is seen."""
        with torch.no_grad():
            w = self.inner.styles(self.noise[0], self.classes)
            other = self.inner.styles(self.noise[1], (self.classes + 1 + self.classes // 10) % 10)
            half = w.shape[1] // 2
            before = self._seen(w)
            coarse, fine = (
                torch.cat([one[:, :half], two[:, half:]], dim=1)
                for one, two in ((other, w), (w, other))
            )
            return self._changed(coarse, before), self._changed(fine, before)

    def _changed(self, w: Tensor, before: Tensor) -> float:
        return float((self._seen(w) != before).double().mean())

    def _drawn(self, w: Tensor) -> Tensor:
        from cartograd.apps.verbs.sample import in_units

        return torch.cat(
            [in_units(self.inner.pictures(one, one[:, 0]), self.model.signature.example)
             for one in w.split(256)]
        )  # fmt: skip

    def _seen(self, w: Tensor) -> Tensor:
        return self.judge.classes(self._drawn(w)).argmax(1)


def _listed(values: list[float]) -> str:
    return ", ".join(f"{one:.3g}" for one in values)


def _shares(values: list[float]) -> str:
    return ", ".join(f"{one:.1%}" for one in values)
