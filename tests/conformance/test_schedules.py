"""Every schedule is a pure function of the time, and a training run finds it by name."""

import math

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.spec import Spec
from cartograd.engine.optim.optimizers import optimizer
from cartograd.engine.optim.schedule import rates, schedule
from tests.conformance.support import global_state_untouched, over


def rule(card):
    parts = {key: tuple(map(build, card.tiny[key])) for key in {"schedulers"} & set(card.tiny)}
    return build(card.name, kind=card.kind, **card.tiny | parts)


def moment(card, step):
    return [2.0] * step if card.name == "plateau" else step


def rate(found):
    return found[0] if isinstance(found, tuple) else found


@over("schedule")
def test_a_rate_is_a_function_of_the_step(card):
    made = rule(card)
    with global_state_untouched():
        found = [made(moment(card, step), 0.5) for step in range(12)]
    for step in (7, 0, 11, 3):
        assert made(moment(card, step), 0.5) == found[step]
    assert all(math.isfinite(rate(x)) and 0 <= rate(x) <= 0.5 for x in found)


@over("schedule")
def test_a_rate_goes_with_the_optimizers_own(card):
    made = rule(card)
    for step in range(12):
        one, three = (rate(made(moment(card, step), lr)) for lr in (0.1, 0.3))
        assert math.isclose(three, 3 * one, rel_tol=1e-12, abs_tol=1e-12)


@pytest.mark.place("schedule/step", "schedule/cosine", "schedule/exponential", "schedule/warmup")
@over("schedule")
def test_a_training_run_finds_it_by_name(card):
    spec = Spec(card.name, card.tiny)
    made = optimizer("sgd:lr=0.5,momentum=0.9", [nn.Parameter(torch.zeros(2))])
    plan = schedule(spec, made, 12, epochs=3, metric="valid/loss")
    for step in range(12):
        plan.begin(step // 4, [{"valid/loss": 1.0}] * (step // 4))
        plan.apply(step)
        assert 0 <= made.param_groups[0]["lr"] <= 0.5
    assert len(rates(spec, steps=12, epochs=3)) == 12
