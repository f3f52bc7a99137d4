"""Rows on pictures restored by networks, beside interpolation and a linear map."""

from pathlib import Path
from typing import Any

from acceptance.session import Outcome, Session

SHARPER, FILLED_BETTER = 0.8, 0.45
"""Decibels above the linear map: of whole pictures from half the size, and of the hole alone."""

SHARP_ENOUGH = 21.0
"""Decibels that are asked of them in any case."""

SHARP = (
    "cartograd train espcn:width=32 --data fashion-mnist --epochs 2 --optimizer adam:lr=3e-3 "
    "--set seed=SEED schedule=cosine batch_size=32"
)
FILLED = (
    "cartograd train context-encoder:width=16 --data fashion-mnist --epochs 2 "
    "--optimizer adam:lr=4e-3 --set seed=SEED schedule=cosine batch_size=64"
)

GAME = "objective=pix2pix-game:width=16"
ALONE = "objective=restore:loss=absolute-error"
SKETCHED = (
    "cartograd train pix2pix:width=16 --data fashion-mnist:examples=20000 --epochs 2 "
    "--optimizer adam:lr=1e-3,betas=[0.5,0.999] --set seed=SEED batch_size=32 " + GAME
)
COLOURED, RECOGNISED = 1.0, 0.75
"""Decibels above the linear map of a sketch, and the share whose class a judge still sees."""

FITTED = 10_000
"""Training pictures by which a linear map is fitted."""


def super_resolution(session: Session, /) -> Outcome:
    """Clothes of 14 by 14 pixels brought to 28 by 28."""
    runs = [session.train(SHARP, seed) for seed in session.seeds]
    measured = [round(run.metric("psnr"), 2) for run in runs]
    untrained = session.train(_untrained(SHARP), 0).metric("psnr")
    plain = _plain("smaller:scale=2")
    ridge = _ridge_of_patches()
    return Outcome(
        claim="ESPCN on Fashion-MNIST of half the size",
        command=SHARP,
        measured=measured,
        asked=f"at least {SHARP_ENOUGH:g} dB, and {SHARPER:g} dB better than a linear map of 5 by "
        "5 pixels, which is better than cubic interpolation and than untrained weights",
        passed=min(measured) >= max(SHARP_ENOUGH, ridge + SHARPER)
        and ridge > max(plain, untrained),
        unit="dB",
        beside={
            "cubic interpolation": f"{plain:.2f}",
            "ridge regression on 5 by 5 pixels": f"{ridge:.2f}",
            "the same, untrained": f"{untrained:.2f}",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


def inpainting(session: Session, /) -> Outcome:
    """Clothes with a hole of 14 by 14 pixels in the middle."""
    runs = [session.train(FILLED, seed) for seed in session.seeds]
    looked = [_in_hole(run.folder) for run in runs]
    measured = [round(one["psnr"], 2) for one in looked]
    plain = session.train(_untrained(FILLED), 0)
    untrained = _in_hole(plain.folder)["psnr"]
    mean, ridge = _mean_and_ridge_of_hole()
    return Outcome(
        claim="Context encoder on Fashion-MNIST with a hole",
        command=FILLED,
        measured=measured,
        asked=f"in the hole at least {FILLED_BETTER:g} dB better than a linear map of all known "
        "pixels, which is better than the mean picture and than untrained weights; known pixels "
        "bit-equal",
        passed=min(measured) >= ridge + FILLED_BETTER
        and ridge > max(mean, untrained)
        and all(one["kept"] for one in looked),
        unit="dB",
        beside={
            "the mean training picture": f"{mean:.2f}",
            "ridge regression on known pixels": f"{ridge:.2f}",
            "the same, untrained": f"{untrained:.2f}",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


def sketches(session: Session, /) -> Outcome:
    """Clothes of their outlines, with a critic and without."""
    import cartograd as cg
    from cartograd.apps.verbs.judge import Judge
    from cartograd.apps.verbs.judges import judges_of

    judges = judges_of(cg.dataset("fashion-mnist"))
    _, test = _parts("edges", 1)
    kinds = cg.dataset("fashion-mnist").test.targets

    def looked(run: Any) -> dict[str, float]:
        found = _found(run.folder, test)
        right = (Judge(judges.classes).classes(found).argmax(1) == kinds).float().mean().item()
        return {
            "psnr": _psnr(found, test.targets),
            "accuracy": right,
            "distance": _distance(judges.features, found, test.targets),
        }

    runs = [session.train(SKETCHED, seed) for seed in session.seeds]
    with_critic = [looked(run) for run in runs]
    without = looked(session.train(SKETCHED.replace(GAME, ALONE), session.seeds[0]))
    measured = [round(one["psnr"], 2) for one in with_critic]
    mean, ridge = _mean_and_ridge_of_sketches()
    seen = min(one["accuracy"] for one in with_critic)
    far = max(one["distance"] for one in with_critic)
    return Outcome(
        claim="pix2pix on the outlines of Fashion-MNIST",
        command=SKETCHED,
        measured=measured,
        asked=f"at least {COLOURED:g} dB better than a linear map of all pixels of the sketch, a "
        f"judge sees the class of {RECOGNISED:.0%}, and nearer to real pictures (Fréchet) than the "
        "same network without the critic",
        passed=min(measured) >= ridge + COLOURED
        and seen >= RECOGNISED
        and far < without["distance"],
        unit="dB",
        beside={
            "the mean training picture": f"{mean:.2f}",
            "ridge regression on the sketch": f"{ridge:.2f}",
            "without the critic (one seed)": f"{without['psnr']:.2f}",
            "class seen by a judge, worst seed": f"{seen:.1%}",
            "the same without the critic": f"{without['accuracy']:.1%}",
            "Fréchet distance in 84 features of another judge, worst seed": f"{far:.1f}",
            "the same, without the critic": f"{without['distance']:.1f}",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


def _distance(judge: Any, found: Any, whole: Any) -> float:
    """How far made pictures are from real ones."""
    from cartograd.apps.verbs.judge import Judge
    from cartograd.practice.metrics.frechet import frechet

    ruler = Judge(judge)
    return frechet(ruler.features(found), ruler.features(whole))


def _mean_and_ridge_of_sketches() -> tuple[float, float]:
    """Whole pictures by the mean training picture, and by a linear map of the sketch."""
    train, test = _parts("edges")
    weight = linear_map(train.inputs.flatten(1), train.targets.flatten(1))
    found = mapped(test.inputs.flatten(1), weight).clamp(0, 1).reshape(test.targets.shape)
    mean = train.targets.mean(0).expand(test.targets.shape)
    return _psnr(mean, test.targets), _psnr(found, test.targets)


def _found(folder: Path, test: Any) -> Any:
    """What a run makes of test pictures."""
    import torch

    from cartograd.apps.load.target import as_signed

    model = as_signed(folder).eval()
    with torch.inference_mode():
        return torch.cat([model(x) for x in test.inputs.split(500)])


def _untrained(command: str) -> str:
    """The same training of one epoch in which no weight moves."""
    model = command.partition(" --epochs")[0]
    return f"{model} --epochs 1 --optimizer sgd:lr=0 --set seed=SEED"


def _parts(degradation: str, count: int = FITTED) -> tuple[Any, Any]:
    """So many training pictures and all test pictures, degraded and whole."""
    import cartograd as cg
    from cartograd.data.dataset.degraded import degraded

    data = degraded(cg.dataset("fashion-mnist"), degradation)
    return data.train.select(range(count)), data.test.select(range(len(data.test)))


def _psnr(found: Any, whole: Any) -> float:
    from cartograd.practice.metrics.psnr import psnr

    return psnr(found, whole)


def _plain(degradation: str) -> float:
    """What is reached without learning."""
    from cartograd.core.build import build

    train, test = _parts(degradation)
    way = build(degradation, kind="degradation")
    return _psnr(way.guess(test.inputs, train.targets.mean(0)), test.targets)


def linear_map(x: Any, y: Any) -> Any:
    """The linear map with a shift, fitted with a little shrinkage."""
    import torch

    x = torch.cat([x, x.new_ones(len(x), 1)], dim=1).double()
    square = x.T @ x + 1e-3 * len(x) * torch.eye(x.shape[1], dtype=torch.float64)
    return torch.linalg.solve(square, x.T @ y.double())


def mapped(x: Any, weight: Any) -> Any:
    import torch

    return torch.cat([x, x.new_ones(len(x), 1)], dim=1).double() @ weight


def _ridge_of_patches() -> float:
    """The four pixels in the place of one, by a linear map of the 5 by 5 around it."""
    from torch.nn import functional as F

    train, test = _parts("smaller:scale=2", 2000)

    def patches(x: Any) -> Any:
        return F.unfold(F.pad(x, (2, 2, 2, 2), "replicate"), 5).transpose(1, 2).flatten(0, 1)

    squares = F.pixel_unshuffle(train.targets, 2).flatten(2).transpose(1, 2).flatten(0, 1)
    found = mapped(patches(test.inputs), linear_map(patches(train.inputs), squares))
    squares = found.reshape(len(test), 196, 4).transpose(1, 2).reshape(-1, 4, 14, 14)
    return _psnr(F.pixel_shuffle(squares, 2).clamp(0, 1), test.targets)


def _mean_and_ridge_of_hole() -> tuple[float, float]:
    """The hole by the mean training picture, and by a linear map of all that is known."""
    from cartograd.data.degradation.hole import Hole

    train, test = _parts("hole:size=14")
    inside = Hole(size=14).inside(test.inputs)
    holes = train.targets[..., inside].flatten(1)
    whole = test.targets[..., inside].reshape(-1, 1, 14, 14)
    weight = linear_map(train.inputs[..., ~inside].flatten(1), holes)
    found = mapped(test.inputs[..., ~inside].flatten(1), weight).clamp(0, 1)
    mean = holes.mean(0).reshape(1, 1, 14, 14).expand_as(whole)
    return _psnr(mean, whole), _psnr(found.reshape(whole.shape), whole)


def _in_hole(folder: Path) -> dict[str, float]:
    """Decibels of the hole alone, and whether all else is kept bit for bit."""
    import torch

    from cartograd.data.degradation.hole import Hole

    _, test = _parts("hole:size=14", 1)
    found = _found(folder, test)
    inside = Hole(size=14).inside(found)
    cut = [one[..., inside].reshape(-1, 1, 14, 14) for one in (found, test.targets)]
    kept = torch.equal(found[..., ~inside], test.targets[..., ~inside])
    return {"psnr": _psnr(*cut), "kept": float(kept)}
