"""Rows on what a single neuron can learn, and what takes a hidden layer."""

from acceptance.session import Outcome, Ran, Session, percent

FEATURES, MARGIN = 20, 0.05
TEN = tuple(range(10))


def perceptron_converges(session: Session, /) -> Outcome:
    """Rosenblatt's rule on separable points: its mistakes end, and within Novikoff's bound."""
    data = f"separable:features={FEATURES},margin={MARGIN},seed=SEED"
    command = (
        f"cartograd train perceptron --data {data} --epochs 40 --set seed=SEED monitor=train/loss"
    )
    runs = [session.train(command, seed) for seed in session.seeds]
    mistakes = [_mistakes(run) for run in runs]
    settled = [run.epochs()[-1]["train/mistakes"] == 0 for run in runs]
    right = [session.evaluate(run, "--part train --metrics accuracy")["accuracy"] for run in runs]
    bounds = [_bound(seed) for seed in session.seeds]
    return Outcome(
        claim="The perceptron converges on separable data within Novikoff's bound",
        command=command,
        measured=[float(count) for count in mistakes],
        unit="mistakes",
        asked="no more mistakes than (R / gamma)^2, none in the last epoch, all points right",
        passed=all(settled)
        and all(count <= bound for count, bound in zip(mistakes, bounds, strict=True))
        and all(share == 1 for share in right),
        beside={"Novikoff's bound": ", ".join(f"{bound:.0f}" for bound in bounds)},
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=["R is the largest length of (x, 1): the bias counts as a weight of a constant 1."],
    )


def _mistakes(run: Ran) -> int:
    """Over all epochs: their mean over an epoch's examples times the examples."""
    return round(sum(one["train/mistakes"] * 400 for one in run.epochs()))


def _bound(seed: int) -> float:
    import cartograd as cg

    data = cg.dataset(f"separable:features={FEATURES},margin={MARGIN},seed={seed}")
    inputs = data.train.inputs.double()
    radius = 1 + inputs.square().sum(1).max()
    margin = (inputs @ inputs.new_tensor(data.about["normal"])).abs().min()
    return float(radius / margin**2)


def perceptron_fails_xor(session: Session, /) -> Outcome:
    """No weights are right on more than three of the four corners."""
    command = (
        "cartograd train perceptron --data xor:noise=0.0 --epochs 20 --set seed=SEED "
        "monitor=train/mistakes"
    )
    runs = [session.train(command, seed) for seed in session.seeds]
    measured = [percent(_all(session, run)) for run in runs]
    never = all(one["train/mistakes"] > 0 for run in runs for one in run.epochs())
    return Outcome(
        claim="The perceptron fails XOR",
        command=command,
        measured=measured,
        asked="accuracy <= 75 %, and mistakes in every epoch",
        passed=max(measured) <= 75 and never,
        beside={"always one class": "50.00 %"},
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


def mlp_solves_xor(session: Session, /) -> Outcome:
    """A hidden layer is enough."""
    command = (
        "cartograd train mlp:widths=[8] --data xor --optimizer adamw:lr=0.02 "
        "--set seed=SEED decay=all"
    )
    runs = [session.train(command, seed) for seed in TEN]
    measured = [percent(_all(session, run)) for run in runs]
    softmax = session.train(
        "cartograd train softmax-regression --data xor --set seed=SEED decay=all", 0
    )
    return Outcome(
        claim="An MLP with one hidden layer solves XOR",
        command=command,
        measured=measured,
        asked="accuracy >= 99.5 % for each of ten seeds (corners with noise 0.25)",
        passed=min(measured) >= 99.5,
        beside={"softmax regression": f"{percent(_all(session, softmax)):.2f} %"},
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


def _all(session: Session, run: Ran) -> float:
    return session.evaluate(run, "--part all --metrics accuracy")["accuracy"]
