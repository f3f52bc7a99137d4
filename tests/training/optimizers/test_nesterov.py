import pytest
import torch

from cartograd.training.optimizers import nesterov
from tests.training.optimizers.support import START, close, gradient, ours, torchs

SETTINGS = {"lr": 0.02, "momentum": 0.8}


@pytest.mark.oracle("nesterov")
def test_equals_torch_at_a_constant_rate():
    close(ours(nesterov.update, **SETTINGS), torchs(torch.optim.SGD, nesterov=True, **SETTINGS))


@pytest.mark.law("nesterov")
def test_follows_the_look_ahead_form_of_the_notes():
    w, v = START, torch.zeros_like(START)
    u, memory = START, {}
    for _ in range(20):
        v = 0.8 * v + 0.02 * gradient(w - 0.8 * v)
        w = w - v
        u, memory = nesterov.update(u, gradient(u), memory, **SETTINGS)
        close(memory["velocity"], v)
        close(u + 0.8 * v, w)
