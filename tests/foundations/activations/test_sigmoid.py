import numpy as np
import pytest
import torch

from cartograd.foundations.activations.sigmoid import derivative, sigmoid
from tests.reference import Reference

special = Reference("scipy.special")

GRID = torch.linspace(-30, 30, 601, dtype=torch.float64)


@pytest.mark.oracle("sigmoid")
def test_equals_scipy():
    np.testing.assert_allclose(sigmoid(GRID), special.expit(GRID.numpy()), rtol=0, atol=1e-10)


@pytest.mark.law("sigmoid")
def test_autograds_gradient_is_the_derivative():
    z = GRID.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(sigmoid(z).sum(), z)
    torch.testing.assert_close(derivative(GRID), gradient, rtol=1e-10, atol=1e-15)
    assert derivative(torch.zeros(())).item() == 0.25


@pytest.mark.law("sigmoid")
def test_is_symmetric():
    torch.testing.assert_close(sigmoid(-GRID), 1 - sigmoid(GRID), rtol=0, atol=1e-15)


@pytest.mark.law("sigmoid")
def test_saturates_without_overflow():
    far = torch.tensor([-1e4, 1e4], requires_grad=True)
    value = sigmoid(far)
    (gradient,) = torch.autograd.grad(value.sum(), far)
    assert value.tolist() == [0, 1]
    assert gradient.tolist() == [0, 0]


@pytest.mark.paper("sigmoid")
def test_worked_example_of_the_notes():
    value = sigmoid(torch.tensor([-0.5, 1.2, 0.3], dtype=torch.float64))
    assert value.numpy().round(3).tolist() == [0.378, 0.769, 0.574]
