"""What a step leaves out when nobody would see it is done as soon as somebody does."""

import pytest
import torch
from torch import nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from cartograd.engine.loop.timer import PHASES, QUICK_SAMPLE, STEP, Timer
from cartograd.engine.optim.player import Player
from tests.engine.toys import mlp


def player(spec="sgd:lr=0.1", module=None):
    torch.manual_seed(0)
    return Player("model", module or mlp(2, 8, 2), spec, clip=None)


def stepped(one, weight=0.5, steps=1):
    x = torch.ones(4, 2)
    for _ in range(steps):
        one.backward(one.module(x).square().sum(1), weight)
        one.step()
    return [p.detach().clone() for p in one.params]


@pytest.mark.parametrize("spec", ["sgd:lr=0.1,momentum=0.9", "adamw", "lion", "muon:lr=0.01"])
def test_steps_are_those_of_torch_called_in_full(spec):
    short, full = player(spec), player(spec)
    found = stepped(short, steps=5)
    x = torch.ones(4, 2)
    for _ in range(5):
        (0.5 * full.module(x).square().sum(1)).sum().backward()
        full.optimizer.step()
        full.optimizer.zero_grad()
    for mine, theirs in zip(found, full.params, strict=True):
        assert torch.equal(mine, theirs)


def test_hooks_of_one_optimizer_are_called():
    one, called = player(), []
    stepped(one)
    handles = [
        one.optimizer.register_step_pre_hook(lambda *_: called.append("before")),
        one.optimizer.register_step_post_hook(lambda *_: called.append("after")),
    ]
    stepped(one)
    assert called == ["before", "after"]
    for handle in handles:
        handle.remove()
    stepped(one)
    assert len(called) == 2


def test_hooks_of_all_optimizers_are_called():
    one, called = player(), []
    handles = [
        register_optimizer_step_pre_hook(lambda *_: called.append("before")),
        register_optimizer_step_post_hook(lambda *_: called.append("after")),
    ]
    try:
        stepped(one, steps=2)
    finally:
        for handle in handles:
            handle.remove()
    assert called == ["before", "after"] * 2


def test_a_step_that_was_put_in_its_place_is_taken(monkeypatch):
    one, called = player(), []
    own = one.optimizer.step
    monkeypatch.setattr(one.optimizer, "step", lambda: (called.append(1), own()))
    stepped(one, steps=2)
    assert len(called) == 2


def test_a_profiler_sees_the_step_by_name():
    one = player()
    stepped(one)
    with torch.profiler.profile() as profile:
        stepped(one)
    assert any(event.key.startswith("Optimizer.step#SGD") for event in profile.key_averages())


def test_hooks_of_modules_and_gradients_are_called_at_each_backward_pass():
    one, called = player(), []
    next(iter(one.module.parameters())).register_hook(lambda _: called.append("gradient"))
    stepped(one, steps=3)
    assert called == ["gradient"] * 3


def test_a_gradient_of_another_shape_is_made_anew():
    one = player(module=nn.Linear(2, 1))
    for rows in (4, 4, 3, 4):
        one.backward(one.module(torch.ones(rows, 2)).squeeze(1), 1.0)
        assert one.module.bias.grad.item() == rows
        one.drop()


def test_gradients_reach_no_other_leaf():
    one = player(module=nn.Linear(2, 1))
    x = torch.ones(4, 2, requires_grad=True)
    for _ in range(3):
        one.backward(one.module(x).squeeze(1), 1.0)
    assert x.grad is None


class Hands:
    """A clock that is set by hand, and counts its readings."""

    def __init__(self):
        self.now, self.read = 100.0, 0

    def __call__(self):
        self.read += 1
        return self.now


def clocked(monkeypatch, seconds, steps):
    """Steps of which each part takes this long; the data takes none."""
    hands = Hands()
    monkeypatch.setattr("time.perf_counter", hands)
    timer, split = Timer(torch.device("cpu")), []
    timer.start()
    hands.read = 0
    for _ in range(steps):
        timer.lap("data")
        timer.step([(torch.ones(4, 1),)])
        split.append(timer.exact)
        for phase in STEP:
            hands.now += seconds * (2 if phase == "backward" else 1)
            timer.part(phase)
        timer.lap("optimizer")
    return timer, split, hands


def test_quick_steps_are_split_now_and_then_and_the_rest_is_shared_out(monkeypatch):
    timer, split, hands = clocked(monkeypatch, 1e-5, 100)
    assert split == [step % QUICK_SAMPLE == 0 for step in range(100)]
    assert hands.read < 250
    spent = timer.spent()
    assert spent["examples"] == 400
    assert [spent["phases"][phase] for phase in STEP] == pytest.approx([1e-3, 2e-3, 1e-3])
    assert sum(spent["phases"][phase] for phase in PHASES) == pytest.approx(4e-3)
    timer.lap("data")
    timer.step([(torch.ones(4, 1),)])
    assert timer.exact, "the first step after each report is split"


def test_slow_steps_are_all_split(monkeypatch):
    timer, split, _ = clocked(monkeypatch, 1e-2, 20)
    assert all(split)
    assert timer.unsplit == 0
