"""The step that keeps torch's lists is torch's, to the bit, whatever happens in between."""

import copy

import pytest
import torch
from torch import nn

from cartograd.engine.optim.fused_step import LOOKS, FusedStep

SETTINGS = [
    (torch.optim.AdamW, {"lr": 0.1, "weight_decay": 0.3}),
    (torch.optim.Adam, {"lr": 0.1, "weight_decay": 0.3, "maximize": True}),
    (torch.optim.Adam, {"lr": 0.1, "betas": (0.5, 0.7), "decoupled_weight_decay": True}),
    (torch.optim.Adam, {"lr": 0.1, "amsgrad": True}),
    (torch.optim.SGD, {"lr": 0.1}),
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (torch.optim.RMSprop, {"lr": 0.1}),
]


class Counted:
    """An optimizer that counts how often torch looks at its weights."""

    def __init__(self, make, told):
        torch.manual_seed(0)
        shapes = (3, 2), (4,), (), (2,)
        self.weights = [nn.Parameter(torch.randn(shape)) for shape in shapes]
        self.weights[3] = nn.Parameter(self.weights[3].detach().double())
        groups = [{"params": self.weights[:2]}, {"params": self.weights[2:], "weight_decay": 0.0}]
        fused = {"fused": True} if make is not torch.optim.RMSprop else {}
        self.optimizer = make(groups, **told, **fused)
        self.looked, look = 0, self.optimizer._init_group

        def counted(*args, **named):
            self.looked += 1
            return look(*args, **named)

        self.optimizer._init_group = counted

    def give(self, step, idle=()):
        """Gradients that are a function of the step, but for some weights."""
        draw = torch.Generator().manual_seed(step)
        for number, weight in enumerate(self.weights):
            gradient = torch.randn(weight.shape, generator=draw).to(weight.dtype)
            weight.grad = None if number in idle else gradient


def equal(one, other):
    for mine, theirs in zip(one.weights, other.weights, strict=True):
        assert torch.equal(mine, theirs)
    for mine, theirs in zip(*(x.optimizer.state_dict()["state"].items() for x in (one, other)),
                            strict=True):  # fmt: skip
        assert mine[0] == theirs[0]
        assert mine[1].keys() == theirs[1].keys()
        for key, value in mine[1].items():
            assert torch.equal(value, theirs[1][key]), key


@pytest.mark.parametrize(("make", "told"), SETTINGS)
def test_weights_and_states_are_those_of_torchs_own_step(make, told):
    ours, theirs = Counted(make, told), Counted(make, told)
    step = FusedStep(ours.optimizer)

    def both(number, idle=()):
        for one, go in ((ours, step), (theirs, theirs.optimizer.step)):
            one.give(number, idle)
            one.optimizer.param_groups[0]["lr"] = 0.1 / number  # as a schedule does
            go()
        equal(ours, theirs)

    for number in range(1, 7):
        both(number)
    quick = make is not torch.optim.RMSprop and not told.get("amsgrad")
    assert ours.looked == (2 if quick else 12)
    assert theirs.looked == 12
    for number, idle in enumerate([(1,), (1,), (), (0, 2), ()], start=7):
        both(number, idle)
    for one in (ours, theirs):  # a checkpoint of it, and one tensor that somebody replaced
        one.optimizer.load_state_dict(copy.deepcopy(one.optimizer.state_dict()))
    both(20)
    both(21)
    for one in (ours, theirs):
        for key, value in one.optimizer.state[one.weights[0]].items():
            one.optimizer.state[one.weights[0]][key] = value / 2
    both(22)
    both(23)
    for one in (ours, theirs):
        one.weights.append(nn.Parameter(torch.ones(2)))
        one.optimizer.add_param_group({"params": one.weights[-1:]})
    both(24)
    both(25)


def test_weights_that_take_turns_are_left_to_torch_in_the_end():
    """But where the lists that were kept last fit."""
    ours, theirs = Counted(*SETTINGS[0]), Counted(*SETTINGS[0])
    step, turns = FusedStep(ours.optimizer), LOOKS + 8
    for number in range(turns):
        for one, go in ((ours, step), (theirs, theirs.optimizer.step)):
            one.give(number, (number % 2,))
            go()
    equal(ours, theirs)
    assert step.looks == 0
    assert ours.looked == 2 * (turns - 4)


def test_hooks_are_called_and_a_step_of_ones_own_is_taken():
    ours = Counted(*SETTINGS[0])
    step, called = FusedStep(ours.optimizer), []
    for number in range(3):
        ours.give(number)
        step()
    handle = ours.optimizer.register_step_post_hook(lambda *_: called.append("hook"))
    step()
    handle.remove()
    ours.optimizer.step = lambda: called.append("own")
    step()
    assert called == ["hook", "own"]
