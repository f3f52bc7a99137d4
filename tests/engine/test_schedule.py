import json
import math

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.engine.fit import fit
from cartograd.engine.optimize import optimizer
from cartograd.engine.schedule import SCHEDULES, schedule
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants

PLAIN = {
    "chained": "chained:schedulers=[(linear:total_iters=4),(exponential:gamma=0.9)]",
    "cyclic": "cyclic:base_lr=0.1,max_lr=1.0,step_size_up=3",
    "exponential": "exponential:gamma=0.9",
    "multistep": "multistep:milestones=[1,3]",
    "sequential": "sequential:schedulers=[(linear),(cosine)],milestones=[8]",
    "step": "step:step_size=2",
    "warm_restarts": "warm_restarts:T_0=5",
}
STEPS, EPOCHS = 20, 5


def rates(spec, *, of="sgd:lr=1.0", values=None, **options):
    """The learning rate at each of 20 steps in 5 epochs."""
    made = optimizer(of, [nn.Parameter(torch.zeros(2))])
    plan = schedule(spec, made, STEPS, epochs=EPOCHS, **options)
    plan.started = True
    found = []
    for i in range(STEPS):
        made.step()
        found.append(made.param_groups[0]["lr"])
        plan.advance("step")
        if (i + 1) % 4 == 0:
            plan.advance("epoch", values[i // 4] if values else 1.0)
    json.dumps(plan.scheduler.state_dict())
    return found


def test_every_schedule_of_torch_has_a_name():
    theirs = {getattr(lr_scheduler, name) for name in lr_scheduler.__all__}
    assert set(SCHEDULES.values()) == theirs - {lr_scheduler.LRScheduler}


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_every_schedule_runs(name):
    spec = PLAIN.get(name, name)
    if name in ("lambda", "multiplicative"):
        spec = Spec(name, {"lr_lambda": lambda epoch: 0.5})
    found = rates(spec)
    assert len(found) == STEPS
    assert all(math.isfinite(rate) and 0 <= rate <= 1 for rate in found)


def test_those_that_shape_the_whole_run_get_its_length():
    assert rates("cosine") == pytest.approx(
        [0.5 * (1 + math.cos(math.pi * i / STEPS)) for i in range(STEPS)]
    )
    assert rates("linear:start_factor=1,end_factor=0") == pytest.approx(
        [1 - i / STEPS for i in range(STEPS)]
    )
    assert rates("polynomial:power=2") == pytest.approx(
        [(1 - i / STEPS) ** 2 for i in range(STEPS)]
    )
    assert rates("constant") == [1.0] * STEPS
    peak = rates("onecycle")
    assert max(peak) == pytest.approx(1.0)
    assert peak.index(max(peak)) == 5
    assert peak[-1] < 1e-3


def test_those_in_epochs_change_between_epochs():
    assert rates("step:step_size=2,gamma=0.1") == pytest.approx([1.0] * 8 + [0.1] * 8 + [0.01] * 4)
    assert rates("step:step_size=8,per=step") == pytest.approx([1.0] * 8 + [0.1] * 8 + [0.01] * 4)
    assert rates("cosine:per=epoch")[4] == pytest.approx(0.5 * (1 + math.cos(math.pi / EPOCHS)))


def test_plateau_follows_the_monitored_number():
    falling = rates("plateau:patience=0", values=[5.0, 4.0, 4.0, 3.0, 2.0])
    assert falling == pytest.approx([1.0] * 12 + [0.1] * 8)
    rising = rates("plateau:patience=0", values=[1.0, 2.0, 3.0, 4.0, 5.0], mode="max")
    assert rising == [1.0] * STEPS
    x, y = quadrants(64)
    with pytest.raises(UsageError, match="plateau follows the monitored number"):
        fit(Supervised(mlp(2, 4, 2)), Toy(x, y), schedules="plateau", epochs=1)
    run = fit(
        Supervised(mlp(2, 4, 2)), Toy(x, y), validate=Toy(x, y), optimizers="sgd:lr=1e-6",
        schedules="plateau:patience=0", epochs=4,
    )  # fmt: skip
    assert [round(math.log10(record["lr"])) for record in run.history] == [-6, -6, -7, -8]


@pytest.mark.parametrize("warmup", [4, 0.2])
def test_warmup_rises_then_the_schedule_takes_the_rest(warmup):
    found = rates(f"cosine:warmup={warmup}")
    rest = [0.5 * (1 + math.cos(math.pi * i / 16)) for i in range(16)]
    assert found == pytest.approx([0.25, 0.4375, 0.625, 0.8125, *rest])


def test_a_schedule_does_not_run_ahead_of_its_optimizer():
    made = optimizer("sgd:lr=1.0", [nn.Parameter(torch.zeros(2))])
    plan = schedule("cosine", made, 10)
    plan.advance("step")
    assert made.param_groups[0]["lr"] == 1.0


def test_in_a_run_the_last_step_is_the_last_of_the_schedule():
    x, y = quadrants(70)  # 7 batches of 10, in groups of 3: 3 steps an epoch
    run = fit(
        Supervised(mlp(2, 4, 2)), Toy(x, y, batch_size=10), optimizers="sgd:lr=1",
        schedules="linear:start_factor=1,end_factor=0", epochs=2, accumulate=3,
    )  # fmt: skip
    assert run.steps == 6
    assert [record["lr"] for record in run.history] == pytest.approx([0.5, 0.0])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cosne", "unknown schedule 'cosne'; did you mean 'cosine'"),
        ("cosine:tmax=3", "unknown argument of cosine 'tmax'; did you mean 'T_max'"),
        ("cosine:per=week", "unknown unit of a schedule 'week'"),
        ("cosine:warmup=-1", "out of range; expected at least 0"),
        ("cosine:warmup=20", "takes 20 steps and the run has only 20"),
        ("cosine:warmup=lots", "of the wrong type"),
        ("onecycle:warmup=3", "takes no warmup"),
        ("exponential", "exponential needs gamma"),
        ("step", "step needs step_size"),
        ("lambda", "lambda needs lr_lambda"),
        ("plateau:mode=down", "torch refuses plateau:mode=down"),
        ("sequential:schedulers=cosine,milestones=[3]", "a list of specs"),
    ],
)
def test_a_wrong_spec_is_one_clear_line(spec, message):
    with pytest.raises(UsageError, match=message):
        rates(spec)


def test_data_without_a_length():
    made = optimizer("sgd", [nn.Parameter(torch.zeros(2))])
    with pytest.raises(UsageError, match="cosine needs T_max: the data has no length"):
        schedule("cosine", made, None)
    with pytest.raises(UsageError, match="a share of the run needs data with a length"):
        schedule("constant:warmup=0.1,total_iters=9", made, None)
    assert schedule("cosine:T_max=10", made, None).per == "step"


def test_momentum_is_cycled_only_where_there_is_some():
    assert rates("onecycle", of="adagrad:lr=0.1")
    made = optimizer("adamw:lr=0.1", [nn.Parameter(torch.zeros(2))])
    schedule("onecycle", made, 10)
    assert made.param_groups[0]["betas"][0] == pytest.approx(0.95)
