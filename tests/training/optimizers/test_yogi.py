import math

import pytest
import torch

from cartograd.training.optimizers import yogi
from tests.frontier.federated.support import averaged, founded, row, trained
from tests.training.optimizers.support import START, gradient, ours


@pytest.mark.law("yogi")
def test_equals_the_formula_number_by_number():
    weights = START.flatten().tolist()
    means, squares, path = [0.0] * len(weights), [0.0] * len(weights), []
    for _ in range(20):
        slopes = gradient(torch.tensor(weights, dtype=torch.float64).reshape(START.shape))
        for i, g in enumerate(slopes.flatten().tolist()):
            means[i] = 0.8 * means[i] + 0.2 * g
            sign = (squares[i] > g * g) - (squares[i] < g * g)
            squares[i] -= 0.05 * sign * g * g
            weights[i] -= 0.03 * means[i] / (math.sqrt(squares[i]) + 1e-3)
        path.append(list(weights))
    found = ours(yogi.update, lr=0.03, betas=(0.8, 0.95), eps=1e-3)
    right = torch.tensor(path, dtype=torch.float64).reshape(found.shape)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-12)


@pytest.mark.law("yogi")
def test_a_large_gradient_is_forgotten_slowly():
    weight = torch.zeros(1, dtype=torch.float64)
    _, memory = yogi.update(weight, torch.full_like(weight, 100.0), {}, betas=(0.9, 0.9))
    begun = memory["squares"].item()
    for _ in range(50):
        _, memory = yogi.update(weight, torch.full_like(weight, 0.1), memory, betas=(0.9, 0.9))
    assert begun - memory["squares"].item() == pytest.approx(50 * 0.1 * 0.01)
    assert memory["squares"].item() > 0.99 * begun > 0.9**50 * begun  # of which Adam keeps this


@pytest.mark.law("yogi")
@pytest.mark.law("fedavg")
def test_it_is_a_servers_step():
    """FedYogi: what the clients found, turned round, is the gradient."""
    federation = founded(alpha=0.5, lr=0.3, local_epochs=2)
    start = row(federation).clone()
    update = averaged(federation, steps=2, lr=0.3) - start
    right, _ = yogi.update(start, -update, {}, lr=0.02)
    found, _ = trained(federation, optimizer="yogi:lr=0.02")
    torch.testing.assert_close(found, right, rtol=0, atol=1e-12)
