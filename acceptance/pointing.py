"""Row on explanations of pictures: do they look at the picture that they speak of?"""

import math
from typing import Any

from PIL import Image

from acceptance.session import Outcome, Ran, Session, percent

MODEL = (
    "cartograd train resnet:depth=8 --data fashion-mnist:examples=8000 --epochs 3 "
    "--set seed=SEED batch_size=64"
)
UNTAUGHT = f"{MODEL} poison=label-flip:share=0.9"
UNTRAINED = MODEL.replace("--epochs 3", "--epochs 1 --optimizer sgd:lr=0")
MAP = "grad-cam"
SLOPES = ("saliency", "input-x-gradient", "guided-backprop", "integrated_gradients:steps=8")
JUDGE = "cartograd explain RUN SOURCES --judge METHODS --json"
PICTURES, LEAST, CHANCE, SLACK, TAUGHT = 64, 38.0, 25.0, 2.0, 15.0
"""Test pictures that are judged; percent of a map in the right cell at least, and by chance,
within points; points more than of a network whose labels were drawn."""

NOTE = (
    "The grid pointing game, in mosaics of two by two of the pictures that the network is surest "
    "of: the share of what speaks for a class that lies in its cell. Threshold and order are those "
    "of the specification, which measured 48.8 % by Grad-CAM, 33.6 and less by gradients and 25.0 "
    "by random numbers, of a network of its own. By seed 100, which is not counted, and 200 "
    "pictures: 68.0 % by Grad-CAM, 35.7 guided, 34.7 integrated gradients (32 steps), 30.2 input x "
    "gradient, 28.0 saliency, 59.9 occlusion, 25.0 random numbers and edges; 38.4 by Grad-CAM of a "
    "network whose labels were drawn: it looks at something, too, and the points between them were "
    "set then. An untrained network answers with two classes, of which no mosaic can be made."
)


def pointing_fashion(session: Session, /) -> Outcome:
    """Mosaics of clothes: maps of trained networks, and of networks that know nothing."""
    sources = _pictures(session)
    runs = [session.train(MODEL, seed) for seed in session.seeds]
    found = [_judged(session, run, sources, (MAP, *SLOPES)) for run in runs]
    untaught, fresh = (
        _judged(session, session.train(command, session.seeds[0]), sources, (MAP,))
        for command in (UNTAUGHT, UNTRAINED)
    )
    shares = {
        name: [_shares(one, name) for one in found] for name in (MAP, *SLOPES, "edges", "random")
    }
    others = [
        max(one) for one in zip(*(shares[name] for name in shares if name != MAP), strict=True)
    ]
    none = _shares(untaught, MAP)
    return Outcome(
        claim="Grad-CAM of a ResNet-8 on 8,000 pictures of Fashion-MNIST: share of it in the right "
        "one of four pictures",
        command=f"{MODEL}\n$ {_asking('RUN', 'PICTURES', (MAP, *SLOPES))}",
        measured=shares[MAP],
        asked=f"at least {LEAST:g} %, and more than of any map by gradients of the input, of edges "
        f"and of random numbers, which have a quarter within {SLACK:g} points; {TAUGHT:g} points "
        "more than of a network whose labels were drawn",
        passed=min(shares[MAP]) >= LEAST
        and all(own > other for own, other in zip(shares[MAP], others, strict=True))
        and all(abs(one - CHANCE) <= SLACK for one in shares["random"])
        and min(shares[MAP]) - none >= TAUGHT,
        beside={
            **{name: _listed(each) for name, each in shares.items() if name != MAP},
            "labels drawn": _listed([none]),
            "untrained": "; ".join(fresh["notes"]) or _listed([_shares(fresh, MAP)]),
            "right answers": _listed([percent(run.metric("accuracy")) for run in runs]),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[NOTE],
    )


def _judged(session: Session, run: Ran, sources: str, methods: tuple[str, ...]) -> dict[str, Any]:
    return session.run(_asking(str(run.folder), sources, methods))[0]


def _asking(run: str, sources: str, methods: tuple[str, ...]) -> str:
    named = " ".join(f"--method {name}" for name in methods)
    return JUDGE.replace("RUN", run).replace("SOURCES", sources).replace("METHODS", named)


def _shares(found: dict[str, Any], name: str) -> float:
    """Percent of what a method says for a cell's class that lie in it; nan without mosaics."""
    told = found["figures"][name].get("localisation", {"value": math.nan})
    return percent(told["value"])


def _pictures(session: Session) -> str:
    """The first test pictures as PNG files."""
    import cartograd as cg

    data: Any = cg.dataset("fashion-mnist")
    folder = session.work / "pictures"
    folder.mkdir(exist_ok=True)
    names = [f"{number:03}.png" for number in range(PICTURES)]
    for name, picture in zip(names, data.test.inputs[:PICTURES], strict=True):
        Image.fromarray((255 * picture[0]).round().byte().numpy()).save(folder / name)
    return " ".join(f"pictures/{name}" for name in names)


def _listed(shares: list[float]) -> str:
    return ", ".join(f"{one:.2f} %" for one in shares)
