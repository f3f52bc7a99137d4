import pytest
import torch

from cartograd.training.optimizers import adam, adamw
from tests.training.optimizers.support import close, ours, torchs


@pytest.mark.oracle("adamw")
def test_equals_torch():
    settings = {"lr": 0.05, "betas": (0.8, 0.95), "weight_decay": 0.3}
    found = ours(adamw.update, eps=1e-6, **settings)
    close(found, torchs(torch.optim.AdamW, eps=1e-6, **settings))


@pytest.mark.law("adamw")
def test_all_weights_decay_alike_but_not_with_the_penalty_in_adams_gradient():
    """Two weights, one with large gradients that swing about zero: only the decay moves them."""
    size = torch.tensor([0.01, 100.0], dtype=torch.float64)

    def trained(update, *, decay=0.0, **settings):
        weight, memory = torch.ones(2, dtype=torch.float64), {}
        for step in range(400):
            swing = size * (1 if step % 2 else -1)
            found = update(weight, swing + decay * weight, memory, lr=0.01, **settings)
            weight, memory = found
        return weight

    beside, within = trained(adamw.update, weight_decay=0.1), trained(adam.update, decay=0.1)
    assert (beside - 0.67).abs().max() < 0.05
    assert within[0] < 0.2
    assert within[1] > 0.95
