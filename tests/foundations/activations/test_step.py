import numpy as np
import pytest
import torch

from cartograd.foundations.activations.step import derivative, step

GRID = torch.linspace(-3, 3, 601, dtype=torch.float64)


@pytest.mark.oracle("activation step")
def test_equals_numpy():
    np.testing.assert_array_equal(step(GRID), np.heaviside(GRID.numpy(), 0))


@pytest.mark.law("activation step")
def test_nothing_learns_through_it():
    weight = torch.ones(601, dtype=torch.float64, requires_grad=True)
    assert not step(weight * GRID).requires_grad
    assert not derivative(GRID).any()
