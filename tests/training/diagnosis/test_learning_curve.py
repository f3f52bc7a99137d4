import random

import pytest

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.training.diagnosis.learning_curve import learning_curve
from tests.engine.toys import Toy, mlp, quadrants

CHANCE = 2.3
EPOCHS = 30


def curve(train, valid, *, noise=0.0, scale=1.0, seed=0):
    """A history from functions of the epoch."""
    draw = random.Random(seed)
    return [
        {
            "epoch": n,
            "train/loss": scale * (train(n) + noise * draw.gauss(0, 1)),
            "valid/loss": scale * (valid(n) + noise * draw.gauss(0, 1)),
        }
        for n in range(1, EPOCHS + 1)
    ]


def fall(start, end, rate):
    return lambda n: end + (start - end) * 2.718 ** (-rate * n)


SHAPES = {
    "over-fitting": (fall(2.3, 0.02, 0.3), lambda n: fall(2.3, 0.5, 0.4)(n) + 0.03 * max(0, n - 8)),
    "under-fitting": (fall(2.3, 1.9, 0.6), fall(2.3, 1.95, 0.6)),
    "not converged": (fall(2.3, 0.0, 0.03), fall(2.3, 0.05, 0.03)),
    "data-limited": (fall(2.3, 0.05, 0.5), fall(2.3, 0.7, 0.5)),
    "healthy": (fall(2.3, 0.2, 0.5), fall(2.3, 0.24, 0.5)),
    "unstable": (
        lambda n: fall(2.3, 0.4, 0.3)(n) + (1.1 if n in (9, 17, 24) else 0),
        lambda n: fall(2.3, 0.5, 0.3)(n) + (1.1 if n in (9, 17, 24) else 0),
    ),
    "diverging": (lambda n: 1.0 + 0.2 * n, lambda n: 1.1 + 0.2 * n),
}


@pytest.mark.law("learning-curve")
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e4])
def test_a_made_curve_is_named(name, scale):
    for seed in range(20):
        history = curve(*SHAPES[name], noise=0.01, scale=scale, seed=seed)
        found = learning_curve(history, CHANCE * scale)
        assert found[0].name == name, (seed, found)
        assert found[0].good == (name == "healthy")
        assert found[0].good or found[0].advice
        assert found[0].evidence


@pytest.mark.law("learning-curve")
def test_a_good_curve_stays_good_with_more_noise():
    names = [
        learning_curve(curve(*SHAPES["healthy"], noise=0.02, seed=seed), CHANCE)[0].name
        for seed in range(100)
    ]
    assert names.count("healthy") >= 95


def trained(*, widths, examples, epochs, lr, noise=0.0, optimizer="adamw"):
    x, y = quadrants(examples + 400)
    flip = (x * 1e4 % 1).sum(1).abs() % 1 < noise  # labels wrong by a rule of their own
    y = y.where(~flip, 1 - y)
    model = mlp(2, *widths, 2)
    return fit(
        build("classify", model=model),
        Toy(x[:examples], y[:examples]),
        optimizers=f"{optimizer}:lr={lr}",
        epochs=epochs,
        validate=Toy(x[examples:], y[examples:], shuffle=False),
        device="cpu",
    ).history


@pytest.mark.law("learning-curve")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        (
            "over-fitting",
            {"widths": [128, 128], "examples": 96, "epochs": 60, "lr": 3e-3, "noise": 0.2},
        ),
        ("under-fitting", {"widths": [], "examples": 640, "epochs": 12, "lr": 1e-2}),
        ("not converged", {"widths": [32], "examples": 320, "epochs": 8, "lr": 1e-3}),
        ("healthy", {"widths": [32], "examples": 1280, "epochs": 30, "lr": 1e-2}),
    ],
)
def test_a_real_run_is_named(name, options):
    assert learning_curve(trained(**options), 0.693)[0].name == name


@pytest.mark.law("learning-curve")
def test_a_real_run_at_too_high_a_rate_is_unstable():
    history = trained(widths=[64, 64], examples=320, epochs=12, lr=5.0, optimizer="sgd")
    assert learning_curve(history, 0.693)[0].name in ("unstable", "diverging", "diverged")


def test_a_loss_that_is_not_finite_is_told_with_its_epoch():
    history = [{"epoch": n, "train/loss": 1.0 if n < 4 else float("nan")} for n in range(1, 6)]
    (found,) = learning_curve(history)
    assert found.name == "diverged"
    assert "epoch 4" in found.evidence


def test_a_run_without_validation_and_without_chance():
    flat = [{"train/loss": 1.0 - n / 1e4} for n in range(10)]
    assert learning_curve(flat)[0].name == "under-fitting"
    done = [{"train/loss": 0.1 + 3.0**-n} for n in range(20)]
    assert learning_curve(done)[0].good


def test_a_short_run_says_nothing():
    assert learning_curve([{"train/loss": 1.0}])[0].name == "too short"


@pytest.mark.parametrize("history", [[], [{"train/critic/loss": 1.0}]])
def test_a_history_without_a_loss_is_refused(history):
    with pytest.raises(UsageError, match="no train/loss"):
        learning_curve(history)


@pytest.mark.parametrize(("last", "longer"), [(1e-5, True), (5e-4, False)])
def test_a_rate_that_came_to_its_end_is_the_first_thing_to_mend(last, longer):
    history = curve(*SHAPES["under-fitting"])
    for n, record in enumerate(history):
        record["lr"] = last + (1e-3 - last) * (1 - n / (len(history) - 1))
    found = learning_curve(history, CHANCE)[0]
    assert found.name == "under-fitting"
    assert found.advice[0].startswith("more epochs") == longer
