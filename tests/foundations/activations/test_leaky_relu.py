import pytest
import torch
import torch.nn.functional as F

from cartograd.foundations.activations.leaky_relu import derivative, leaky_relu

GRID = torch.linspace(-30, 30, 601, dtype=torch.float64)


@pytest.mark.oracle("leaky-relu")
@pytest.mark.parametrize("slope", [0.01, 0.3])
def test_equals_torch_with_gradients(slope):
    ours, theirs = GRID.clone().requires_grad_(), GRID.clone().requires_grad_()
    value, expected = leaky_relu(ours, negative_slope=slope), F.leaky_relu(theirs, slope)
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-10)
    value.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.law("leaky-relu")
def test_autograds_gradient_is_the_derivative():
    z = torch.tensor([-2.0, -0.0, 0.0, 1e-30, 3.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(leaky_relu(z, negative_slope=0.2).sum(), z)
    assert gradient.tolist() == [0.2, 0.2, 0.2, 1, 1]
    assert torch.equal(gradient, derivative(z.detach(), negative_slope=0.2))


@pytest.mark.law("leaky-relu")
def test_between_relu_and_the_identity():
    assert torch.equal(leaky_relu(GRID, negative_slope=0.0), torch.relu(GRID))
    assert torch.equal(leaky_relu(GRID, negative_slope=1.0), GRID)
