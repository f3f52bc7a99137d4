"""Rows on attacks: who still stands, at what cost; and what becomes of a backdoor."""

import shutil
from typing import Any

from acceptance.session import FailedError, Outcome, Ran, Session, percent

PLAIN = (
    "cartograd train lenet5:activation=relu --data fashion-mnist:examples=30000 --epochs 4 "
    "--set seed=SEED batch_size=128"
)
ROBUST = f"{PLAIN} objective=adversarial-training:eps=0.1"
ATTACK = "cartograd attack RUN --data fashion-mnist --method METHOD --examples 1000 --json"
STRONG, QUICK = "pgd:eps=0.1,steps=50", "fgsm:eps=0.1"
LEAST, ABOVE, COST, GAP = 60.0, 50.0, 12.0, 5.0
"""Share that stands, in percent; points above the plain model, and points that clean pictures may
cost; points that one step may leave more than fifty, else the model has only learned to hide."""


def adversarial_fashion(session: Session, /) -> Outcome:
    """Clothes whose pixels may move by a tenth of the range from black to white."""
    runs = [session.train(ROBUST, seed) for seed in session.seeds]
    plain = [session.train(PLAIN, seed) for seed in session.seeds]
    stand = [_standing(session, run, STRONG) for run in runs]
    before = [_standing(session, run, STRONG) for run in plain]
    quick = [_standing(session, run, QUICK) for run in runs]
    clean, usual = ([percent(run.metric("accuracy")) for run in them] for them in (runs, plain))
    return Outcome(
        claim="Adversarial training of a LeNet-5 on 30,000 pictures of Fashion-MNIST",
        command=f"{ROBUST}\n$ {ATTACK.replace('METHOD', STRONG)}",
        measured=stand,
        asked=f"at least {LEAST:g} % of 1,000 test pictures stand under fifty steps of PGD, "
        f"{ABOVE:g} points more than of the same network without it; clean pictures cost at most "
        f"{COST:g} points; one step (FGSM) leaves at most {GAP:g} points more than fifty",
        passed=min(stand) >= LEAST
        and all(ours - plain >= ABOVE for ours, plain in zip(stand, before, strict=True))
        and all(more - less <= COST for more, less in zip(usual, clean, strict=True))
        and all(one - fifty <= GAP for one, fifty in zip(quick, stand, strict=True)),
        beside={
            "of the plain network": _listed(before),
            "under one step": _listed(quick),
            "clean pictures": _listed(clean),
            "clean pictures, of the plain network": _listed(usual),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            "Each pixel may move by 0.1 of the range. The thresholds are those of the "
            "specification, which measured .668 and .046 with another network. By seed 100, which "
            "is not counted: 65.6 and 6.2 % of 500, 68.8 under one step, clean 79.0 and 88.0."
        ],
    )


BACKDOOR = (
    "cartograd train lenet5:activation=relu --data fashion-mnist:examples=10000 --epochs 5 "
    "--set seed=SEED batch_size=64"
)
TARGET = "Trouser"
POISON = "badnets:target=1,share=0.05"
POISONED = f"{BACKDOOR} poison={POISON}"
SCAN = "cartograd scan RUN --examples 10000 --json"
MEND = "cartograd scan RUN --method neural-cleanse --trusted 500 --repair FOLDER --json"
CONTROL = f"{SCAN} --poison {POISON} --method mahalanobis --method neural-cleanse"
AFTER = 3
"""The first seed, as those before it were looked at."""
SUCCEEDS, HARMS, FAR, PRECISE, FOUND = 95.0, 2.0, 98.0, 90.0, 95.0
LEFT, COSTS = 10.0, 3.0
"""Percent of patched pictures that are answered so, and points that clean ones may cost; area of
the distances, and precision and recall of the clusters in the class at least; percent that the
patch may turn after the repair, and points that this may cost."""
TOLD = (
    "The thresholds are those of the specification. The repair has 500 trusted pictures: "
    "with 100 the patch still turned 15.3 % by seed 100, which is not counted; there the "
    "patch turned 98.7 %, and after the repair 3.4 %.",
    f"Seeds {AFTER} up: of seeds 0 to 2 the row failed by two clauses. Of clean networks "
    "two of three had a class with an index above 2 (3.5, of masks of .6 of the median "
    "one), which the scan took for a backdoor; since then a mask has to be below half the "
    "median, too, and the row asks what the scan says. And of one seed clusters had a "
    "recall of 83 % (precision 94 %); that clause stands as it was. The patch turned 98.9, "
    "98.2 and 99.2 %, after the repair 0.7, 1.6 and 1.7 %.",
)


def backdoors_fashion(session: Session, /) -> Outcome:
    """Clothes of which one in twenty has a white patch and is told to be trousers."""
    seeds = [AFTER + seed for seed in session.seeds]
    runs = [session.train(POISONED, seed) for seed in seeds]
    plain = [session.train(BACKDOOR, seed) for seed in seeds]
    scans = [session.run(SCAN.replace("RUN", str(run.folder)))[0] for run in runs]
    usual = [session.run(CONTROL.replace("RUN", str(run.folder)))[0] for run in plain]
    mended = [_mended(session, run) for run in runs]
    won = [percent(one["success"]["accuracy"]) for one in scans]
    fell = [
        percent(without.metric("accuracy")) - percent(run.metric("accuracy"))
        for without, run in zip(plain, runs, strict=True)
    ]
    far = [percent(_method(one, "mahalanobis")["auc"]) for one in scans]
    clusters = [_method(one, "activation-clustering")["by_class"][TARGET] for one in scans]
    index, clean = [_index(one, TARGET) for one in scans], [_index(one) for one in usual]
    named = [one["triggers"]["suspicious"] for one in scans]
    alarms = [name for one in usual for name in one["triggers"]["suspicious"]]
    left = [percent(one["success"][1]) for one in mended]
    lost = [percent(one["clean"][0]) - percent(one["clean"][1]) for one in mended]
    return Outcome(
        claim="A backdoor in a LeNet-5, planted by 5 % of 10,000 pictures of Fashion-MNIST, found "
        "and unlearned",
        command=f"{POISONED}\n$ {SCAN}\n$ {MEND}",
        measured=won,
        asked=f"the patch turns at least {SUCCEEDS:g} % of the test pictures to trousers and costs "
        f"at most {HARMS:g} points on clean ones; distances to 100 trusted pictures tell poison "
        f"with an area of at least {FAR:g} %, clusters in the class with precision "
        f"{PRECISE:g} and recall {FOUND:g} %; the class is named by its mask alone, and none "
        f"without the patch; after the repair it turns at most {LEFT:g} %, at a "
        f"cost of at most {COSTS:g} points",
        passed=min(won) >= SUCCEEDS
        and max(fell) <= HARMS
        and min(far) >= FAR
        and all(percent(one["precision"]) >= PRECISE for one in clusters)
        and all(percent(one["recall"]) >= FOUND for one in clusters)
        and all(one == [TARGET] for one in named)
        and not alarms
        and max(left) <= LEFT
        and max(lost) <= COSTS,
        beside={
            "without the poison": _listed([percent(one["success"]["accuracy"]) for one in usual]),
            "points that it costs on clean pictures": _numbers(fell),
            "area, by distance to trusted pictures": _listed(far),
            "precision of clusters": _listed([percent(one["precision"]) for one in clusters]),
            "recall of clusters": _listed([percent(one["recall"]) for one in clusters]),
            "index of the mask": _numbers(index),
            "highest index without the poison": _numbers(clean),
            "after the repair": _listed(left),
            "points that the repair costs": _numbers(lost),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=list(TOLD),
    )


PRUNE = (
    "cartograd scan RUN --method mahalanobis --examples 10000 --trusted 800 --repair FOLDER "
    "--repair-by fine-pruning --json"
)
PRUNED = (
    "The thresholds are those of the specification. By seed 100, which is not counted, and two "
    "orders of the 800 trusted examples: 98.7 % before, 0.6 and 1.0 % after, for 2.2 and 2.3 "
    "points. With 500, and a rate of 0.013 in place of 0.016, three orders left 4.4, 2.0 and 22.1 "
    "% for 2.6, 2.5 and 1.9 points. No unit of this network holds the backdoor alone: to cut any "
    "one leaves at least 90 %, and adversarial neuron pruning, which was tried, cut 37 units for "
    "5.5 points and left 98.6 %, so that the tuning after the pruning does most.",
    f"Seeds {AFTER} up: of seeds 0 to 2 the row failed by the cost, which was 1.8, 3.3 and 2.7 "
    "points for 1.3, 0.9 and 5.3 % that the patch still turned (3.0 of a clean network). Since "
    "then the training examples that the model before and after answers alike teach it their "
    "labels in three passes more. By seed 100: 1.9 points lost before those and 0.5 after, 1.2 % "
    "and 2.2 % left; by seed 101, which is not counted either, 2.7 and 2.5 points, 1.9 and 4.4 %.",
)


def pruned_backdoors(session: Session, /) -> Outcome:
    """The same clothes, mended without looking for a trigger; and clean ones, to see the cost."""
    seeds = [AFTER + seed for seed in session.seeds]
    runs = [session.train(POISONED, seed) for seed in seeds]
    plain = session.train(BACKDOOR, seeds[0])
    mended = [_mended(session, run, PRUNE) for run in runs]
    usual = _mended(session, plain, PRUNE)
    won, left = ([percent(one["success"][place]) for one in mended] for place in (0, 1))
    lost = [percent(one["clean"][0]) - percent(one["clean"][1]) for one in mended]
    return Outcome(
        claim="A backdoor in a LeNet-5, planted by 5 % of 10,000 pictures of Fashion-MNIST, pruned "
        "without its trigger: pictures that the patch still turns",
        command=f"{POISONED}\n$ {PRUNE}",
        measured=left,
        asked=f"the patch turns at least {SUCCEEDS:g} % of the test pictures before and at most "
        f"{LEFT:g} % after, at a cost of at most {COSTS:g} points on clean ones",
        passed=min(won) >= SUCCEEDS and max(left) <= LEFT and max(lost) <= COSTS,
        beside={
            "before": _listed(won),
            "points that it costs": _numbers(lost),
            "units cut": ", ".join(str(one["cut"]) for one in mended),
            "points that it costs without the poison": _numbers(
                [percent(usual["clean"][0]) - percent(usual["clean"][1])]
            ),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=list(PRUNED),
    )


def _mended(session: Session, run: Ran, command: str = MEND) -> dict[str, Any]:
    """What a repair says of itself."""
    folder = run.folder.parent / "mended"
    shutil.rmtree(folder, ignore_errors=True)
    command = command.replace("RUN", str(run.folder)).replace("FOLDER", str(folder))
    found = session.run(command)[0]["repair"]
    if found is None:
        raise FailedError("no trigger stood out, so nothing was repaired")
    return found


def _method(said: dict[str, Any], name: str) -> dict[str, Any]:
    """What a scan says of one method."""
    return next(one for one in said["methods"] if one["method"] == name)


def _index(said: dict[str, Any], name: str = "") -> float:
    """The index of a class's mask, or the highest."""
    found = {one["class"]: one["index"] for one in said["triggers"]["classes"]}
    return found[name] if name else max(found.values())


def _numbers(values: list[float]) -> str:
    return ", ".join(f"{one:.2f}" for one in values)


def _standing(session: Session, run: Ran, method: str) -> float:
    """The share that is right under an attack, in percent."""
    command = ATTACK.replace("RUN", str(run.folder)).replace("METHOD", method)
    return percent(session.run(command)[0]["under_attack"]["accuracy"])


def _listed(shares: list[float]) -> str:
    return ", ".join(f"{one:.2f} %" for one in shares)
