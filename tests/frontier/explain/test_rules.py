"""Rules of differentiation, wherever an operation is called."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cartograd.core.errors import UsageError
from cartograd.frontier.explain.deconvnet import deconvnet
from cartograd.frontier.explain.guided_backprop import guided_backprop
from cartograd.frontier.explain.rules import RELUS_IN_PLACE, Rules, of_relus
from tests.reference import Reference

captum = Reference("captum.attr")
METHODS = {"guided-backprop": guided_backprop, "deconvnet": deconvnet}
EACH = pytest.mark.parametrize("name", METHODS)


class Written(nn.Module):
    """One network, its ReLUs written in a way of one's own."""

    def __init__(self, how):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
        self.last, self.how = nn.Linear(4 * 25, 3), how
        self.one = nn.ReLU()

    def forward(self, x):
        h = self.how(self, self.first(x))
        h = self.how(self, self.second(h)) + h
        return self.last(self.how(self, h).flatten(1))


def in_place(_, h):
    h = h + 0
    h.relu_()
    return h


WAYS = {
    "shared module": lambda own, h: own.one(h),
    "F.relu": lambda _, h: F.relu(h),
    "F.relu in place": lambda _, h: F.relu(h + 0, inplace=True),
    "torch.relu": lambda _, h: torch.relu(h),
    "relu_": in_place,
    "clamp": lambda _, h: h.clamp(min=0),
    "clamp_min_": lambda _, h: (h + 0).clamp_min_(0.0),
}


def modules():
    """The same with a module for each ReLU, which hooks can see."""
    model = Written(WAYS["F.relu"]).double().eval()
    model.parts = nn.ModuleList(nn.ReLU() for _ in range(3))
    left = iter(())

    def how(own, h):
        nonlocal left
        part = next(left, None)
        if part is None:
            left = iter(own.parts)
            part = next(left)
        return part(h)

    model.how = how
    return model


def pictures():
    torch.manual_seed(1)
    return torch.randn(3, 2, 7, 7).double()


@pytest.mark.filterwarnings("ignore:Setting backward hooks")
@pytest.mark.oracle("guided-backprop", "deconvnet")
@EACH
def test_what_relus_pass_back_is_captums(name):
    reference = {"guided-backprop": "GuidedBackprop", "deconvnet": "Deconvolution"}[name]
    model, x, target = modules(), pictures(), torch.tensor([0, 2, 1])
    found = METHODS[name](model, x, target=target)
    explainer = getattr(captum, reference)(modules())
    expected = explainer.attribute(x.clone().requires_grad_(), target=target)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.law("guided-backprop", "deconvnet")
@EACH
@pytest.mark.parametrize("way", WAYS)
def test_however_a_relu_is_written(name, way):
    x, target = pictures(), torch.tensor([0, 2, 1])
    expected = METHODS[name](modules(), x, target=target)
    model = Written(WAYS[way]).double()
    before = copy.deepcopy(model.state_dict())
    torch.testing.assert_close(METHODS[name](model, x, target=target), expected, rtol=0, atol=0)
    assert model.training
    assert all(part.grad is None and part.requires_grad for part in model.parameters())
    assert not any(part._forward_hooks or part._backward_hooks for part in model.modules())
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert not x.requires_grad


@EACH
def test_a_model_without_relus_is_refused(name):
    with pytest.raises(UsageError, match=r"calls no ReLU.*saliency"):
        METHODS[name](nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.rand(2, 3))


def test_what_is_changed_in_place_is_changed_and_after_an_exception_all_is_as_before():
    x = torch.tensor([-1.0, 2.0])
    rules = Rules(of_relus(lambda given: given * 10))
    with rules:
        RELUS_IN_PLACE[1](x)
        assert x.tolist() == [-10, 20]
        assert F.relu(x).tolist() == [-100, 200]
    assert rules.met == 2
    with pytest.raises(TypeError), rules:
        F.relu(None)
    assert F.relu(x).tolist() == [0, 20]
