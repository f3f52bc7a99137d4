"""Rows on masks: things pasted on photographs, and coins of a photograph against a threshold."""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from acceptance.session import Outcome, Ran, Session
from cartograd.apps.results.of_pixels import against

CUT_OUTS = (
    "cartograd train unet:width=8 --data cut-outs:size=64,examples=2000,task=segment --epochs 12 "
    "--set seed=SEED batch_size=16 augment=flip,jitter"
)
COINS = (
    "cartograd train unet:width=8 --data coins:tested=COLUMNS --epochs 12 "
    "--set seed=SEED batch_size=16 augment=flip,rotate,jitter"
)
TESTED = ("left", "middle", "right")
AFTER, AGAIN = 3, 6
"""The first seeds: of coins, and of cut-outs."""
LEAST_THINGS, LEAST_COINS = 0.40, 0.935
"""IoU that is asked for, set after seed 100 (0.577 and 0.953)."""
AHEAD = 0.10
"""How far things have to be surely ahead of whatever learned nothing."""

NOTES = {
    "cut-outs": [
        f"Seeds {AGAIN} up: seeds 0 to 2 learned from half as many pictures for 8 epochs, without "
        "jitter, and reached 33.0, 22.7 and 21.6 % (18 asked); of the last the mean IoU of the six "
        "classes, 17.0 %, was not surely above the commonest class's 13.9 %, so the row failed. "
        "Seeds 3 to 5, trained as now, reached 49.2, 48.5 and 60.8 %, and the row failed by its "
        "control: untrained weights, which had to stay below Otsu's threshold (14.3 %), reached "
        "17.6 %. That compared two answers that know nothing: whoever calls most pixels a thing "
        'gets the things\' share of all pixels. So all of them, and "everything is a thing", are '
        "now what the model has to be far above. This was told before seeds 6 to 8 were run.",
        "The threshold was set after seed 100: things against the ground 57.7 %, Otsu's threshold "
        "14.3 %, the mean of six classes 33.5 %. Things that are tested on were cut from other "
        "files than those trained on, and of what kind they are is hard to learn from so few.",
    ],
    "coins": [
        "Thresholds were set after seed 100. There is no mask beside scikit-image's photograph "
        "(nor any of cells in its package): the coins were outlined by ellipses drawn by eye for "
        "this library, which are right to a pixel or two, so the IoU cannot be 100 %.",
        "The photograph is cut between coins; no coin and no ground is in two parts. Otsu's "
        "threshold is of each tile by itself, which is easier for it than one of the whole "
        "photograph.",
        f"Seeds {AFTER} up: seeds 0 to 2 were asked on the right columns alone and reached 93.9, "
        "94.3 and 95.7 %, but eight tiles are too few: only the last was surely above Otsu's 90.8 "
        "%. More training does not help (50 epochs of seed 100: 95.6 %, -0.4 to 10.6 points). Now "
        "left, middle and right columns are tested on in turn, and the 23 tiles are taken "
        "together; 30 are the least for an interval that holds what it states.",
        "Cut by rows instead, with the bright first row for the test and darker ones for training, "
        "seed 100 reached 72.3 % and Otsu's threshold 89.5 %: the network had not seen ground as "
        "bright as coins. The cut was changed after that, and before any counted seed.",
    ],
}


def segment_coins(session: Session, /) -> Outcome:
    """Each pixel of a photograph of coins, by three networks that saw other coins."""
    runs = {seed: _in_turn(session, COINS, AFTER + seed) for seed in session.seeds}
    found = [_pooled(own) for own in runs.values()]
    blind = _pooled(_in_turn(session, _untrained(COINS), 0))
    measured = [one["model"] for one in found]
    return Outcome(
        claim="U-Net on scikit-image's photograph of coins, against Otsu's threshold",
        command=COINS,
        measured=[round(100 * one, 1) for one in measured],
        asked=f"mask IoU at least {LEAST_COINS:.1%} on the whole photograph, and surely above "
        "Otsu's threshold of each tile, by the paired 95 % interval of its tiles; untrained "
        "weights do not reach the threshold",
        passed=all(one["model"] >= LEAST_COINS and one["low"] > 0 for one in found)
        and blind["model"] < blind["otsu"],
        beside={
            "Otsu's threshold of each tile": _share(found[0]["otsu"]),
            "ahead of it by": ", ".join(f"{one['low']:.1%} to {one['high']:.1%}" for one in found),
            "mask IoU of untrained weights": _share(blind["model"]),
            "left, middle, right columns": "; ".join(
                ", ".join(_share(run.metric("mask-iou")) for run in own) for own in runs.values()
            ),
        },
        cpu=[sum(run.cpu for run in own) for own in runs.values()],
        wall=[sum(run.wall for run in own) for own in runs.values()],
        notes=NOTES["coins"],
    )


def _in_turn(session: Session, command: str, seed: int) -> list[Ran]:
    """A network for each two columns of coins, which it did not see."""
    return [session.train(command.replace("COLUMNS", one), seed) for one in TESTED]


def _pooled(runs: list[Ran]) -> dict[str, float]:
    """Mask IoU of the tiles of all runs: of models, of Otsu's threshold, and how far they part."""
    from cartograd.apps.load.source import dataset
    from cartograd.apps.load.target import as_bundle
    from cartograd.practice.metrics import masks
    from cartograd.practice.metrics.mask_iou import whole
    from cartograd.practice.yardsticks.otsu import answers, bright

    ours, light, dark = [], [], []
    for run in runs:
        bundle = as_bundle(run.folder)
        test = dataset(bundle.about["data"]).test
        part = test.select(range(len(test)))
        with torch.inference_mode():
            ours.append(masks.of(bundle.model(part.inputs), part.targets))
        inside = bright(part.inputs)
        light.append(masks.of(answers(inside), part.targets))
        dark.append(masks.of(answers(~inside), part.targets))
    own, *both = (torch.cat(one) for one in (ours, light, dark))
    best = max(both, key=lambda one: float(whole(one.sum(0))))
    beside = against("Otsu's threshold", best, own)
    otsu = beside.metrics["mask-iou"]
    return {"model": float(whole(own.sum(0))), "otsu": otsu, "low": beside.low, "high": beside.high}


def segment_cut_outs(session: Session, /) -> Outcome:
    """Each pixel of five kinds of things pasted on photographs."""
    runs = [session.train(CUT_OUTS, AGAIN + seed) for seed in session.seeds]
    untrained = session.train(_untrained(CUT_OUTS), 0)
    blind = _things(untrained.folder)
    ways = {"untrained weights": blind, **_without_learning(untrained.folder)}
    found = [_things(run.folder) for run in runs]
    measured = [_iou(one) for one in found]
    ahead = {way: [against(way, rows, one) for one in found] for way, rows in ways.items()}
    constants = [_beside(run, 'always "background"') for run in runs]
    return Outcome(
        claim="U-Net on cut-outs pasted on photographs: which pixels are a thing's",
        command=CUT_OUTS,
        measured=[round(100 * one, 1) for one in measured],
        asked=f"IoU of things against the ground at least {LEAST_THINGS:.0%}, and by the paired "
        f"95 % interval of the pictures more than {100 * AHEAD:.0f} points above each of Otsu's "
        "threshold, untrained weights, and everything called a thing; the mean IoU of the six "
        "classes surely above that of the commonest class, which untrained weights do not reach",
        passed=min(measured) >= LEAST_THINGS
        and min(one.low for each in ahead.values() for one in each) > AHEAD
        and all(one["is"] == "better" for one in constants)
        and untrained.metric("mask-iou") < constants[0]["metrics"]["mask-iou"],
        beside={
            **{f"{way}, things against the ground": _share(_iou(one)) for way, one in ways.items()},
            **{
                f"ahead of {way} by": ", ".join(f"{one.low:.1%} to {one.high:.1%}" for one in each)
                for way, each in ahead.items()
            },
            "mean IoU of six classes": ", ".join(_share(run.metric("mask-iou")) for run in runs),
            "... of the commonest class alone": _share(constants[0]["metrics"]["mask-iou"]),
            "... untrained": _share(untrained.metric("mask-iou")),
            "share of right pixels": ", ".join(_share(run.metric("accuracy")) for run in runs),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=NOTES["cut-outs"],
    )


def _untrained(command: str) -> str:
    return re.sub(r"--epochs \d+", "--epochs 1", command) + " --optimizer sgd:lr=0"


def _share(one: float) -> str:
    return f"{one:.1%}"


def _beside(run: Ran, name: str) -> dict[str, Any]:
    """What a run says of one that it was compared with."""
    return next(one for one in run.said["baselines"] if one["name"] == name)


def _things(folder: Path) -> Tensor:
    """Of each picture that is tested on how many pixels are rightly told to be a thing's, and so.

    They are the counts of `mask-iou:average=binary`, as one class: whatever is no background.
    """
    from cartograd.apps.load.target import as_bundle

    inputs, true = _tested(folder)
    model = as_bundle(folder).model
    with torch.inference_mode():
        said = torch.cat([model(x).argmax(1) > 0 for x in inputs.split(64)])
    return _counts(said, true)


def _without_learning(folder: Path) -> dict[str, Tensor]:
    """The same of the better side of Otsu's threshold, and of everything called a thing."""
    from cartograd.practice.yardsticks.otsu import bright

    inputs, true = _tested(folder)
    inside = bright(inputs)
    sides = [_counts(one, true) for one in (inside, ~inside)]
    everything = _counts(torch.ones_like(true), true)
    return {"Otsu's threshold": max(sides, key=_iou), "everything a thing": everything}


def _tested(folder: Path) -> tuple[Tensor, Tensor]:
    """The pictures that are tested on, and where there is a thing."""
    from cartograd.apps.load.source import dataset
    from cartograd.apps.load.target import as_bundle

    test = dataset(as_bundle(folder).about["data"]).test
    part = test.select(range(len(test)))
    return part.inputs, part.targets > 0


def _counts(said: Tensor, true: Tensor) -> Tensor:
    """Pixels right, answered and true of each picture, `n 3`."""
    return torch.stack([one.flatten(1).sum(1) for one in (said & true, said, true)], 1).double()


def _iou(counts: Tensor) -> float:
    from cartograd.practice.metrics.mask_iou import whole

    return float(whole(counts.sum(0)))
