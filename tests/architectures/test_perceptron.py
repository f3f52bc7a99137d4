import pytest
import torch

from cartograd.architectures.perceptron import Perceptron
from cartograd.core.errors import UsageError
from cartograd.data.sources.separable import separable
from cartograd.data.sources.xor import CORNERS
from cartograd.engine.loop.fit import fit
from cartograd.training.objectives.perceptron_rule import PerceptronRule
from tests.reference import Reference

linear_model = Reference("sklearn.linear_model")

XOR = CORNERS, torch.tensor([0, 1, 1, 0])


def train(model, x, y, *, epochs):
    """Rosenblatt's rule, one example at a time, in the given order; the mistakes of each epoch."""
    batches = [(x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
    objective = PerceptronRule(model=model)
    run = fit(objective, batches, optimizers="sgd:lr=1.0", epochs=epochs, device="cpu")
    return [round(len(x) * record["train/mistakes"]) for record in run.history]


def accuracy(model, x, y):
    return (model.decide(x) == y).double().mean().item()


@pytest.mark.place("activation/step")
@pytest.mark.law("perceptron")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("margin", "epochs"), [(0.1, 20), (0.3, 6)])
def test_mistakes_stay_within_novikoffs_bound(margin, epochs, seed):
    data = separable(examples=60, features=3, margin=margin, seed=seed).train
    model = Perceptron(features=3)
    mistakes = train(model, data.inputs, data.targets, epochs=epochs)
    radius = torch.cat((data.inputs, torch.ones(60, 1)), 1).norm(dim=1).max().item()
    assert 0 < sum(mistakes) <= (radius / margin) ** 2
    assert mistakes[-1] == 0
    assert accuracy(model, data.inputs, data.targets) == 1


@pytest.mark.law("perceptron")
@pytest.mark.parametrize("seed", range(5))
def test_never_right_on_more_than_three_corners_of_xor(seed):
    torch.manual_seed(seed)
    model = Perceptron(features=2)
    torch.nn.init.normal_(model.unit.weight)
    torch.nn.init.normal_(model.unit.bias)
    for _ in range(10):
        assert train(model, *XOR, epochs=1)[0] > 0
        assert accuracy(model, *XOR) <= 0.75


@pytest.mark.oracle("perceptron")
@pytest.mark.parametrize("epochs", [1, 3])
def test_equals_scikit_learn(epochs):
    x = torch.randn(80, 5, dtype=torch.float64)
    y = (x @ torch.randn(5, dtype=torch.float64) + torch.randn(80) > 0).long()
    y[0] = 1  # at the first example z is 0: a 'no' to us, undecided and so a mistake to them
    model = Perceptron(features=5).double()
    train(model, x, y, epochs=epochs)
    expected = linear_model.Perceptron(shuffle=False, max_iter=epochs, tol=None).fit(
        x.numpy(), y.numpy()
    )
    weight, bias = torch.tensor(expected.coef_[0]), torch.tensor(expected.intercept_[0])
    torch.testing.assert_close(model.unit.weight.detach(), weight, rtol=0, atol=1e-10)
    torch.testing.assert_close(model.unit.bias.detach(), bias, rtol=0, atol=1e-10)


def test_decides_as_its_logits():
    model = Perceptron(features=3)
    torch.nn.init.normal_(model.unit.weight)
    x = torch.cat((torch.randn(20, 3), torch.zeros(1, 3)))  # the last one is a tie
    assert torch.equal(model.decide(x), model(x).argmax(1).float())


@pytest.mark.parametrize(("classes", "advice"), [(1, "1 value; use neuron"), (3, "3 classes; use")])
def test_other_than_two_classes_are_refused(classes, advice):
    with pytest.raises(UsageError, match=advice):
        Perceptron(features=4, classes=classes)
