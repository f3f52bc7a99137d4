"""Row on attacks one by one: each finds what its kind can find, and none more than it may ask."""

from collections.abc import Iterator
from typing import Any

from acceptance.session import Outcome, Ran, Session, percent

MODEL = (
    "cartograd train lenet5:activation=relu --data fashion-mnist:examples=10000 --epochs 5 "
    "--set seed=SEED batch_size=64"
)
DENSE = MODEL.replace("lenet5:activation=relu", "mlp:widths=[256]")
OTHERS = ((MODEL, 50), (MODEL, 60), (MODEL, 70), (DENSE, 50))
"""The networks that changes are made for together, to be tried on this one: what is added to its
seed."""
AFTER = 6
"""The first seed, as those before it were looked at."""
NEAR = ("fgsm", "pgd:steps=20", "apgd:steps=50", "fab:steps=50")
ASKING, ALIKE, MOVED = "square:queries=500", "universal", "mi-fgsm:steps=4"
SHORT = ("pgd:steps=40", "cw:searches=4,restarts=3", "ddn")
DECIDING = "hop-skip-jump"
EPS, SIZES = 0.05, (0.5, 1.0, 1.5, 3.0)
SLACK, ASKED, MOST, GAP, NEARER, ALL = 1.0, 500, 1000, 15.0, 10.0, 2.0
"""Points by which an attack may be worse than one that it should be no worse than; questions that
Square and HopSkipJump may ask of an example; points that changes for another model cost more than
random ones, and that they are above those for this one; percent that stand where all fell."""

TOLD = (
    "Order, slack, both gaps and the half size are those of the specification, which measured 30.0 "
    "% by gradients, 46.0 by 500 questions, 58.6 by changes for another network and 87.0 by random "
    "ones, of networks of its own. By 100 pictures of seed 100, which is not counted: 42 % by "
    "FGSM, 36 by PGD, 35 by APGD and by FAB, 43 by Square, 79 by one change for all, 84 by random "
    "ones, 86 without any; by whole changes PGD 55, 31, 15 and 0, C&W 54, 29, 13 and 0, DDN 53, "
    "26, 10 and 0, HopSkipJump 70, 57, 41 and 17 after 848 questions.",
    "Seeds 3 to 5 after that: of seeds 0 to 2 the row failed by one clause. Changes for one other "
    "LeNet-5 left 66.4, 71.9 and 66.0 %, which is 18, 13 and 21 points less than random ones. "
    "Since then they are made for several networks together (`--from` more than once), the mean of "
    "whose logits they mislead. By 1000 pictures of seed 100: 84.0 % by random ones, 70.0, 69.8 "
    "and 73.4 by changes for one other LeNet-5, 67.0 for these three, 65.6 for them and a dense "
    "network. What is said to help one network did little here, and less for several: pictures "
    "resized by chance at each step (2 points less at best, 3 more where by much), the mean "
    "gradient nearby (1 to 2), some adversarial training of the other network (1).",
    f"Seeds {AFTER} up: of seeds 3 to 5 the row failed by two clauses. One change for all left "
    "83.0, 85.5 and 79.5 %, random ones 87.0, 85.0 and 86.0; and C&W left more than PGD, by 3 "
    "points of seed 4 at size 1 and by 2 of seed 5 at size 0.5. Since then the change for all "
    "follows the cross-entropy that its paper has, then a smooth share of what is misled (by 200 "
    "pictures of seeds 100 and 101: 78 and 76 % in place of 82.5 and 79), and C&W ends with "
    "searches from points beside the picture: four and three of these in place of six.",
)

Curves = dict[str, Any]


def attacks_fashion(session: Session, /) -> Outcome:
    """Clothes under each attack."""
    seeds = [AFTER + seed for seed in session.seeds]
    runs = [session.train(MODEL, seed) for seed in seeds]
    fresh = session.train(MODEL.replace("--epochs", "--optimizer sgd:lr=0 --epochs"), 0)
    near = [_curves(session, run, (*NEAR, ASKING, ALIKE), f"--eps {EPS}", 200) for run in runs]
    moved = [
        _curves(session, run, (MOVED,), f"--eps {EPS} {_from(session, seed)}", 1000)
        for run, seed in zip(runs, seeds, strict=True)
    ]
    sizes = " ".join(f"--eps {size:g}" for size in SIZES)
    short = [_curves(session, run, (*SHORT, DECIDING), f"--norm l2 {sizes}", 100) for run in runs]
    untrained = _curves(session, fresh, ("fgsm",), f"--eps {EPS}", 200)
    both = list(zip(near, short, moved, strict=True))
    return Outcome(
        claim="Attacks on a LeNet-5 of 10,000 pictures of Fashion-MNIST: right answers under the "
        f"strongest of six at {EPS:g}",
        command=f"{MODEL}\n$ {_asking('RUN', (*NEAR, ASKING, ALIKE), f'--eps {EPS}', 200)}\n$ "
        + _asking("RUN", (MOVED,), f"--eps {EPS} --from OTHER --from ANOTHER", 1000),
        measured=[percent(one["together"][0]["accuracy"]) for one in near],
        asked="of 200 pictures, and of 100 by whole changes (l2) of "
        f"{', '.join(f'{size:g}' for size in SIZES)}: PGD leaves no more than FGSM, APGD no more "
        "than PGD, FAB no more than FGSM, C&W no more than PGD, DDN no more than C&W, each within "
        f"{SLACK:g} point; half of all fall to C&W at half the size at which PGD leaves {ALL:g} %; "
        f"Square asks {ASKED} times at most and HopSkipJump {MOST}, neither finds more than "
        "gradients do, and both more than chance; one change for all costs more than a random one "
        f"and less than PGD; changes for {len(OTHERS)} other networks together, by momentum, cost "
        f"{GAP:g} points more than random ones and leave {NEARER:g} more than PGD; no sign of "
        "masked gradients; an untrained network has less to lose than that",
        passed=all(all(_kept(*one)) for one in both)
        and percent(untrained["clean"]["accuracy"]) <= min(_clean(one) for one in near) / 2,
        beside={
            **{
                name: _listed(_left(one, name) for one in near)
                for name in (*NEAR, ASKING, ALIKE, "random")
            },
            f"by changes for {len(OTHERS)} others": _listed(_left(one, MOVED) for one in moved),
            "without any": _listed(_clean(one) for one in near),
            **{
                f"{name}, by size": "; ".join(_listed(_all(one, name)) for one in short)
                for name in (*SHORT, DECIDING)
            },
            "questions of Square; of HopSkipJump": "; ".join(
                ", ".join(f"{one['passes'][name]:.0f}" for one in found)
                for name, found in ((ASKING, near), (DECIDING, short))
            ),
            "untrained, without any": f"{percent(untrained['clean']['accuracy']):.2f} %",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=list(TOLD),
    )


def _kept(near: Curves, short: Curves, moved: Curves) -> Iterator[bool]:
    """Each clause of one seed, whether it is kept."""
    left = {name: _left(near, name) for name in near["curves"]}
    fgsm, pgd, apgd, fab = (left[name] for name in NEAR)
    yield pgd <= fgsm + SLACK
    yield apgd <= pgd + SLACK
    yield fab <= fgsm + SLACK
    best = min(fgsm, pgd, apgd, fab)
    yield best <= left[ASKING] + SLACK
    yield left[ASKING] <= left["random"] - GAP
    yield pgd < left[ALIKE] < left["random"] < _clean(near) + SLACK
    longer, cw, ddn = (_all(short, name) for name in SHORT)
    yield all(one <= other + SLACK for one, other in zip(cw, longer, strict=True))
    yield all(one <= other + SLACK for one, other in zip(ddn, cw, strict=True))
    decided, chance = _all(short, DECIDING), _all(short, "random")
    yield all(one <= other + SLACK for one, other in zip(ddn, decided, strict=True))
    yield all(one < other for one, other in zip(decided, chance, strict=True))
    fallen = [size for size, one in zip(SIZES, longer, strict=True) if one <= ALL]
    half = [one for size, one in zip(SIZES, cw, strict=True) if fallen and 2 * size <= fallen[0]]
    yield bool(half) and half[-1] <= _clean(short) / 2
    yield near["passes"][ASKING] <= ASKED + 1
    yield short["passes"][DECIDING] <= MOST
    yield _left(moved, "random") - _left(moved, MOVED) >= GAP
    yield _left(moved, MOVED) - pgd >= NEARER
    yield all(one["passed"] for one in near["checks"])


def _from(session: Session, seed: int) -> str:
    """Options that name the other networks."""
    others = [session.train(model, more + seed).folder for model, more in OTHERS]
    return " ".join(f"--from {folder}" for folder in others)


def _curves(
    session: Session, run: Ran, methods: tuple[str, ...], how: str, examples: int
) -> Curves:
    return session.run(f"{_asking(str(run.folder), methods, how, examples)} --json")[0]


def _asking(run: str, methods: tuple[str, ...], how: str, examples: int) -> str:
    named = " ".join(f"--method {name}" for name in methods)
    return f"cartograd attack {run} {named} {how} --examples {examples}"


def _left(found: Curves, name: str) -> float:
    return _all(found, name)[0]


def _all(found: Curves, name: str) -> list[float]:
    """What an attack leaves right at each size, in percent."""
    return [percent(one["accuracy"]) for one in found["curves"][name]]


def _clean(found: Curves) -> float:
    return percent(found["clean"]["accuracy"])


def _listed(shares: Any) -> str:
    return ", ".join(f"{one:.2f} %" for one in shares)
