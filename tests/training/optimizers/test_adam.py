import pytest
import torch

from cartograd.training.optimizers import adam
from tests.training.optimizers.support import close, gradient, ours, torchs


@pytest.mark.oracle("adam")
def test_equals_torch():
    settings = {"lr": 0.05, "betas": (0.8, 0.95)}
    close(ours(adam.update, eps=1e-6, **settings), torchs(torch.optim.Adam, eps=1e-6, **settings))


@pytest.mark.law("adam")
@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_steps_are_of_the_rate_from_the_first_on(size):
    start = torch.zeros(1, dtype=torch.float64)
    path = ours(adam.update, lr=0.1, eps=0.0, start=start, slope=lambda _: start + size)
    close(path[:, 0], -0.1 * torch.arange(1, 21, dtype=torch.float64))


@pytest.mark.law("adam")
def test_uncorrected_the_first_step_would_be_three_times_as_long():
    one = torch.ones(1, dtype=torch.float64)
    _, memory = adam.update(one, one, {})
    assert (memory["first"] / memory["second"].sqrt()).item() == pytest.approx(3.162, abs=1e-3)


@pytest.mark.law("adam")
def test_the_scale_of_the_loss_does_not_matter():
    one = ours(adam.update, lr=0.05, eps=0.0)
    other = ours(adam.update, lr=0.05, eps=0.0, slope=lambda w: 1000 * gradient(w))
    close(one, other)
