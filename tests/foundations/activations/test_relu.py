import numpy as np
import pytest
import torch

from cartograd.foundations.activations.relu import derivative, relu

GRID = torch.linspace(-30, 30, 601, dtype=torch.float64)


@pytest.mark.oracle("relu")
def test_equals_numpy():
    np.testing.assert_allclose(relu(GRID), np.maximum(0, GRID.numpy()), rtol=0, atol=1e-10)


@pytest.mark.law("relu")
def test_gradient_is_one_above_zero_and_zero_elsewhere():
    z = torch.tensor([-2.0, -0.0, 0.0, 1e-30, 3.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(relu(z).sum(), z)
    assert gradient.tolist() == [0, 0, 0, 1, 1]
    assert torch.equal(gradient, derivative(z.detach()))


@pytest.mark.paper("relu")
def test_worked_example_of_the_notes():
    torch.testing.assert_close(
        relu(torch.tensor([-0.5, 1.2, 0.3])), torch.tensor([0.0, 1.2, 0.3]), rtol=0, atol=0
    )
