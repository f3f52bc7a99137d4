import pytest
import torch

from cartograd.training.optimizers import sgd
from tests.training.optimizers.support import close, ours, torchs


@pytest.mark.oracle("sgd")
def test_equals_torch():
    close(ours(sgd.update, lr=0.05), torchs(torch.optim.SGD, lr=0.05))


@pytest.mark.law("sgd")
def test_batches_are_unbiased():
    x, y = torch.randn(60, 3, dtype=torch.float64), torch.randn(60, dtype=torch.float64)
    w = torch.randn(3, dtype=torch.float64)
    whole = x.T @ (x @ w - y) / 60
    parts = [x[i : i + 6].T @ (x[i : i + 6] @ w - y[i : i + 6]) / 6 for i in range(0, 60, 6)]
    close(torch.stack(parts).mean(0), whole)
    assert torch.stack(parts).std(0).min() > 0.1


@pytest.mark.paper("sgd")
def test_worked_example_of_the_notes():
    w, g = torch.tensor([[0.5], [0.3]], dtype=torch.float64)
    assert sgd.update(w, g, {}, lr=0.01)[0].item() == pytest.approx(0.5 - 0.01 * 0.3, abs=1e-15)
