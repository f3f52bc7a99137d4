import numpy as np
import pytest
import torch

from cartograd.foundations.activations.sigmoid import sigmoid
from cartograd.foundations.activations.tanh import derivative, tanh

GRID = torch.linspace(-30, 30, 601, dtype=torch.float64)


@pytest.mark.oracle("tanh")
def test_equals_numpy():
    np.testing.assert_allclose(tanh(GRID), np.tanh(GRID.numpy()), rtol=0, atol=1e-10)


@pytest.mark.law("tanh")
def test_is_a_stretched_sigmoid():
    torch.testing.assert_close(tanh(GRID), 2 * sigmoid(2 * GRID) - 1, rtol=0, atol=1e-15)


@pytest.mark.law("tanh")
def test_autograds_gradient_is_the_derivative():
    z = GRID.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(tanh(z).sum(), z)
    torch.testing.assert_close(derivative(GRID), gradient, rtol=1e-10, atol=1e-15)
