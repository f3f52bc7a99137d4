"""Row on adversarial training: who still stands under attack, and what that costs."""

from acceptance.session import Outcome, Ran, Session, percent

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


def _standing(session: Session, run: Ran, method: str) -> float:
    """The share that is right under an attack, in percent."""
    command = ATTACK.replace("RUN", str(run.folder)).replace("METHOD", method)
    return percent(session.run(command)[0]["under_attack"]["accuracy"])


def _listed(shares: list[float]) -> str:
    return ", ".join(f"{one:.2f} %" for one in shares)
