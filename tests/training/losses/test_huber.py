import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cartograd.core.errors import UsageError
from cartograd.training.losses.huber import huber
from cartograd.training.losses.mse import mse


@pytest.mark.oracle("huber")
@pytest.mark.parametrize("delta", [1.0, 0.3])
@pytest.mark.parametrize("shape", [(9, 1), (9, 4), (9, 2, 3)])
def test_equals_torch_with_gradients(shape, delta):
    outputs, targets = 2 * torch.randn(2, *shape, dtype=torch.float64)
    outputs[0] = targets[0]
    ours, theirs = outputs.clone().requires_grad_(), outputs.clone().requires_grad_()
    loss, expected = huber(ours, targets, delta=delta), F.huber_loss(theirs, targets, delta=delta)
    assert loss.shape == (9,)
    torch.testing.assert_close(loss.mean(), expected, rtol=0, atol=1e-10)
    loss.mean().backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


def fitted(loss):
    """Slope and intercept of the line 2 x + 1, from data with a tenth of wild targets."""
    x = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]
    y = 2 * x + 1 + 0.1 * torch.randn(x.shape, dtype=torch.float64)
    y[-10:] += 20
    line = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([line], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss(line[0] * x + line[1], y).mean()
        value.backward()
        return value

    optimizer.step(closure)
    return line.detach().numpy()


@pytest.mark.law("huber")
def test_outliers_pull_less():
    robust, squared = fitted(huber), fitted(mse)
    assert np.abs(robust - [2, 1]).max() < 0.5 < 2 < np.abs(squared - [2, 1]).max()


def test_what_is_not_one_to_one_is_refused():
    """Of as many examples as values torch would stretch one over the other without a word."""
    with pytest.raises(UsageError, match="are not one to one"):
        huber(torch.zeros(2, 2), torch.zeros(2))
