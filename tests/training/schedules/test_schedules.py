"""Each schedule beside torch's own class, over a run and with two groups of parameters."""

import math
import random
import warnings

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as theirs

from cartograd.core.build import build
from cartograd.training.schedules.inverse_sqrt import inverse_sqrt
from cartograd.training.schedules.plateau import plateau
from cartograd.training.schedules.wsd import wsd

OWN = (0.3, 0.02)
STEPS = 200


def torchs(make, *, kind=torch.optim.SGD, steps=STEPS, values=None, **args):
    """The rates and the momentum at each step of torch's scheduler."""
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in OWN]
    optimizer = kind(groups, **({"momentum": 0.5} if kind is torch.optim.SGD else {}))
    with warnings.catch_warnings(action="ignore"):
        scheduler = make(optimizer, **args)
        found = []
        for step in range(steps):
            group = optimizer.param_groups[0]
            momentum = group["momentum"] if "momentum" in group else group["betas"][0]
            found.append(([float(group["lr"]) for group in optimizer.param_groups], momentum))
            optimizer.step()
            scheduler.step(*([] if values is None else [values[step]]))
    return found


def close(expected, rule, *, momentum=False, steps=STEPS):
    for step in range(steps):
        for lr, rate in zip(OWN, expected[step][0], strict=True):
            found = rule(step, lr)
            if momentum:
                assert abs(found[1] - expected[step][1]) < 1e-12
                found = found[0]
            assert abs(found - rate) < 1e-12, (step, found, rate)


@pytest.mark.oracle("schedule step")
def test_step_decay():
    close(
        torchs(theirs.StepLR, step_size=7, gamma=0.8),
        build("step:every=7,factor=0.8", kind="schedule"),
    )


@pytest.mark.oracle("multistep")
def test_multistep():
    at = (3, 50, 50, 120)
    close(torchs(theirs.MultiStepLR, milestones=at), build("multistep", milestones=at))


@pytest.mark.oracle("exponential")
def test_exponential():
    close(torchs(theirs.ExponentialLR, gamma=0.97), build("exponential:factor=0.97"))


@pytest.mark.oracle("cosine")
@pytest.mark.parametrize("args", [{}, {"eta_min": 0.01}])
def test_cosine(args):
    expected = torchs(theirs.CosineAnnealingLR, T_max=90, **args)
    close(expected, build("cosine:total=90", min_lr=args.get("eta_min", 0.0)))


@pytest.mark.oracle("warm-restarts")
@pytest.mark.parametrize("growth", [1, 2, 3])
def test_warm_restarts(growth):
    expected = torchs(theirs.CosineAnnealingWarmRestarts, T_0=9, T_mult=growth, eta_min=1e-3)
    close(expected, build("warm-restarts:period=9,min_lr=1e-3", growth=growth))


@pytest.mark.oracle("linear")
def test_linear():
    expected = torchs(theirs.LinearLR, start_factor=0.9, end_factor=0.1, total_iters=120)
    close(expected, build("linear:start=0.9,end=0.1,total=120"))
    close(torchs(theirs.LinearLR, total_iters=20), build("linear:total=20"))


@pytest.mark.oracle("polynomial")
@pytest.mark.parametrize("power", [0.5, 1.0, 2.5])
def test_polynomial(power):
    expected = torchs(theirs.PolynomialLR, total_iters=150, power=power)
    close(expected, build("polynomial:total=150", power=power))


@pytest.mark.oracle("schedule constant")
def test_constant():
    expected = torchs(theirs.ConstantLR, factor=0.25, total_iters=30)
    close(expected, build("constant:factor=0.25,total=30", kind="schedule"))
    assert build("constant", kind="schedule")(10**6, 0.3) == 0.3


@pytest.mark.oracle("cyclic")
@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_cyclic(mode, kind):
    expected = torchs(
        theirs.CyclicLR, kind=kind, base_lr=0.01, max_lr=0.5, step_size_up=11, step_size_down=17,
        mode=mode, gamma=0.98, base_momentum=0.7, max_momentum=0.95,
    )  # fmt: skip
    rule = build(
        "cyclic:min_lr=0.01,max_lr=0.5,up=11,down=17,factor=0.98,min_momentum=0.7,max_momentum=0.95",
        mode=mode,
    )
    close(expected, rule, momentum=True)


@pytest.mark.oracle("onecycle")
@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize(("rise", "kind"), [(0.3, torch.optim.SGD), (0.41, torch.optim.Adam)])
def test_onecycle(anneal, three_phase, rise, kind):
    expected = torchs(
        theirs.OneCycleLR, kind=kind, max_lr=list(OWN), total_steps=STEPS, pct_start=rise,
        anneal_strategy=anneal, three_phase=three_phase, div_factor=10.0,
    )  # fmt: skip
    rule = build(
        "onecycle:div_factor=10", total=STEPS, rise=rise, anneal=anneal, three_phase=three_phase
    )
    close(expected, rule, momentum=True)


@pytest.mark.oracle("inverse-sqrt")
@pytest.mark.parametrize("warmup", [1, 12, 60])
def test_inverse_sqrt_is_the_papers_formula(warmup):
    def papers(step):
        t = step + 1
        return min(t**-0.5, t * warmup**-1.5) * warmup**0.5

    close(torchs(theirs.LambdaLR, lr_lambda=papers), build("inverse-sqrt", warmup=warmup))


@pytest.mark.law("inverse-sqrt")
def test_inverse_sqrt_halves_from_four_times_as_late():
    rates = [inverse_sqrt(t, 1.0, warmup=25) for t in range(400)]
    assert max(rates) == rates[24] == 1.0
    assert rates[99] == pytest.approx(0.5)
    assert rates[399] == pytest.approx(0.25)
    assert [inverse_sqrt(t, 1.0, warmup=0.1, total=250) for t in range(400)] == rates


def rising(optimizer, steps):
    return theirs.LinearLR(optimizer, start_factor=1 / steps, total_iters=steps)


@pytest.mark.oracle("wsd")
@pytest.mark.parametrize("end", [0.0, 0.1])
def test_wsd(end):
    def make(optimizer):
        plain = theirs.ConstantLR(optimizer, factor=1.0, total_iters=1)
        fall = theirs.LinearLR(optimizer, start_factor=1.0, end_factor=end, total_iters=50)
        return theirs.SequentialLR(optimizer, [rising(optimizer, 20), plain, fall], [20, 150])

    close(torchs(make), build("wsd:warmup=20,cooldown=50", total=STEPS, end=end))
    assert wsd(7, 1.0, total=200, warmup=0.1, cooldown=0.25) == wsd(
        7, 1.0, total=200, warmup=20, cooldown=50
    )
    assert wsd(300, 1.0, total=200, end=end) == end


@pytest.mark.oracle("sequential")
def test_sequential():
    def make(optimizer):
        return theirs.SequentialLR(
            optimizer,
            [
                theirs.LinearLR(optimizer, total_iters=30),
                theirs.CosineAnnealingLR(optimizer, T_max=60),
                theirs.ExponentialLR(optimizer, gamma=0.95),
            ],
            [40, 100],
        )

    parts = build("linear:total=30"), build("cosine:total=60"), build("exponential:factor=0.95")
    close(torchs(make), build("sequential", schedulers=parts, milestones=(40, 100)))


@pytest.mark.oracle("chained")
def test_chained():
    def make(optimizer):
        return theirs.ChainedScheduler(
            [
                theirs.LinearLR(optimizer, start_factor=0.2, total_iters=30),
                theirs.ExponentialLR(optimizer, gamma=0.99),
                theirs.StepLR(optimizer, step_size=40),
            ],
            optimizer=optimizer,
        )

    parts = build("linear:start=0.2,total=30"), build("exponential:factor=0.99")
    parts = *parts, build("step:every=40", kind="schedule")
    close(torchs(make), build("chained", schedulers=parts))
    assert build("chained", schedulers=parts)(3, 0.0) == 0.0


@pytest.mark.oracle("plateau")
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    "args",
    [
        {"patience": 0},
        {"patience": 3, "factor": 0.5, "cooldown": 4},
        {"patience": 2, "threshold": 0.05, "threshold_mode": "abs", "min_lr": 1e-3},
    ],
)
def test_plateau(mode, args):
    draw = random.Random(1)
    sign = 1 if mode == "min" else -1
    values = [3 + sign * math.exp(-i / 30) + 0.1 * draw.random() for i in range(STEPS)]
    # No change is too small to be made: torch's own limit is for rates near its eps.
    expected = torchs(theirs.ReduceLROnPlateau, values=values, mode=mode, eps=0.0, **args)
    close(expected, lambda step, lr: plateau(values[:step], lr, mode=mode, **args))
    assert len({round(rates[0], 9) for rates, _ in expected}) > 2


def test_a_plateau_is_not_confused_by_what_is_no_number_or_below_zero():
    assert plateau([math.nan, 2.0, 1.0], 1.0, patience=0) == 0.1
    assert plateau([math.inf, 2.0, 1.0], 1.0, patience=0) == 0.1
    assert plateau([-1.0, -0.99995, -0.9999], 1.0, patience=0, factor=0.5) == 0.25
    assert plateau([-1.0, -2.0, -3.0], 1.0, patience=0) == 1.0


@pytest.mark.oracle("warmup")
@pytest.mark.parametrize("steps", [1, 2, 25])
def test_warmup(steps):
    def make(optimizer):
        rest = theirs.ExponentialLR(optimizer, gamma=1.0)
        return theirs.SequentialLR(optimizer, [rising(optimizer, steps), rest], [steps])

    close(torchs(make), build("warmup", warmup=steps))
