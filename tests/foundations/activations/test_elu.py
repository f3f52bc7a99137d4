import pytest
import torch
import torch.nn.functional as F

from cartograd.foundations.activations.elu import derivative, elu

GRID = torch.linspace(-30, 30, 601, dtype=torch.float64)


@pytest.mark.oracle("elu")
@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_equals_torch_with_gradients(alpha):
    ours, theirs = GRID.clone().requires_grad_(), GRID.clone().requires_grad_()
    value, expected = elu(ours, alpha=alpha), F.elu(theirs, alpha)
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-10)
    value.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.law("elu")
def test_autograds_gradient_is_the_derivative():
    z = torch.cat((GRID, torch.tensor([-1e4, 1e4], dtype=torch.float64))).requires_grad_()
    (gradient,) = torch.autograd.grad(elu(z, alpha=0.3).sum(), z)
    assert gradient.isfinite().all()
    torch.testing.assert_close(derivative(z.detach(), alpha=0.3), gradient, rtol=0, atol=1e-15)


@pytest.mark.law("elu")
def test_levels_off_at_the_amplitude():
    far = elu(torch.tensor(-50.0, dtype=torch.float64), alpha=0.3)
    assert far.item() == pytest.approx(-0.3, abs=1e-12)
