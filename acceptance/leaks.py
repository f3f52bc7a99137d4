"""Row on attacks on privacy: what a training gives away, and what is left of that with noise."""

from collections.abc import Iterable, Iterator
from typing import Any

from acceptance.privacy import PRIVATE
from acceptance.session import Outcome, Ran, Session, percent

OPEN = (
    "cartograd train mlp:widths=[128] --data fashion-mnist:examples=1000,valid=0.1 --epochs 60 "
    "--set seed=SEED batch_size=50 monitor=train/loss"
)
MARKED = f"{OPEN} canaries=400"
AUDITED = f"{PRIVATE} canaries=1000"
FEW = (
    "cartograd train mlp:widths=[64],activation=tanh --data fashion-mnist:examples=330,valid=0.1 "
    "--epochs 40 --set seed=SEED batch_size=30"
)
KEPT = FEW.replace(
    "--epochs 40 --set seed=SEED batch_size=30",
    "--epochs 10 --set seed=SEED batch_size=60 privacy=dp-sgd:epsilon=1,delta=1e-3",
)
ATTACKS = {
    "loss": (OPEN, "membership"),
    "lira": (OPEN, "lira"),
    "members": (AUDITED, "membership"),
    "hidden": (AUDITED, "canaries"),
    "canaries": (MARKED, "canaries --epsilon 1"),
    "made": (FEW, "model-inversion"),
    "less": (KEPT, "model-inversion"),
    "back": (FEW, "gradient-inversion"),
}
"""Which training is attacked how."""

Found = dict[str, list[dict[str, Any]]]

LOOK = "cartograd leak RUN --examples 900 --json --method METHOD"
AREA, TIMES, KNOWN, AT_MOST, HIDDEN, CLEAR = 0.60, 2.0, 0.95, 0.58, 0.68, 25.0
"""Area by the loss of an open training; hits of LiRA at 1 % in multiples of the loss's; area of
canaries in an open training; areas of members and of canaries that a private one may leave;
decibels at which half of the pictures come back from a gradient."""

AFTER = 3
"""The first seed: the row was asked before (see `AGAIN`)."""

AGAIN = (
    f"Seeds {AFTER} up: of seeds 0 to 2 the row failed by one clause and one seed, whose pictures "
    "came back from gradients at 24.1 dB (27.8 and 104.7 of the others). The attack searched from "
    "two starts near the middle of the range; it has since begun where the gradients of a first "
    "dense layer say, which needs no search (Geiping and others, Proposition 3.1): by seed 100 "
    "pictures come back to the last digit (200 dB). All other clauses stood: 19.8, 20.8 and 18.9 % "
    "by LiRA, 1.2 to 1.4 by the loss, areas .630 to .635; canaries .989 to 1.000 with eps >= 3.22; "
    "of private trainings members .494 to .500 and canaries .495 to .526; 100 and 30 to 50 % of "
    "pictures recognised; 3.8 and 3.9 dB after noise."
)


def leaks_fashion(session: Session, /) -> Outcome:
    """Clothes: who was in a training, and what is left of them in the weights."""
    seeds = [AFTER + seed for seed in session.seeds]
    runs = [session.train(OPEN, seed) for seed in seeds]
    found = {
        name: [_leak(session, session.train(command, seed), method) for seed in seeds]
        for name, (command, method) in ATTACKS.items()
    }
    untrained = OPEN.replace("--epochs 60", "--epochs 1 --optimizer sgd:lr=0")
    found["untrained"] = [_leak(session, session.train(untrained, seeds[0]), "membership")]
    return Outcome(
        claim="Members found at 1 % false alarms, of a network that knows 900 pictures of "
        "Fashion-MNIST by heart",
        command=f"{OPEN}\n$ {LOOK.replace('METHOD', 'lira')}",
        measured=_hits(found["lira"]),
        asked=f"LiRA finds at least {TIMES:g} times as many as the loss, whose area is at least "
        f"{AREA:g} (untrained it is that of chance); canaries of an open training have an area of "
        f"at least {KNOWN:g} and refute eps = 1; of a private one members have at most "
        f"{AT_MOST:g}, canaries {HIDDEN:g}, and the audited eps stays under the account; pictures "
        "of classes of 30 examples are recognised above chance, and less of a private model; half "
        f"of the pictures come back from gradients at {CLEAR:g} dB, none after noise",
        passed=all(_kept(found)),
        beside=_beside(found),
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            "The thresholds are those of the specification. By seed 100, which is not counted: 2.1 "
            "and 20.1 % found at 1 % alarms by the loss and LiRA, areas .635 and .790; canaries "
            ".997 with eps >= 3.86, of the private training .484 and members .484; 40 and 12 of 40 "
            "pictures recognised; 200 dB from a gradient and 3.8 after noise. Private training "
            "bounds what is told of one example: of classes of many examples inversion shows what "
            "these share, private or not.",
            AGAIN,
        ],
    )


def _kept(found: Found) -> Iterator[bool]:
    """Each threshold, whether it is kept."""
    pairs = zip(_hits(found["lira"]), _hits(found["loss"]), strict=True)
    yield all(ours >= TIMES * max(theirs, 1.0) for ours, theirs in pairs)
    yield min(one["auc"] for one in found["loss"]) >= AREA
    yield all(one["interval"][0] <= 0.5 <= one["interval"][1] for one in found["untrained"])
    yield all(one["auc"] >= KNOWN and one["epsilon_at_least"] > 1 for one in found["canaries"])
    yield all(one["auc"] <= AT_MOST for one in found["members"])
    yield all(one["auc"] <= HIDDEN for one in found["hidden"])
    yield all(
        one["epsilon_at_least"] <= one["declared"] for one in (*found["members"], *found["hidden"])
    )
    yield all(one["leaks"] for one in found["made"])
    both = zip(found["made"], found["less"], strict=True)
    yield all(open_one["recognised"] > private["recognised"] for open_one, private in both)
    yield all(_middle(one["psnr"]) >= CLEAR > max(one["psnr_after_noise"]) for one in found["back"])


def _beside(found: Found) -> dict[str, str]:
    """What else was measured, in words."""
    rarer = [percent(one["hits"]["0.001"]["share"]) for one in found["lira"]]
    recognised = [
        _listed(f"{100 * one['recognised']:.0f} %" for one in found[name])
        for name in ("made", "less")
    ]
    clear = [
        _listed(f"{_middle(one[key]):.1f} dB" for one in found["back"])
        for key in ("psnr", "psnr_after_noise")
    ]
    areas = [_areas(found[name]) for name in ("loss", "lira", "untrained")]
    private = [_areas(found["members"]), _areas(found["hidden"]), _bounds(found["hidden"])]
    return {
        "found by the loss at 1 % alarms": _listed(f"{x:.1f} %" for x in _hits(found["loss"])),
        "found by LiRA at 0.1 % alarms": _listed(f"{x:.1f} %" for x in rarer),
        "area by the loss; by LiRA; untrained": "; ".join(areas),
        "area of canaries; eps at least": f"{_areas(found['canaries'])}; "
        f"{_bounds(found['canaries'])}",
        "of a private training (eps <= 2.2): members; canaries; eps at least": "; ".join(private),
        "classes recognised: open; private (eps = 1)": "; ".join(recognised),
        "from a gradient; after noise": "; ".join(clear),
    }


def _hits(found: list[dict[str, Any]]) -> list[float]:
    """Members found at 1 % alarms, in percent."""
    return [percent(one["hits"]["0.01"]["share"]) for one in found]


def _leak(session: Session, run: Ran, method: str) -> dict[str, Any]:
    """What an attack on a run found."""
    command = LOOK.replace("RUN", str(run.folder)).replace("METHOD", method)
    return session.run(command)[0]


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _areas(found: list[dict[str, Any]]) -> str:
    return _listed(f"{one['auc']:.3f}" for one in found)


def _bounds(found: list[dict[str, Any]]) -> str:
    return _listed(f"{one['epsilon_at_least']:.2f}" for one in found)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
