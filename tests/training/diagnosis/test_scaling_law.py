import numpy as np
import pytest

from cartograd.core.errors import UsageError
from cartograd.training.diagnosis.scaling_law import Law, scaling_law

TRUE = Law(1.8, 30.0, 60.0, 0.35, 0.3)
KAPLAN = Law(1.0, 2e5, 3e5, 1.35, 1.0, gamma=0.27, form="kaplan")


def runs(noise=0.0, seed=0, law=TRUE):
    """Runs of four sizes and four lengths that follow a law, but for noise."""
    draw = np.random.default_rng(seed)
    return [
        (n, d, law.loss(n, d) * float(np.exp(noise * draw.standard_normal())))
        for n in (1e4, 4e4, 1.6e5, 6.4e5)
        for d in (1e5, 4e5, 1.6e6, 6.4e6)
    ]


@pytest.mark.law("scaling-law")
@pytest.mark.parametrize("true", [TRUE, KAPLAN], ids=["sum", "kaplan"])
def test_the_numbers_of_a_law_come_back(true):
    law = scaling_law(runs(law=true), form=true.form)
    for name in ("floor", "weights", "tokens", "alpha", "beta", "gamma"):
        assert getattr(law, name) == pytest.approx(getattr(true, name), rel=0.02)
    assert law.loss(1e8, 1e9) == pytest.approx(true.loss(1e8, 1e9), rel=1e-3)
    n, d = law.best(1e15)
    assert 6 * n * d == pytest.approx(1e15)
    around = [law.loss(n * step, 1e15 / (6 * n * step)) for step in (0.8, 1.0, 1.25)]
    assert min(around) == around[1]


@pytest.mark.law("scaling-law")
def test_the_interval_holds_what_a_larger_run_reaches():
    """Ten times the weights and tokens of the largest run, in each of eight noisy worlds."""
    held = []
    for seed in range(8):
        law = scaling_law(runs(noise=0.005, seed=seed))
        found = law.predicted(6.4e6, 6.4e7, seed=seed)
        held.append(found.low <= TRUE.loss(6.4e6, 6.4e7) <= found.high)
        assert found.low < found.loss < found.high
        assert found.high / found.low < 1.6
    assert sum(held) >= 7
    quiet = scaling_law(runs(noise=0.001)).predicted(6.4e6, 6.4e7)
    loud = scaling_law(runs(noise=0.005)).predicted(6.4e6, 6.4e7)
    assert quiet.high - quiet.low < loud.high - loud.low


def test_where_text_brings_large_models_more_the_sum_tells_too_much_and_kaplan_does_not():
    """More is told than comes: every row of small models so far erred to this side."""
    small, larger = runs(noise=0.003, law=KAPLAN), (6.4e6, 6.4e7)
    came = KAPLAN.loss(*larger)
    summed, own = scaling_law(small), scaling_law(small, form="kaplan")
    assert summed.loss(*larger) > 1.05 * came
    found = own.predicted(*larger)
    assert found.low <= came <= found.high
    assert found.loss == pytest.approx(came, rel=0.03)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (runs()[:5], "5 runs; a law has five numbers"),
        ([*runs(), (1e4, 1e5, float("nan"))], "run 17 is"),
        ([*runs(), (0, 1e5, 2.0)], "run 17 is"),
        ([(1e4, d, loss) for _, d, loss in runs()], "fewer than three numbers of weights"),
        ([(n, 1e4, loss) for n, _, loss in runs()], "fewer than three numbers of tokens"),
    ],
)
def test_runs_that_tell_no_law_are_refused(given, told):
    with pytest.raises(UsageError, match=told):
        scaling_law(given)


@pytest.mark.untyped
def test_a_form_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="unknown form 'kaplen'; did you mean 'kaplan'"):
        scaling_law(runs(), form="kaplen")


def test_a_law_without_runs_knows_no_noise():
    with pytest.raises(UsageError, match="fitted to no runs"):
        TRUE.predicted(1e8, 1e9)
