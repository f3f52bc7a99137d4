"""Row on private training: what noise and clipping cost, at a privacy that is told."""

from acceptance.session import Outcome, Session, percent
from cartograd.engine.files.bundle import load

PRIVATE = (
    "cartograd train mlp:widths=[128] --data fashion-mnist:examples=20000 --epochs 15 "
    "--optimizer sgd:lr=1 --set seed=SEED batch_size=900 schedule=constant "
    "privacy=dp-sgd:noise=2,delta=1e-5"
)
CLIPPED = PRIVATE.replace("noise=2", "noise=0")
OPEN = PRIVATE.replace(" privacy=dp-sgd:noise=2,delta=1e-5", "").replace("lr=1", "lr=0.1")
LEAST, MOST_EPS, COST = 77.0, 2.2, 3.0
"""Accuracy in percent, eps at delta 1e-5, and points that the noise may cost."""


def private_fashion(session: Session, /) -> Outcome:
    """Clothes by a network whose weights tell little of any one training picture."""
    runs = [session.train(PRIVATE, seed) for seed in session.seeds]
    clipped = [session.train(CLIPPED, seed).metric("accuracy") for seed in session.seeds]
    plain = [session.train(OPEN, seed).metric("accuracy") for seed in session.seeds]
    untrained = session.train(PRIVATE.replace("sgd:lr=1", "sgd:lr=0"), 0).metric("accuracy")
    measured = [percent(run.metric("accuracy")) for run in runs]
    accounts = [load(run.folder).about["privacy"]["epsilon"] for run in runs]
    costs = [percent(one) - ours for one, ours in zip(clipped, measured, strict=True)]
    return Outcome(
        claim="A private dense network on 20,000 pictures of Fashion-MNIST",
        command=PRIVATE,
        measured=measured,
        asked=f"at least {LEAST:g} % right at eps <= {MOST_EPS:g} for delta = 1e-5, at most "
        f"{COST:g} points below the same without noise; untrained weights do not reach it",
        passed=min(measured) >= LEAST > percent(untrained)
        and max(accounts) <= MOST_EPS
        and max(costs) <= COST,
        beside={
            "eps": ", ".join(f"{one:.3f}" for one in accounts),
            "the same without noise": ", ".join(f"{percent(one):.2f} %" for one in clipped),
            "without noise or clipping, at a tenth of the rate": ", ".join(
                f"{percent(one):.2f} %" for one in plain
            ),
            "the same, untrained": f"{percent(untrained):.2f} %",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            "The threshold is that of the specification, which measured .800 for a run of 300 "
            "steps. By seed 100, which is not counted, it was 80.07 %, and 79.17 % without noise; "
            "with a rate that falls to 0, and 1,024 pictures a step, 76.93 and 76.84 %. Without "
            "clipping the rate of the private training is too large: 43 to 49 % were right."
        ],
    )
