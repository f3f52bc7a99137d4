import numpy as np
import pytest
import torch

from cartograd.foundations.neuron import Neuron
from cartograd.training.losses.hinge import hinge
from tests.reference import Reference

datasets = Reference("sklearn.datasets")
metrics = Reference("sklearn.metrics")
svm = Reference("sklearn.svm")


@pytest.mark.oracle("hinge")
@pytest.mark.parametrize("classes", [2, 5])
def test_equals_scikit_learn(classes):
    z, targets = torch.randn(40, classes, dtype=torch.float64), torch.arange(40) % classes
    decision = (z[:, 1] - z[:, 0] if classes == 2 else z).numpy()
    expected = metrics.hinge_loss(targets.numpy(), decision)
    np.testing.assert_allclose(hinge(z, targets).mean(), expected, rtol=0, atol=1e-10)


@pytest.mark.oracle("hinge")
@pytest.mark.parametrize("margin", [1.0, 0.3])
def test_of_two_classes_equals_torch_with_gradients(margin):
    z, targets = torch.randn(40, 2, dtype=torch.float64), torch.arange(40) % 2
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    loss = hinge(ours, targets, margin=margin)
    expected = 2 * torch.nn.MultiMarginLoss(margin=margin, reduction="none")(theirs, targets)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-10)
    loss.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.law("hinge")
def test_beyond_the_margin_nothing_pulls():
    z = torch.tensor([[0.0, 1.5, -1.0], [0.0, 0.5, -1.0]], requires_grad=True)
    loss = hinge(z, torch.tensor([1, 1]))
    (gradient,) = torch.autograd.grad(loss.sum(), z)
    assert loss.tolist() == [0, 0.5]
    assert gradient.tolist() == [[0, 0, 0], [1, -1, 0]]


@pytest.mark.law("hinge")
def test_a_linear_model_with_it_is_a_support_vector_machine():
    data = datasets.load_breast_cancer()
    x = (data.data - data.data.mean(0)) / data.data.std(0)
    train, test = np.arange(569) % 3 != 0, np.arange(569) % 3 == 0
    machine = svm.LinearSVC(loss="hinge", C=1.0, max_iter=200_000).fit(x[train], data.target[train])
    unit = Neuron(features=30).double()
    inputs, targets = torch.tensor(x[train]), torch.tensor(data.target[train])
    optimizer = torch.optim.Adam(unit.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    for _ in range(600):
        optimizer.zero_grad()
        penalty = unit.weight.square().sum() / (2 * len(targets))
        (hinge(unit(inputs), targets).mean() + penalty).backward()
        optimizer.step()
        schedule.step()
    accuracy = (unit(torch.tensor(x[test])).argmax(1).numpy() == data.target[test]).mean()
    assert accuracy == pytest.approx(machine.score(x[test], data.target[test]), abs=0.01)
