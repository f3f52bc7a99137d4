import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.sigmoid import sigmoid
from cartograd.foundations.neuron import Neuron


@pytest.mark.oracle("neuron")
def test_equals_linear_with_gradients():
    ours, theirs = Neuron(features=6, classes=1).double(), nn.Linear(6, 1).double()
    ours.load_state_dict({"weight": theirs.weight[0], "bias": theirs.bias[0]})
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    z = theirs(x.flatten(1))
    torch.testing.assert_close(ours(x), z, rtol=0, atol=1e-10)
    ours(x).square().sum().backward()
    z.square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad[0], rtol=0, atol=1e-10)
    torch.testing.assert_close(ours.bias.grad, theirs.bias.grad[0], rtol=0, atol=1e-10)


@pytest.mark.law("neuron")
def test_its_softmax_is_a_sigmoid():
    x = torch.randn(50, 3, dtype=torch.float64)
    classifier = Neuron(features=3).double()
    z = x @ classifier.weight + classifier.bias
    torch.testing.assert_close(classifier(x).softmax(1)[:, 1], sigmoid(z), rtol=0, atol=1e-10)


def test_starts_as_torchs_linear():
    weights = Neuron(features=10_000).weight
    assert weights.abs().max() <= 0.01
    assert weights.std().item() == pytest.approx(0.01 / 3**0.5, rel=0.05)


def test_learns_two_classes_and_a_value():
    x = torch.randn(200, 3)
    score = x @ torch.tensor([2.0, -1.0, 0.5]) + 0.3
    for objective, targets in (("classify", (score > 0).long()), ("regress", score[:, None])):
        unit = Neuron(features=3, classes=2 if objective == "classify" else 1)
        task = build(objective, model=unit)
        optimizer = torch.optim.LBFGS(unit.parameters(), max_iter=50, line_search_fn="strong_wolfe")

        def closure(task=task, targets=targets, optimizer=optimizer):
            optimizer.zero_grad()
            loss = next(task.losses((x, targets))).value.mean()
            loss.backward()
            return loss

        optimizer.step(closure)
        assert closure().item() < 0.02
    torch.testing.assert_close(unit.weight, torch.tensor([2.0, -1.0, 0.5]), rtol=0, atol=1e-3)
    assert unit.bias.item() == pytest.approx(0.3, abs=1e-3)


def test_more_than_two_classes_are_refused():
    with pytest.raises(UsageError, match="there are 3; use softmax-regression"):
        Neuron(features=4, classes=3)
