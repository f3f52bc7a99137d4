import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.class_weights import pos_weights
from cartograd.training.losses.bce import bce
from cartograd.training.losses.cross_entropy import cross_entropy
from tests.reference import Reference

metrics = Reference("sklearn.metrics")


@pytest.mark.oracle("bce")
@pytest.mark.parametrize("shape", [(9,), (9, 4), (9, 2, 3)])
def test_equals_torch_with_gradients(shape):
    logits, targets = 5 * torch.randn(shape, dtype=torch.float64), torch.rand(shape).double()
    logits[0] = 0
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = bce(ours[:, None] if len(shape) == 1 else ours, targets.reshape(9, *shape[1:] or (1,)))
    expected = F.binary_cross_entropy_with_logits(theirs, targets)
    assert loss.shape == (9,)
    torch.testing.assert_close(loss.mean(), expected, rtol=0, atol=1e-10)
    loss.mean().backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.oracle("bce")
@pytest.mark.parametrize("weight", [3.5, (0.2, 1.0, 4.0, 9.0)])
def test_pos_weight_is_torchs(weight):
    logits, targets = torch.randn(9, 4).double(), torch.rand(9, 4).double()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    expected = F.binary_cross_entropy_with_logits(
        theirs, targets, pos_weight=torch.tensor(weight, dtype=torch.float64)
    )
    loss = bce(ours, targets, pos_weight=weight).mean()
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-10)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


def test_pos_weight_by_name_and_refused():
    logits, targets = torch.zeros(2, 3), torch.ones(2, 3)
    assert build("bce:pos_weight=2", kind="loss")(logits, targets)[0] == pytest.approx(2 * 0.693147)
    with pytest.raises(UsageError, match="2 numbers in pos_weight for 3 labels"):
        bce(logits, targets, pos_weight=(1.0, 2.0))
    with pytest.raises(UsageError, match="above 0"):
        build("bce:pos_weight=-1", kind="loss")(logits, targets)


@pytest.mark.law("bce")
def test_balanced_pos_weights_give_both_answers_the_same_share():
    """As `class_weights=balanced` does of classes: having a label and not having it weigh alike."""
    targets = (torch.rand(200, 3) < torch.tensor([0.1, 0.5, 0.8])).double()
    weights = torch.tensor(pos_weights("balanced", "abc", targets), dtype=torch.float64)
    share = (weights * targets).sum(0) / (1 - targets).sum(0)
    torch.testing.assert_close(share, torch.ones(3).double())
    with pytest.raises(UsageError, match="no training example with 'b'"):
        pos_weights("balanced", "ab", torch.tensor([[1, 0], [0, 0]]))
    assert pos_weights("b:3", "ab", targets) == (1.0, 3.0)


@pytest.mark.oracle("bce")
def test_equals_scikit_learn():
    logits, targets = torch.randn(30, 1, dtype=torch.float64), torch.arange(30) % 2
    expected = metrics.log_loss(targets.numpy(), logits.sigmoid().numpy()[:, 0])
    loss = bce(logits, targets[:, None].double())
    np.testing.assert_allclose(loss.mean(), expected, rtol=0, atol=1e-10)


@pytest.mark.law("bce")
def test_exact_at_large_scores():
    z = torch.tensor([[1e4], [-1e4], [1e4], [-1e4]], requires_grad=True)
    loss = bce(z, torch.tensor([[1.0], [0.0], [0.0], [1.0]]))
    (gradient,) = torch.autograd.grad(loss.sum(), z)
    assert loss.tolist() == [0, 0, 1e4, 1e4]
    assert gradient[:, 0].tolist() == [0, 0, 1, -1]


@pytest.mark.law("bce")
def test_gradient_is_prediction_minus_truth():
    z, targets = torch.randn(9, 1, dtype=torch.float64), torch.rand(9, 1).double()
    z.requires_grad_()
    (gradient,) = torch.autograd.grad(bce(z, targets).sum(), z)
    torch.testing.assert_close(gradient, z.sigmoid() - targets, rtol=0, atol=1e-12)


@pytest.mark.law("bce")
def test_is_cross_entropy_of_two_classes():
    z, classes = torch.randn(9, 1, dtype=torch.float64), torch.arange(9) % 2
    expected = cross_entropy(torch.cat((torch.zeros_like(z), z), 1), classes)
    found = bce(z, classes[:, None].double())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
