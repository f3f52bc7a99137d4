"""Row on federated training: clients alike, clients with other classes, and one that lies."""

from acceptance.session import Outcome, Session, percent

CENTRAL = (
    "cartograd train mlp:widths=[64] --data fashion-mnist:examples=10000 --epochs 20 "
    "--optimizer sgd:lr=0.1 --set seed=SEED batch_size=32 schedule=constant"
)
ALIKE = (
    "cartograd train mlp:widths=[64] --data fashion-mnist:examples=10000 --epochs 20 "
    "--set seed=SEED batch_size=32 federated=fedavg:clients=10"
)
UNLIKE = f"{ALIKE},alpha=0.1"
PROX = UNLIKE.replace("fedavg:", "fedprox:proximal_weight=0.01,")
SCAFFOLD = UNLIKE.replace("fedavg:", "scaffold:lr=0.05,")
TURNED = f"{ALIKE},flipped=1"
MEDIAN = f"{TURNED},aggregate=median"
KRUM = f"{TURNED},aggregate=krum,faulty=1".replace(
    "--epochs 20", "--epochs 80 --optimizer sgd:lr=0.3"
)
AFTER = 3
"""The first seed: the row was asked before (see `AGAIN`)."""
BEHIND, COST, BELOW, BROKEN, STANDS = 2.0, 1.0, 1.0, 20.0, 3.0
"""Points that ten clients may be behind one place, that other classes cost at least, that FedProx
and SCAFFOLD may be below averaging, that a turned client costs a mean at least, and a median or
Krum at most."""

AGAIN = (
    f"Seeds {AFTER} up: of seeds 0 to 2 the row failed by one clause. SCAFFOLD took the steps of "
    "averaging, .1, and was 1.6 points above it and 2.0 and 2.3 below. Its corrections are means "
    "over a whole round that is past, which at long steps are stale: at .2 it falls apart. So its "
    "rate is chosen as that of averaging is, by the same four. By seeds 100 and 101, which are not "
    "counted, averaging came to 74.4 and 75.0 % by steps of .02, 77.9 and 78.1 by .05, 80.6 and "
    "80.4 by .1, 78.4 and 79.8 by .2; SCAFFOLD to 80.8 and 80.6, 81.6 and 80.3, 80.3 and 80.2, "
    "56.9 and 61.2. At these rates it was 0.5 points below averaging by seed 102 and 0.5 above by "
    "seed 103; after 60 rounds of .05 82.4 and 83.7 against 81.6 and 81.3. All other clauses "
    "stood: 83.7 to 84.1 %, at one place 84.3 to 85.0; other classes 76.9 to 80.5, FedProx 76.6 to "
    "80.3; one client turned round 11.6 to 20.4, by the median 82.9 to 83.2, by Krum 81.3 to 82.1."
)


def federated_fashion(session: Session, /) -> Outcome:
    """Clothes by ten clients who keep their pictures."""

    seeds = [AFTER + seed for seed in session.seeds]

    def right(command: str) -> list[float]:
        return [percent(session.train(command, seed).metric("accuracy")) for seed in seeds]

    runs = [session.train(ALIKE, seed) for seed in seeds]
    alike, central, unlike = right(ALIKE), right(CENTRAL), right(UNLIKE)
    corrected = {"FedProx": right(PROX), "SCAFFOLD": right(SCAFFOLD)}
    robust = {"the median": right(MEDIAN), "Krum": right(KRUM)}
    turned = right(TURNED)
    untrained = percent(session.train(f"{ALIKE},lr=0", seeds[0]).metric("accuracy"))

    def above(ours: list[float], theirs: list[float], points: float) -> bool:
        return all(one - other >= points for one, other in zip(ours, theirs, strict=True))

    return Outcome(
        claim="Federated averaging of 10 clients with 10,000 pictures of Fashion-MNIST together",
        command=ALIKE,
        measured=alike,
        asked=f"at most {BEHIND:g} points behind the same epochs at one place; clients with other "
        f"classes (alpha=0.1) cost {COST:g} point or more, and FedProx and SCAFFOLD are at most "
        f"{BELOW:g} point below averaging there; one client of ten that sends its update turned "
        f"round, ten times as large, costs the mean {BROKEN:g} points or more, the median and Krum "
        f"at most {STANDS:g}; untrained weights are far from that",
        passed=above(alike, central, -BEHIND)
        and above(alike, unlike, COST)
        and all(above(one, unlike, -BELOW) for one in corrected.values())
        and above(alike, turned, BROKEN)
        and all(above(one, alike, -STANDS) for one in robust.values())
        and untrained <= min(alike) - BROKEN,
        beside={
            "at one place": _listed(central),
            "clients with other classes": _listed(unlike),
            **{f"the same by {name}": _listed(one) for name, one in corrected.items()},
            "one client turned round, the mean": _listed(turned),
            **{f"one client turned round, {name}": _listed(one) for name, one in robust.items()},
            "the same, untrained": f"{untrained:.2f} %",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            AGAIN,
            "The margins are those of the specification, but for the point that other classes "
            "have to cost. A client that only turns its sign costs a mean of ten a fifth of its "
            "speed, so here it sends ten times as much. Krum takes one client's update a round, "
            "which is a tenth of what the others learn of, so it has 80 rounds and steps of .3. "
            "By seed 100, which is not counted: 84.32, at one place 84.39, other classes 80.58, "
            "FedProx there 80.05 (79.32 by a weight of .1), SCAFFOLD 80.18; one client turned "
            "round 16.68, by the median 83.53, by Krum 82.14 (20 rounds of whole steps: 78.59, 30 "
            "of .3: 81.32).",
        ],
    )


def _listed(found: list[float]) -> str:
    return ", ".join(f"{one:.2f} %" for one in found)
