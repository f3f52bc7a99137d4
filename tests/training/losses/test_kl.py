import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Categorical, kl_divergence

from cartograd.training.losses.cross_entropy import cross_entropy
from cartograd.training.losses.kl import kl


def examples(*shape):
    return 3 * torch.randn(shape, dtype=torch.float64), torch.randn(shape).double().softmax(-1)


@pytest.mark.oracle("kl")
@pytest.mark.parametrize("shape", [(9, 7), (4, 5, 7)])
def test_equals_torchs_distributions_with_gradients(shape):
    z, targets = examples(*shape)
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    loss = kl(ours, targets)
    expected = kl_divergence(Categorical(probs=targets), Categorical(logits=theirs))
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-10)
    loss.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.oracle("kl")
def test_hard_targets_equal_torch():
    z, _ = examples(9, 7)
    classes = torch.arange(9) % 7
    hard = F.one_hot(classes, 7).double()
    expected = F.kl_div(z.log_softmax(1), hard, reduction="none").sum(1)
    torch.testing.assert_close(kl(z, hard), expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(kl(z, hard), cross_entropy(z, classes), rtol=0, atol=1e-12)


@pytest.mark.law("kl")
def test_zero_where_both_agree_and_positive_elsewhere():
    z, targets = examples(200, 5)
    assert (kl(z, targets) > 0).all()
    torch.testing.assert_close(kl(z, z.softmax(1)), torch.zeros(200).double(), rtol=0, atol=1e-12)


@pytest.mark.law("kl")
def test_gradient_is_prediction_minus_truth():
    z, targets = examples(9, 5)
    z.requires_grad_()
    (gradient,) = torch.autograd.grad(kl(z, targets).sum(), z)
    torch.testing.assert_close(gradient, z.softmax(1) - targets, rtol=0, atol=1e-12)
