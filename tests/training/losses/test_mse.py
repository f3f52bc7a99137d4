import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cartograd.core.errors import UsageError
from cartograd.training.losses.mse import mse
from tests.reference import Reference

metrics = Reference("sklearn.metrics")


def pair(*shape):
    return torch.randn(2, *shape, dtype=torch.float64)


@pytest.mark.oracle("mse")
@pytest.mark.parametrize("shape", [(9, 1), (9, 4), (9, 2, 3)])
def test_equals_torch_with_gradients(shape):
    outputs, targets = pair(*shape)
    ours, theirs = outputs.clone().requires_grad_(), outputs.clone().requires_grad_()
    loss, expected = mse(ours, targets), F.mse_loss(theirs, targets)
    assert loss.shape == (9,)
    torch.testing.assert_close(loss.mean(), expected, rtol=0, atol=1e-10)
    loss.mean().backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.oracle("mse")
def test_equals_scikit_learn():
    outputs, targets = pair(9, 4)
    expected = metrics.mean_squared_error(targets.numpy(), outputs.numpy())
    np.testing.assert_allclose(mse(outputs, targets).mean(), expected, rtol=0, atol=1e-10)


@pytest.mark.law("mse")
def test_gradient_is_in_proportion_to_the_error():
    outputs, targets = pair(9, 4)
    outputs.requires_grad_()
    (gradient,) = torch.autograd.grad(mse(outputs, targets).sum(), outputs)
    torch.testing.assert_close(gradient, 2 * (outputs - targets) / 4, rtol=0, atol=1e-12)


def test_what_is_not_one_to_one_is_refused():
    """Of as many examples as values torch would stretch one over the other without a word."""
    with pytest.raises(UsageError, match="are not one to one"):
        mse(torch.zeros(2, 2), torch.zeros(2))
