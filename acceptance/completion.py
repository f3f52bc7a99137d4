"""The row on ImageGPT: what tokens cost, how halves of pictures are completed, what layers know."""

import math
from pathlib import Path
from typing import Any

from acceptance.generative import UNTRAINED
from acceptance.session import Outcome, Session

DATA = "fashion-mnist:size=14,examples=10000"
COMMAND = (
    f"cartograd train imagegpt:codes=16 --data {DATA} --epochs 1 --set seed=SEED batch_size=16"
)
JUDGE = (
    "cartograd train lenet5 --data fashion-mnist:size=14,examples=20000 --epochs 3 --set seed=100"
)
"""A classifier that nothing here is taught by."""

HALVES, LABELS = 1000, 1000
"""Test pictures that are completed, and labels by which a linear probe is fitted."""

SHRINKAGE = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""What a probe's weights may be held by (scikit-learn's C); the validation part chooses."""

WHOLE = "the whole pictures"
NOTES = [
    f"The upper halves of {HALVES:,} test pictures are completed. Beside the share whose "
    "class the judge sees stand the Fréchet distance to the whole pictures in 84 features "
    "of the judge and the decibels of the lower half: one drawn completion cannot be as "
    "near in decibels as a mean of all, and a nearest neighbour is a real picture's half. "
    "Probes are logistic regressions on a block's mean over places, its shrinkage chosen "
    "on the validation part.",
    "The judge sees the class less often than in what ridge regression and the nearest "
    "training picture complete.",
    "That middle blocks tell classes better than the last one and than pixels, as the "
    "paper found of large networks, is not to be seen of 214,144 numbers: the best middle "
    "block is ahead of the last by 0.2 to 2.2 points, about what 2,000 test pictures can "
    "tell, and behind the pixels.",
]


def imagegpt_fashion(session: Session, /) -> Outcome:
    """Clothes of 14 by 14 pixels in a palette of 16 greys."""
    judge = session.train(JUDGE, 0).folder
    runs = [session.train(COMMAND, seed) for seed in session.seeds]
    few = COMMAND.replace(" --epochs 1", "").replace("10000", "600")
    untrained = session.train(few + UNTRAINED, 0)
    each = [_tokens(run) for run in runs]
    plain = _tokens(untrained)
    measured = [round(one["model"], 3) for one in each]
    seen = [_completed(run.folder, judge) for run in runs]
    blind = _completed(untrained.folder, judge)
    probes = [_probes(run.folder) for run in runs]
    middles = [max(one["blocks"][1:-1]) for one in probes]
    ways = [name for name in seen[0] if name not in ("ImageGPT", WHOLE)]
    return Outcome(
        claim="ImageGPT on Fashion-MNIST of 14 by 14 pixels and 16 greys",
        command=COMMAND,
        measured=measured,
        asked="bits of a token below those of a histogram of each place and of one for all, which "
        "untrained weights do not reach; a judge sees the class of completed pictures more often "
        "than with the mean lower half and with that of untrained weights, and they are nearer to "
        "real ones (Fréchet) than those of ridge regression",
        passed=all(one["model"] < min(one["places"], one["all"]) for one in each)
        and plain["model"] > plain["places"]
        and all(
            one["ImageGPT"]["right"]
            > max(one["the mean lower half"]["right"], blind["ImageGPT"]["right"])
            and one["ImageGPT"]["far"] < one["ridge regression"]["far"]
            for one in seen
        ),
        unit="bits/token",
        beside={
            "a histogram of each place": _each(each, "places", ".3f"),
            "one histogram of all tokens": _each(each, "all", ".3f"),
            "the same, untrained": f"{plain['model']:.3f}",
            "bits per pixel of 256 levels": ", ".join(
                f"{run.metric('bits-per-dim'):.3f}" for run in runs
            ),
            "class seen in completed pictures": _of(seen, "ImageGPT"),
            **{f"... of {name}": _of(seen[:1], name) for name in ways},
            "... of the whole pictures": f"{seen[0][WHOLE]['right']:.1%}",
            "... of untrained weights": _of([blind], "ImageGPT"),
            "linear probe of 1,000 labels, best middle block": ", ".join(
                f"{share:.1%}" for share in middles
            ),
            "... of the last block": ", ".join(f"{one['blocks'][-1]:.1%}" for one in probes),
            "... of each block, seed 0": ", ".join(f"{one:.1%}" for one in probes[0]["blocks"]),
            "... of the pixels themselves": f"{probes[0]['pixels']:.1%}",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=NOTES,
    )


def _each(found: list[dict[str, float]], name: str, form: str) -> str:
    return ", ".join(f"{one[name]:{form}}" for one in found)


def _of(found: list[dict[str, dict[str, float]]], name: str) -> str:
    return ", ".join(
        f"{one[name]['right']:.1%} (Fréchet {one[name]['far']:.0f}, {one[name]['decibels']:.2f} dB)"
        for one in found
    )


def _tokens(run: Any) -> dict[str, float]:
    """Bits of a token: by the model, by a histogram of each place, and by one of all places."""
    import torch

    model, data = _model(run.folder), _data()
    train, test = (model._token(_levels(part.inputs)) for part in (data["train"], data["test"]))
    count = len(model.greys)
    hot = torch.nn.functional.one_hot
    places = torch.stack([hot(part, count).sum(0) for part in train.split(2000)]).sum(0)
    found = {
        "places": _bits(places, test),
        "all": _bits(places.sum(0, keepdim=True).expand_as(places), test),
    }
    spread = model._spread()[test].mean().item() / math.log(2)
    return found | {"model": run.metric("bits-per-dim") - spread}


def _bits(counts: Any, token: Any) -> float:
    """Bits of a token by how often each was seen, one more of each."""
    chances = (counts + 1).double()
    chances = (chances / chances.sum(1, keepdim=True)).log2()
    return -chances.expand(len(token), -1, -1).gather(2, token[:, :, None]).mean().item()


def _completed(folder: Path, judge: Path) -> dict[str, dict[str, float]]:
    """Completed test pictures of each way: the class a judge sees, and how near they are."""
    import torch

    import cartograd as cg
    from acceptance.applications import linear_map, mapped
    from cartograd.apps.load.target import as_signed
    from cartograd.apps.verbs.judge import Judge
    from cartograd.practice.metrics.frechet import frechet
    from cartograd.practice.metrics.psnr import psnr

    data = _data()
    train, whole = data["train"].inputs, data["test"].inputs[:HALVES]
    kinds = data["test"].targets[:HALVES]
    upper, lower = (part.flatten(1) for part in train.chunk(2, dim=2))
    seen = whole.chunk(2, dim=2)[0].flatten(1)
    known = torch.zeros(whole.shape[1:])
    known[:, : known.shape[1] // 2] = 1
    near = torch.cdist(seen, upper).argmin(1)

    def joined(half: Any) -> Any:
        return torch.cat([seen, half.to(seen)], dim=1).reshape(whole.shape).clamp(0, 1)

    ways = {
        "ImageGPT": cg.generative_model(folder).inpaint(whole, known, seed=0),
        "the mean lower half": joined(lower.mean(0).expand(HALVES, -1)),
        "ridge regression": joined(mapped(seen, linear_map(upper, lower))),
        "the nearest training picture": joined(lower[near]),
        WHOLE: whole,
    }
    ruler = Judge(as_signed(judge))
    real = ruler.features(whole)
    return {
        name: {
            "right": (ruler.classes(x).argmax(1) == kinds).double().mean().item(),
            "far": frechet(ruler.features(x), real),
            "decibels": psnr(x[:, :, 7:], whole[:, :, 7:]),
        }
        for name, x in ways.items()
    }


def _probes(folder: Path) -> dict[str, Any]:
    """Shares of test pictures that a linear probe tells by each block's means, and by pixels."""
    import torch

    model, data = _model(folder).eval(), _data()
    parts = {
        "train": data["train"].select(range(LABELS)),
        "valid": data["valid"],
        "test": data["test"].select(range(2000)),
    }
    told: dict[str, list[Any]] = {name: [] for name in parts}
    for name, part in parts.items():
        for x in part.inputs.split(100):
            means: list[Any] = []
            handles = [
                block.register_forward_hook(lambda *given, to=means: to.append(given[-1].mean(1)))
                for block in model.blocks
            ]
            with torch.no_grad():
                model(x)
            for handle in handles:
                handle.remove()
            told[name].append(torch.stack(means))
    kinds = {name: part.targets.numpy() for name, part in parts.items()}
    features = {name: torch.cat(found, dim=1).numpy() for name, found in told.items()}
    blocks = range(len(model.blocks))
    pixels = {name: part.inputs.flatten(1).numpy() for name, part in parts.items()}
    return {
        "blocks": [_probe({name: x[block] for name, x in features.items()}, kinds)
                   for block in blocks],
        "pixels": _probe(pixels, kinds),
    }  # fmt: skip


def _probe(x: dict[str, Any], kinds: dict[str, Any]) -> float:
    """Test accuracy of the logistic regression that the validation part likes best."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = [
        make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000)).fit(
            x["train"], kinds["train"]
        )
        for c in SHRINKAGE
    ]
    best = max(fitted, key=lambda one: one.score(x["valid"], kinds["valid"]))
    return float(best.score(x["test"], kinds["test"]))


def _model(folder: Path) -> Any:
    import cartograd as cg

    return cg.generative_model(folder, device="cpu").inner


def _data() -> dict[str, Any]:
    """The parts, whole."""
    import cartograd as cg

    data = cg.dataset(DATA)
    return {
        name: part.select(range(len(part)))
        for name, part in (("train", data.train), ("valid", data.valid), ("test", data.test))
    }


def _levels(x: Any) -> Any:
    """Pixels as levels from 0 to 255."""
    return (x.flatten(1) * 255).round().long()
