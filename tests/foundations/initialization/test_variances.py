import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.foundations.initialization.variances import variances


def test_measures_what_passes():
    model = nn.Sequential(nn.ReLU(), nn.Linear(3, 3, bias=False), nn.Tanh()).train()
    nn.init.eye_(model[1].weight)
    x = torch.rand(50, 3)
    first, last = variances(model, x)
    assert (first.name, last.name) == ("0", "2")
    assert first.activation == pytest.approx(x.var().item())
    assert last.activation == pytest.approx(x.tanh().var().item())
    noise = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    assert last.gradient == pytest.approx(noise.var().item())
    assert first.gradient == pytest.approx((noise * (1 - x.tanh().square())).var().item())
    assert model.training
    assert model[1].weight.grad is None


def test_a_model_without_activations_is_refused():
    with pytest.raises(UsageError, match="has no activation"):
        variances(nn.Linear(2, 2), torch.ones(1, 2))
