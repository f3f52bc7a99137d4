import pytest
import torch
from torch import nn

from cartograd.architectures.mlp import MLP
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.dead_units import dead_units


def trained(activation, *, lr):
    """A network after some steps; a rate far too large kills units of a ReLU."""
    torch.manual_seed(0)
    x = torch.randn(200, 4)
    y = (x[:, 0] * x[:, 1] > 0).long()
    model = MLP(features=4, classes=2, widths=(32, 32), activation=activation)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model, x


@pytest.mark.place("activation/relu")
def test_a_rate_too_large_kills_relus_but_no_leaky_ones():
    alive, killed = (dead_units(*trained("relu", lr=lr)) for lr in (0.01, 3.0))
    assert list(alive) == ["activations.0", "activations.1"]
    assert alive["activations.0"] == 0
    assert killed["activations.1"] > 0.2
    assert set(dead_units(*trained("leaky-relu", lr=3.0)).values()) == {0.0}


def test_a_dead_unit_gets_no_gradient():
    model, x = trained("relu", lr=3.0)
    model.zero_grad()
    model(x).square().sum().backward()
    silent = (model.hidden[1].weight.grad == 0).all(1).double().mean().item()
    assert dead_units(model, x)["activations.1"] == pytest.approx(silent)


def test_counts_exactly_and_by_channel():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU())
    model[0].weight.data.fill_(1)
    model[0].bias.data = torch.tensor([-5.0, -0.9, 0.0, -9.0])
    model.train()
    assert dead_units(model, torch.rand(3, 1, 2, 2).clamp(max=0.8)) == {"1": 0.75}
    assert model.training
    assert not model[1]._forward_pre_hooks


def test_a_model_without_activations_is_refused():
    with pytest.raises(UsageError, match="has no activation among its modules"):
        dead_units(nn.Linear(2, 2), torch.ones(1, 2))
