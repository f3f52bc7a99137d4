import pytest
import torch
from torch import nn

from cartograd.architectures.mlp import MLP
from cartograd.foundations.activations.layer import Activation
from cartograd.foundations.activations.prelu import PReLU


@pytest.mark.oracle("prelu")
def test_equals_torch_with_gradients():
    z = torch.randn(5, 4, dtype=torch.float64)
    ours, theirs = PReLU(init=0.3).double(), nn.PReLU(init=0.3).double()
    found = []
    for module in (ours, theirs):
        x = z.clone().requires_grad_()
        value = module(x)
        value.square().sum().backward()
        (weight,) = module.parameters()
        found.append((value.detach(), x.grad, weight.grad.reshape(())))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-10)


@pytest.mark.law("prelu")
def test_the_slope_is_learned():
    z = torch.randn(200, dtype=torch.float64)
    unit = PReLU().double()
    optimizer = torch.optim.SGD(unit.parameters(), lr=1.0)
    for _ in range(100):
        optimizer.zero_grad()
        (unit(z) - torch.where(z > 0, z, 0.7 * z)).square().mean().backward()
        optimizer.step()
    assert unit.slope.item() == pytest.approx(0.7, abs=1e-6)


def test_each_layer_of_a_network_has_its_own():
    model = MLP(features=3, classes=2, widths=(4, 4), activation="prelu:init=0.1")
    slopes = [part.function.slope for part in model.activations]
    assert len({id(slope) for slope in slopes}) == 2
    assert all(any(slope is other for other in model.parameters()) for slope in slopes)
    model(torch.randn(9, 3)).square().sum().backward()
    assert all(slope.grad != 0 for slope in slopes)
    assert repr(Activation("prelu")).startswith("Activation(")
