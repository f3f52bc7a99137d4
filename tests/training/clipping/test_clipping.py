"""Clipping: against torch.nn.utils, against the formula unit by unit, and through the engine."""

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.engine.loop.fit import fit
from cartograd.training.clipping import adaptive, norm, value
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def network() -> nn.Module:
    """Convolution, batch statistics and a matrix in float64, with gradients."""
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4))
    net.double()
    (30 * net(torch.randn(6, 2, 4, 4, dtype=torch.float64)).square().sum()).backward()
    return net


def parts(net):
    weights = [parameter.detach() for parameter in net.parameters()]
    return [parameter.grad.clone() for parameter in net.parameters()], weights


@pytest.mark.oracle("norm")
@pytest.mark.parametrize("limit", [1e-3, 1.0, 1e9])
def test_norm_is_torchs(limit):
    net = network()
    gradients, weights = parts(net)
    ours = norm.clip(gradients, weights, norm.length(gradients), max=limit)
    total = nn.utils.clip_grad_norm_(net.parameters(), limit)
    torch.testing.assert_close(norm.length(gradients), total, atol=0, rtol=1e-12)
    for mine, parameter in zip(ours, net.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad, atol=1e-12, rtol=1e-12)


@pytest.mark.law("norm")
def test_norm_keeps_the_direction():
    gradients, weights = parts(network())
    clipped = norm.clip(gradients, weights, norm.length(gradients), max=0.3)
    assert float(norm.length(clipped)) == pytest.approx(0.3, rel=1e-5)
    factors = torch.cat([(c / g).flatten() for c, g in zip(clipped, gradients, strict=True)])
    torch.testing.assert_close(factors, factors[:1].expand_as(factors))


@pytest.mark.oracle("value")
def test_value_is_torchs():
    net = network()
    gradients, weights = parts(net)
    ours = value.clip(gradients, weights, norm.length(gradients), max=0.4)
    nn.utils.clip_grad_value_(net.parameters(), 0.4)
    assert all(torch.equal(a, b.grad) for a, b in zip(ours, net.parameters(), strict=True))


@pytest.mark.law("value")
def test_value_stays_within_its_bounds():
    gradients, weights = parts(network())
    for a, b in zip(value.clip(gradients, weights, norm.length(gradients)), gradients, strict=True):
        assert a.abs().max() <= 0.5
        assert torch.equal(a[b.abs() <= 0.5], b[b.abs() <= 0.5])


@pytest.mark.law("adaptive")
def test_adaptive_is_the_formula_unit_by_unit():
    gradients, weights = parts(network())
    gradients[0][1] *= 1e-9
    ours = adaptive.clip(gradients, weights, norm.length(gradients), max=0.02, eps=1e-3)
    assert torch.equal(ours[0][1], gradients[0][1])
    for mine, gradient, weight in zip(ours, gradients, weights, strict=True):
        units = range(len(weight)) if weight.ndim > 1 else [slice(None)]
        for unit in units:
            g, w = gradient[unit], weight[unit]
            limit = 0.02 * max(float(w.square().sum().sqrt()), 1e-3)
            length = float(g.square().sum().sqrt())
            expected = g * limit / length if length > limit else g
            torch.testing.assert_close(mine[unit], expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("given", [0.05, "0.05", "norm:max=0.05", "value:max=0.01", "adaptive"])
def test_the_engine_clips_by_name_and_notes_the_norm(given):
    x, y = quadrants(60)
    model, other = mlp(2, 8, 2).double(), mlp(2, 8, 2).double()
    data = Toy(x.double(), y, batch_size=20)
    run = fit(Supervised(model), data, optimizers="sgd:lr=0.5", clip=given, epochs=2)
    name, way = "norm", {"max": 0.05}
    if isinstance(given, str) and given[0].isalpha():
        name, way = ("value", {"max": 0.01}) if "value" in given else (name, way)
        name, way = ("adaptive", {}) if given == "adaptive" else (name, way)
    clip, norms = build(name, **way), []
    for epoch in range(2):
        for a, b in data.epoch(epoch, seed=0):
            loss = nn.functional.cross_entropy(other(a), b)
            gradients = torch.autograd.grad(loss, list(other.parameters()))
            norms.append(float(norm.length(gradients)))
            weights = [p.detach() for p in other.parameters()]
            clipped = clip(list(gradients), weights, norm.length(gradients))
            for weight, gradient in zip(weights, clipped, strict=True):
                weight -= 0.5 * gradient
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)
    means = [record["train/gradient_norm"] for record in run.history]
    assert means == pytest.approx([sum(norms[:3]) / 3, sum(norms[3:]) / 3], rel=1e-12)
