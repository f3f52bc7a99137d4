import pytest
import torch

from cartograd.foundations.activations.scaled_tanh import derivative, scaled_tanh
from cartograd.foundations.activations.tanh import tanh

GRID = torch.linspace(-30, 30, 601, dtype=torch.float64)


@pytest.mark.law("scaled-tanh")
def test_autograds_gradient_is_the_derivative():
    z = GRID.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(scaled_tanh(z).sum(), z)
    torch.testing.assert_close(derivative(GRID), gradient, rtol=1e-10, atol=1e-15)


@pytest.mark.law("scaled-tanh")
def test_unscaled_is_tanh():
    assert torch.equal(scaled_tanh(GRID, amplitude=1.0, steepness=1.0), tanh(GRID))


@pytest.mark.paper("scaled-tanh")
def test_maps_one_to_one_and_bends_most_there():
    ends = scaled_tanh(torch.tensor([-1.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(
        ends, torch.tensor([-1.0, 1.0], dtype=torch.float64), rtol=0, atol=1e-5
    )
    z = torch.linspace(0, 3, 3001, dtype=torch.float64, requires_grad=True)
    (curvature,) = torch.autograd.grad(derivative(z).sum(), z)
    assert z[curvature.abs().argmax()].item() == pytest.approx(1, abs=0.02)
