import pytest
import torch
from torch import nn

from cartograd.architectures.mlp import MLP
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.sources.xor import CORNERS
from cartograd.engine.loop.fit import fit
from cartograd.training.objectives.classify import Classify

XOR = CORNERS, torch.tensor([0, 1, 1, 0])


def count(model):
    return sum(weight.numel() for weight in model.parameters())


def solve_xor(model):
    fit(Classify(model=model), [XOR], optimizers="adam:lr=0.03", epochs=150, device="cpu")
    return (model(CORNERS).argmax(1) == XOR[1]).double().mean().item()


@pytest.mark.oracle("mlp")
@pytest.mark.parametrize(("activation", "layer"), [("relu", nn.ReLU), ("tanh", nn.Tanh)])
def test_equals_a_sequential_with_gradients(activation, layer):
    ours = MLP(features=12, classes=4, widths=(7, 5), activation=activation).double()
    theirs = nn.Sequential(
        nn.Flatten(), nn.Linear(12, 7), layer(), nn.Linear(7, 5), layer(), nn.Linear(5, 4)
    ).double()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(mine.data)
    x = torch.randn(6, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-10)
    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=0, atol=1e-10)


@pytest.mark.law("mlp")
@pytest.mark.parametrize("seed", range(5))
def test_solves_xor(seed):
    torch.manual_seed(seed)
    assert solve_xor(MLP(features=2, classes=2, widths=(16,))) == 1


@pytest.mark.law("mlp")
def test_without_a_hidden_layer_it_cannot():
    assert solve_xor(build("softmax-regression", features=2, classes=2)) <= 0.75


@pytest.mark.paper("mlp")
def test_parameter_counts():
    assert count(MLP(features=784, classes=10, widths=(128, 64))) == 109_386
    assert count(build("softmax-regression", features=784, classes=10)) == 7_850


def test_dropout_acts_in_training_only():
    model = MLP(features=4, classes=2, widths=(64,), dropout=0.5)
    x = torch.randn(3, 4)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_unknown_activation_shows_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'sigmoid'"):
        MLP(features=4, classes=2, activation="sigmoide")
