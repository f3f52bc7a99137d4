import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.core.build import build
from cartograd.engine.loop.fit import fit
from cartograd.training.objectives.classify import Classify
from cartograd.training.objectives.sharpness_aware import SharpnessAware


def example():
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    return model, (torch.randn(8, 4, dtype=torch.float64), torch.randint(3, (8,)))


@pytest.mark.law("sharpness-aware")
def test_equals_moving_the_weights_by_hand():
    model, (x, y) = example()
    other = copy.deepcopy(model)
    (loss,) = SharpnessAware(model=model, rho=0.3).losses((x, y))
    found = torch.autograd.grad(loss.value.mean(), list(model.parameters()))
    weights = list(other.parameters())
    slopes = torch.autograd.grad(F.cross_entropy(other(x), y), weights)
    length = torch.cat([slope.flatten() for slope in slopes]).norm()
    with torch.no_grad():
        for weight, slope in zip(weights, slopes, strict=True):
            weight += 0.3 * slope / length
    expected = torch.autograd.grad(F.cross_entropy(other(x), y), weights)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.law("sharpness-aware")
def test_without_reach_it_is_classify():
    model, batch = example()
    before = copy.deepcopy(model.state_dict())
    (one,) = SharpnessAware(model=model, rho=0.0).losses(batch)
    (two,) = Classify(model=model).losses(batch)
    torch.testing.assert_close(one.value, two.value, rtol=0, atol=1e-12)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


class TwoMinima(nn.Module):
    """A score whose loss has a narrow minimum at 0 and a wide one at 2, equally deep."""

    def __init__(self, start):
        super().__init__()
        self.place = nn.Parameter(torch.tensor(start))

    def forward(self, x):
        w = self.place
        depth = 3 * (-((w / 0.1) ** 2)).exp() + 3 * (-((w - 2) ** 2)).exp()
        return torch.stack((depth + 0 * x[:, 0], 0 * x[:, 0]), 1)


def settled(spec, *, start):
    """Where descent from a start in one of the minima ends."""
    batch = torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64)
    model = TwoMinima(start)
    task = build(spec, model=model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(1500):
        optimizer.zero_grad()
        next(task.losses(batch)).value.mean().backward()
        optimizer.step()
    return model.place.item()


@pytest.mark.law("sharpness-aware")
def test_is_pushed_out_of_the_narrow_of_two_equally_deep_minima():
    assert settled("classify", start=0.03) == pytest.approx(0, abs=0.02)
    assert settled("sharpness-aware:rho=0.3", start=0.03) == pytest.approx(0.3, abs=0.02)
    assert settled("sharpness-aware:rho=0.3", start=2.03) == pytest.approx(2, abs=0.02)


def test_validates_at_the_weights_themselves():
    model, batch = example()
    run = fit(
        SharpnessAware(model=model),
        [batch],
        optimizers="sgd:lr=0.5",
        epochs=5,
        validate=[batch],
        device="cpu",
    )
    expected = F.cross_entropy(model(batch[0]), batch[1]).item()
    assert run.history[-1]["valid/loss"] == pytest.approx(min(r["valid/loss"] for r in run.history))
    assert run.history[-1]["valid/loss"] == pytest.approx(expected, rel=1e-5)
