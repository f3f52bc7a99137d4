import pytest
import torch

from cartograd.architectures.mlp import MLP
from cartograd.foundations.initialization.initialise import initialise


def trained(spec):
    """A small network after training, on a problem that one hidden unit cannot solve."""
    torch.manual_seed(0)
    x = torch.randn(200, 2, dtype=torch.float64)
    y = (x[:, 0] * x[:, 1] > 0).long()
    model = MLP(features=2, classes=2, widths=(6,), activation="tanh").double()
    initialise(model, spec)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(500):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    accuracy = (model(x).argmax(1) == y).double().mean().item()
    return model.hidden[0].weight.detach(), accuracy


@pytest.mark.law("initialiser constant")
def test_units_that_start_alike_stay_alike():
    constant, held_back = trained("constant:value=0.3")
    random, solved = trained("xavier")
    torch.testing.assert_close(constant, constant[:1].expand(6, 2), rtol=0, atol=1e-12)
    assert (constant - 0.3).abs().max() > 0.1  # they moved, all in the same way
    assert torch.pdist(random).min() > 0.1
    assert held_back < 0.8 < 0.95 < solved


@pytest.mark.law("initialiser constant")
def test_zeros_get_no_gradient():
    model = initialise(MLP(features=4, classes=3, widths=(5, 5)), "constant")
    loss = torch.nn.functional.cross_entropy(model(torch.randn(9, 4)), torch.arange(9) % 3)
    loss.backward()
    assert not any(layer.weight.grad.any() for layer in (*model.hidden, model.head))
    assert model.head.bias.grad is not None
