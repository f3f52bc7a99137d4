import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.training.optimizers import muon
from tests.training.optimizers.support import close, ours, torchs


@pytest.mark.oracle("muon")
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_equals_torch(shape):
    start, target = torch.randn(2, *shape, dtype=torch.float64)
    both = {"start": start, "slope": lambda w: w - target, "lr": 0.05, "momentum": 0.8}
    close(
        ours(muon.update, weight_decay=0.3, **both),
        torchs(torch.optim.Muon, weight_decay=0.3, **both),
    )


@pytest.mark.law("muon")
def test_all_directions_become_equally_long():
    u, v = (torch.linalg.qr(torch.randn(8, 8)).Q for _ in range(2))
    sizes = torch.logspace(0, -2, 8)
    step = muon.orthogonal(u @ sizes.diag() @ v.T)
    lengths = (u.T @ step @ v).diagonal()
    assert lengths.min() > 0.6
    assert lengths.max() < 1.3
    assert (u.T @ step @ v - lengths.diag()).abs().max() < 0.1


@pytest.mark.untyped
def test_vectors_are_refused():
    with pytest.raises(UsageError, match="muon steps matrices only"):
        muon.update(torch.ones(3), torch.ones(3), {})
