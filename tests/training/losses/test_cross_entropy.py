import pytest
import torch
import torch.nn.functional as F

from cartograd.training.losses.cross_entropy import cross_entropy


@pytest.mark.oracle("cross-entropy")
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("shape", [(9,), (4, 5)])
def test_equals_torch_with_gradients(shape, smoothing):
    z = 5 * torch.randn(*shape, 7, dtype=torch.float64)
    targets = torch.randint(7, shape)
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    loss = cross_entropy(ours, targets, label_smoothing=smoothing)
    flat = theirs.reshape(-1, 7), targets.reshape(-1)
    expected = F.cross_entropy(*flat, label_smoothing=smoothing, reduction="none").reshape(shape)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-10)
    weights = torch.randn_like(loss)
    (loss * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.law("cross-entropy")
def test_gradient_is_prediction_minus_truth():
    z = 5 * torch.randn(9, 7, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(7, (9,))
    (gradient,) = torch.autograd.grad(cross_entropy(z, targets).sum(), z)
    expected = z.softmax(1) - F.one_hot(targets, 7)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)


@pytest.mark.law("cross-entropy")
def test_is_finite_at_large_scores():
    z = torch.tensor([[1e4, 0.0], [-1e4, 0.0]], requires_grad=True)
    loss = cross_entropy(z, torch.tensor([0, 0]))
    (gradient,) = torch.autograd.grad(loss.sum(), z)
    assert loss.tolist() == [0, 1e4]
    assert gradient.tolist() == [[0, 0], [-1, 1]]


@pytest.mark.law("cross-entropy")
def test_smoothing_is_cross_entropy_with_the_smoothed_target():
    z = torch.randn(9, 7, dtype=torch.float64)
    targets = torch.randint(7, (9,))
    smooth = 0.8 * F.one_hot(targets, 7).double() + 0.2 / 7
    expected = -(smooth * z.log_softmax(1)).sum(1)
    torch.testing.assert_close(
        cross_entropy(z, targets, label_smoothing=0.2), expected, rtol=0, atol=1e-12
    )


def test_half_precision_scores_are_summed_in_float32():
    z = torch.randn(9, 7).bfloat16()
    loss = cross_entropy(z, torch.zeros(9, dtype=torch.int64))
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, -z.float().log_softmax(1)[:, 0])


@pytest.mark.paper("cross-entropy")
def test_worked_examples_of_the_notes():
    scores = torch.tensor([[3.5, 1.2, 0.8]], dtype=torch.float64)
    assert round(cross_entropy(scores, torch.tensor([0])).item(), 3) == 0.155
    wrong = torch.tensor([[0.1, 0.6, 0.3]], dtype=torch.float64).log()
    assert round(cross_entropy(wrong, torch.tensor([0])).item(), 3) == 2.303


@pytest.mark.paper("cross-entropy")
def test_worked_gradient_of_the_notes():
    z = torch.tensor([[0.6, 0.4]], dtype=torch.float64).log().requires_grad_()
    cross_entropy(z, torch.tensor([0])).backward()
    torch.testing.assert_close(
        z.grad, torch.tensor([[-0.4, 0.4]], dtype=torch.float64), rtol=0, atol=1e-12
    )
