import pytest
import torch
import torch.nn.functional as F

from cartograd.core.build import build
from cartograd.training.losses.cross_entropy import cross_entropy
from cartograd.training.losses.focal import focal


@pytest.mark.oracle("focal")
def test_without_focus_equals_torchs_cross_entropy():
    z, targets = 5 * torch.randn(4, 5, 7, dtype=torch.float64), torch.randint(7, (4, 5))
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    loss = focal(ours, targets, gamma=0.0)
    expected = F.cross_entropy(theirs.movedim(-1, 1), targets, reduction="none")
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-10)
    loss.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.oracle("focal")
@pytest.mark.parametrize("gamma", [0.5, 2.0, 3.0])
def test_of_two_classes_equals_torchvision(gamma):
    ops = pytest.importorskip("torchvision.ops")
    z, targets = 3 * torch.randn(20, 1, dtype=torch.float64), torch.arange(20) % 2
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    loss = focal(torch.cat((torch.zeros_like(ours), ours), 1), targets, gamma=gamma)
    expected = ops.sigmoid_focal_loss(theirs[:, 0], targets.double(), alpha=-1, gamma=gamma)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-10)
    loss.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.oracle("focal")
@pytest.mark.parametrize("alpha", [0.25, 0.9])
def test_weights_of_classes_are_its_alpha(alpha):
    """The objective's mean is by the weights; times their sum it is torchvision's sum."""
    ops = pytest.importorskip("torchvision.ops")
    model = torch.nn.Linear(3, 2).double()
    x, targets = torch.randn(20, 3, dtype=torch.float64), (torch.arange(20) % 5 == 0).long()
    weights = (1 - alpha, alpha)
    objective = build("classify", model=model, loss="focal:gamma=2", class_weights=weights)
    [loss] = objective.losses((x, targets))
    total = torch.tensor(weights, dtype=torch.float64)[targets].sum()
    z = model(x)
    expected = ops.sigmoid_focal_loss(z[:, 1] - z[:, 0], targets.double(), alpha=alpha, gamma=2.0)
    found = (loss.value * (loss.weight / loss.weight.sum() if loss.weight is not None else 1)).sum()
    torch.testing.assert_close(found * total, expected.sum(), rtol=1e-6, atol=0)


@pytest.mark.law("focal")
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_is_finite_at_large_scores(gamma):
    z = torch.tensor([[1e4, 0.0], [-1e4, 0.0]], requires_grad=True)
    loss = focal(z, torch.tensor([0, 0]), gamma=gamma)
    (gradient,) = torch.autograd.grad(loss.sum(), z)
    assert loss.tolist() == [0, 1e4]
    assert gradient.isfinite().all()
    assert gradient[1].tolist() == [-1, 1]


@pytest.mark.law("focal")
def test_the_rare_class_is_heard():
    """Of 1000 examples, 990 of the frequent class are known well and 10 of the other are not."""
    z = torch.cat((torch.full((990,), -3.0), torch.full((10,), -1.0))).double().requires_grad_()
    targets = (torch.arange(1000) >= 990).long()
    share = {}
    for loss in (cross_entropy, focal):
        value = loss(torch.stack((torch.zeros_like(z), z), 1), targets).sum()
        (gradient,) = torch.autograd.grad(value, z)
        share[loss] = (gradient[990:].abs().sum() / gradient.abs().sum()).item()
    assert share[cross_entropy] < 0.15
    assert share[focal] > 0.9
