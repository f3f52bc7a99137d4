import json
import math

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim.optimizers import optimizer
from cartograd.engine.optim.schedule import rates, schedule
from cartograd.engine.optim.schedule_names import ours
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants

STEPS, EPOCHS = 20, 5
CLASSES = sorted(set(lr_scheduler.__all__) - {"LRScheduler"})
PARTS = "schedulers=[(linear:total_iters=4),(exponential:gamma=0.9)]"
ARGUMENTS = {
    "ChainedScheduler": PARTS,
    "CosineAnnealingLR": "T_max=20",
    "CosineAnnealingWarmRestarts": "T_0=5,T_mult=2",
    "CyclicLR": "base_lr=0.1,max_lr=1.0,step_size_up=3,cycle_momentum=false",
    "ExponentialLR": "gamma=0.9",
    "LambdaLR": {"lr_lambda": lambda step: 1 / (step + 1)},
    "MultiplicativeLR": {"lr_lambda": lambda step: 0.9},
    "MultiStepLR": "milestones=[1,3]",
    "OneCycleLR": "max_lr=1.0,total_steps=21,cycle_momentum=false",
    "PolynomialLR": "total_iters=15,power=2",
    "SequentialLR": PARTS + ",milestones=[8]",
    "StepLR": "step_size=2",
}


def drawn(spec):
    return rates(spec, steps=STEPS, epochs=EPOCHS)


def of(plan, *, values=None):
    """The rate at each of 20 steps in 5 epochs."""
    found = []
    for step in range(STEPS):
        epoch = step // 4
        plan.begin(epoch, [{"valid/loss": value} for value in (values or [])[:epoch]])
        plan.apply(step)
        found.append(plan.optimizer.param_groups[0]["lr"])
    return found


def sgd(lr=1.0):
    return optimizer(f"sgd:lr={lr}", [nn.Parameter(torch.zeros(2))])


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
def test_every_schedule_of_torch_by_its_class_name_is_torchs(name):
    """Counted in steps, with torch's own arguments: the same rates."""
    args = ARGUMENTS.get(name, "")
    if name == "ReduceLROnPlateau":
        values = [3.0, 2.0, 2.0, 2.0, 2.0]
        found = of(schedule(f"{name}:patience=1", sgd(), STEPS, metric="valid/loss"), values=values)
        assert found == [1.0] * 16 + [0.1] * 4
        return
    typed = args if isinstance(args, dict) else Spec.parse(f"x:{args}").args
    spec = Spec(name, typed | {"per": "step"})
    made = sgd()
    theirs = {key: value for key, value in typed.items() if key != "schedulers"}
    if "schedulers" in typed:
        theirs["schedulers"] = [
            lr_scheduler.LinearLR(made, total_iters=4),
            lr_scheduler.ExponentialLR(made, gamma=0.9),
        ]
    if name in ("ConstantLR", "LinearLR"):
        spec = Spec(name, {"total_iters": 5, "per": "step"})
    scheduler = getattr(lr_scheduler, name)(optimizer=made, **theirs)
    expected = []
    for _ in range(STEPS):
        expected.append(float(made.param_groups[0]["lr"]))
        made.step()
        scheduler.step()
    assert rates(spec, steps=STEPS, epochs=EPOCHS) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("StepLR", "step"),
        ("step", "step"),
        ("step_lr", "step"),
        ("cosineannealinglr", "cosine"),
        ("warm_restarts", "warm-restarts"),
        ("one_cycle", "onecycle"),
        ("constant", "constant"),
        ("lambda", "LambdaLR"),
    ],
)
def test_words(word, name):
    assert ours(word).name == name


def test_those_that_shape_the_whole_run_get_its_length():
    assert drawn("cosine") == pytest.approx(
        [0.5 * (1 + math.cos(math.pi * i / STEPS)) for i in range(STEPS)]
    )
    assert drawn("linear:start_factor=1,end_factor=0") == pytest.approx(
        [1 - i / STEPS for i in range(STEPS)]
    )
    assert drawn("polynomial:power=2") == pytest.approx(
        [(1 - i / STEPS) ** 2 for i in range(STEPS)]
    )
    assert drawn("constant") == [1.0] * STEPS
    peak = drawn("onecycle")
    assert max(peak) == pytest.approx(1.0)
    assert peak.index(max(peak)) == 5
    assert peak[-1] < 1e-3
    parts = drawn("sequential:schedulers=[(constant),(cosine)],milestones=[16]")
    assert parts == pytest.approx(
        [1.0] * 16 + [0.5 * (1 + math.cos(x * 0.7853981)) for x in range(4)]
    )


def test_those_in_epochs_change_between_epochs():
    assert drawn("step:step_size=2,gamma=0.1") == pytest.approx([1.0] * 8 + [0.1] * 8 + [0.01] * 4)
    assert drawn("step:every=8,per=step") == pytest.approx([1.0] * 8 + [0.1] * 8 + [0.01] * 4)
    assert drawn("cosine:per=epoch")[4] == pytest.approx(0.5 * (1 + math.cos(math.pi / EPOCHS)))


def test_plateau_follows_the_monitored_number():
    falling = [5.0, 4.0, 4.0, 3.0, 2.0]
    plan = schedule("plateau:patience=0", sgd(), STEPS, metric="valid/loss")
    assert of(plan, values=falling) == [1.0] * 12 + [0.1] * 8
    plan = schedule("plateau:patience=0", sgd(), STEPS, metric="valid/loss", mode="max")
    assert of(plan, values=[1.0, 2.0, 3.0, 4.0, 5.0]) == [1.0] * STEPS
    x, y = quadrants(64)
    run = fit(
        Supervised(mlp(2, 4, 2)), Toy(x, y), validate=Toy(x, y), optimizers="sgd:lr=1e-6",
        schedules="plateau:patience=0", epochs=4,
    )  # fmt: skip
    assert [round(math.log10(record["lr"])) for record in run.history] == [-6, -6, -7, -8]


def constant_number(outputs, targets, /):
    return 0.5


@pytest.mark.place("schedule/plateau")
@pytest.mark.parametrize(
    ("metric", "expected"),
    [("max:valid/same", [1, 1, 0.5, 0.25]), ("max:valid/steps", [1, 1, 1, 1])],
)
def test_plateau_on_a_named_metric(metric, expected):
    """One that stands still and one that rises, beside a monitored loss that would cut too."""
    calls = []

    def rising(outputs, targets, /):
        calls.append(1)
        return float(len(calls))

    x, y = quadrants(64)
    run = fit(
        Supervised(mlp(2, 4, 2)), Toy(x, y), validate=Toy(x, y), optimizers="sgd:lr=1",
        metrics={"same": constant_number, "steps": rising},
        schedules=f"plateau:metric={metric},patience=0,factor=0.5", epochs=4,
    )  # fmt: skip
    assert [record["lr"] for record in run.history] == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("plateau", "plateau follows the monitored number; give validate= or monitor="),
        ("plateau:metric=valid/loss", "metric='valid/loss' needs validation data"),
        ("plateau:metric=accuracy", "metric='accuracy' is not a number of the history"),
        ("plateau:metric=train/los,mode=min", "unknown number to follow 'train/los'; did you mean"),
        ("cosine:metric=train/loss", "unknown argument of cosine 'metric'"),
        ("cosine:warmup=2", "takes 2 steps and the run has only 2"),
    ],
)
def test_a_run_that_cannot_follow_its_schedule_is_one_clear_line(spec, message):
    with pytest.raises(UsageError, match=message):
        fit(Supervised(mlp(2, 4, 2)), Toy(*quadrants(20), batch_size=20), schedules=spec, epochs=2)


@pytest.mark.parametrize("warmup", [4, 0.2])
def test_warmup_rises_then_the_schedule_takes_the_rest(warmup):
    rest = [0.5 * (1 + math.cos(math.pi * i / 16)) for i in range(16)]
    assert drawn(f"cosine:warmup={warmup}") == pytest.approx([0.25, 0.4375, 0.625, 0.8125, *rest])


def test_warmup_before_what_counts_epochs_or_follows_a_number():
    rise = [0.25, 0.4375, 0.625, 0.8125]
    assert drawn("step:every=2,warmup=4") == pytest.approx(
        [*rise] + [1.0] * 4 + [0.1] * 8 + [0.01] * 4
    )
    assert drawn("plateau:patience=1,warmup=4") == pytest.approx([*rise] + [1.0] * 8 + [0.1] * 8)
    assert drawn("warmup:warmup=0.2") == pytest.approx([*rise] + [1.0] * 16)
    assert drawn("wsd:warmup=0.2")[:5] == pytest.approx([*rise, 1.0])
    assert drawn("inverse-sqrt:warmup=4")[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_a_rate_is_that_of_its_step_whatever_was_before():
    """No state: asked in any order, and by another object, the answer is the same."""
    for spec in ("onecycle", "cosine:warmup=3", "warm_restarts:T_0=3,T_mult=2", "cyclic:up=2"):
        expected = drawn(spec)
        for step in (13, 2, 19, 0, 7):
            plan = schedule(spec, sgd(), STEPS, epochs=EPOCHS)
            plan.begin(step // 4, [])
            plan.apply(step)
            assert plan.optimizer.param_groups[0]["lr"] == expected[step]
    played = schedule(Spec("LambdaLR", {"lr_lambda": lambda i: 1 / (i + 1)}), sgd(), STEPS)
    for epoch in (4, 2, 2, 3):
        played.begin(epoch, [])
        played.apply(0)
        assert played.optimizer.param_groups[0]["lr"] == pytest.approx(1 / (epoch + 1))


def test_each_group_goes_from_its_own_rate():
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (1.0, 0.1)]
    made = torch.optim.SGD(groups)
    plan = schedule("cosine", made, 10)
    plan.apply(5)
    assert [group["lr"] for group in made.param_groups] == pytest.approx([0.5, 0.05])


def test_in_a_run_the_last_step_is_the_last_of_the_schedule():
    x, y = quadrants(70)  # 7 batches of 10, in groups of 3: 3 steps an epoch
    run = fit(
        Supervised(mlp(2, 4, 2)), Toy(x, y, batch_size=10), optimizers="sgd:lr=1",
        schedules="linear:start_factor=1,end_factor=0", epochs=2, accumulate=3,
    )  # fmt: skip
    assert run.steps == 6
    assert [record["lr"] for record in run.history] == pytest.approx([4 / 6, 1 / 6])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cosne", "unknown schedule 'cosne'; did you mean 'cosine'"),
        ("cosine:totl=3", "unknown argument of cosine 'totl'; did you mean 'total'"),
        ("cosine:per=week", "unknown unit of a schedule 'week'"),
        ("cosine:warmup=-1", "out of range; expected at least 0"),
        ("cosine:warmup=20", "takes 20 steps and the run has only 20"),
        ("cosine:warmup=lots", "of the wrong type"),
        ("cosine:T_max=0", "total=0 is out of range"),
        ("onecycle:warmup=3", "takes no warmup"),
        ("onecycle:cycle_momentum=maybe", "of the wrong type"),
        ("exponential", "exponential needs factor"),
        ("step", "step needs every"),
        ("step:step_size=0", "every=0 is out of range"),
        ("lambda", "LambdaLR needs lr_lambda"),
        ("LambdaLR:lr_lambda=3", "torch refuses"),
        ("LRScheduler", "unknown schedule"),
        ("plateau:mode=down", "unknown mode 'down'; expected one of: min, max"),
        ("sequential:schedulers=cosine,milestones=[3]", "a list of specs"),
        ("sequential:schedulers=[(cosine)],milestones=[3]", "1 schedulers have 0 milestones"),
        ("sequential:schedulers=[(plateau),(cosine)],milestones=[3]", "cannot hold plateau"),
    ],
)
def test_a_wrong_spec_is_one_clear_line(spec, message):
    with pytest.raises(UsageError, match=message):
        drawn(spec)


def test_data_without_a_length():
    with pytest.raises(UsageError, match="cosine needs the number of steps of the whole run"):
        schedule("cosine", sgd(), None)
    with pytest.raises(UsageError, match="a share of the run needs data with a length"):
        schedule("constant:warmup=0.1,total_iters=9", sgd(), None)
    assert schedule("cosine:T_max=10", sgd(), None).per == "step"
    assert schedule("inverse-sqrt:warmup=10", sgd(), None).per == "step"


def test_momentum_is_cycled_only_where_there_is_some():
    for spec, key, value in (
        ("adagrad:lr=0.1", None, None),
        ("adamw:lr=0.1", "betas", (0.95, 0.999)),
        ("sgd:lr=0.1,momentum=0.9", "momentum", 0.95),
    ):
        made = optimizer(spec, [nn.Parameter(torch.zeros(2))])
        schedule("onecycle", made, 10).apply(0)
        assert key is None or made.param_groups[0][key] == value
        assert made.param_groups[0]["lr"] == pytest.approx(0.004)
    schedule("onecycle:cycle_momentum=false", made, 10).apply(3)
    assert made.param_groups[0]["momentum"] == 0.95


def test_rates_are_plain_numbers():
    assert json.loads(json.dumps(rates("linear:start=1,end=0", steps=4))) == [1.0, 0.75, 0.5, 0.25]
