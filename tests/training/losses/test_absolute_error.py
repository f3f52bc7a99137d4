import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cartograd.core.errors import UsageError
from cartograd.training.losses.absolute_error import absolute_error
from tests.reference import Reference

metrics = Reference("sklearn.metrics")


def pair(*shape):
    return torch.randn(2, *shape, dtype=torch.float64)


@pytest.mark.oracle("absolute-error")
@pytest.mark.parametrize("shape", [(9, 1), (9, 4), (9, 2, 3)])
def test_equals_torch_with_gradients(shape):
    outputs, targets = pair(*shape)
    outputs[0] = targets[0]  # the kink
    ours, theirs = outputs.clone().requires_grad_(), outputs.clone().requires_grad_()
    loss, expected = absolute_error(ours, targets), F.l1_loss(theirs, targets)
    assert loss.shape == (9,)
    torch.testing.assert_close(loss.mean(), expected, rtol=0, atol=1e-10)
    loss.mean().backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.oracle("absolute-error")
def test_equals_scikit_learn():
    outputs, targets = pair(9, 4)
    expected = metrics.mean_absolute_error(targets.numpy(), outputs.numpy())
    np.testing.assert_allclose(absolute_error(outputs, targets).mean(), expected, atol=1e-10)


@pytest.mark.law("absolute-error")
def test_the_best_constant_is_the_median():
    targets = torch.randn(101, 1, dtype=torch.float64).exp()
    guesses = torch.cat((targets[:, 0], targets.mean(0)))
    losses = [absolute_error(g.expand(101, 1), targets).mean().item() for g in guesses]
    assert guesses[int(np.argmin(losses))] == targets.median()


def test_what_is_not_one_to_one_is_refused():
    """Of as many examples as values torch would stretch one over the other without a word."""
    with pytest.raises(UsageError, match="are not one to one"):
        absolute_error(torch.zeros(2, 2), torch.zeros(2))
