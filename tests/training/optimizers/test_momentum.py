import pytest
import torch

from cartograd.training.optimizers import momentum
from tests.training.optimizers.support import START, close, gradient, ours, torchs


@pytest.mark.oracle("momentum")
def test_equals_torch_at_a_constant_rate():
    settings = {"lr": 0.02, "momentum": 0.8}
    close(ours(momentum.update, **settings), torchs(torch.optim.SGD, **settings))


@pytest.mark.law("momentum")
def test_a_falling_rate_parts_the_forms():
    weight, memory = START, {}
    theirs = torch.nn.Parameter(START.clone())
    optimizer = torch.optim.SGD([theirs], lr=0.02, momentum=0.9)
    for lr in (0.02, 0.002):
        optimizer.param_groups[0]["lr"] = lr
        theirs.grad = gradient(theirs.detach())
        optimizer.step()
        weight, memory = momentum.update(weight, gradient(weight), memory, lr=lr)
    assert (weight - START).norm() > (theirs.detach() - START).norm() + 0.1
