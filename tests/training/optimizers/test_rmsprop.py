import pytest
import torch

from cartograd.training.optimizers import rmsprop
from tests.training.optimizers.support import close, ours, torchs


@pytest.mark.oracle("rmsprop")
def test_equals_torch_without_a_floor():
    found = ours(rmsprop.update, lr=0.01, alpha=0.9, eps=0.0)
    close(found, torchs(torch.optim.RMSprop, lr=0.01, alpha=0.9, eps=0.0))


@pytest.mark.law("rmsprop")
@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_the_step_settles_at_the_rate(size):
    start = torch.zeros(1, dtype=torch.float64)
    path = ours(
        rmsprop.update,
        steps=300,
        lr=0.1,
        alpha=0.9,
        eps=0.0,
        start=start,
        slope=lambda _: start + size,
    )
    assert (path[-2] - path[-1]).item() == pytest.approx(0.1, rel=1e-6)
