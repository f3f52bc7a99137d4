import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartograd.foundations.activations.softmax import derivative, softmax

SCORES = st.lists(st.floats(-50, 50), min_size=2, max_size=6).map(
    lambda scores: torch.tensor(scores, dtype=torch.float64)
)


@pytest.mark.oracle("softmax")
def test_equals_torch_with_gradients():
    z = 10 * torch.randn(4, 5, 7, dtype=torch.float64)
    weights = torch.randn_like(z)
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    p, q = softmax(ours), torch.softmax(theirs, -1)
    torch.testing.assert_close(p, q, rtol=0, atol=1e-10)
    (p * weights).sum().backward()
    (q * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.law("softmax")
@given(SCORES, st.floats(-1e4, 1e4))
def test_sums_to_one_and_ignores_a_common_shift(z, shift):
    p = softmax(z)
    assert p.sum().item() == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(softmax(z + shift), p, rtol=0, atol=1e-10)


@pytest.mark.law("softmax")
def test_does_not_overflow():
    z = torch.tensor([1e4, 0.0, -1e4], requires_grad=True)
    p = softmax(z)
    (gradient,) = torch.autograd.grad(p[0], z)
    assert p.tolist() == [1, 0, 0]
    assert gradient.tolist() == [0, 0, 0]


@pytest.mark.law("softmax")
@given(SCORES)
def test_autograds_jacobian_is_the_derivative(z):
    jacobian = torch.autograd.functional.jacobian(softmax, z)
    torch.testing.assert_close(derivative(z), jacobian, rtol=0, atol=1e-10)


@pytest.mark.paper("softmax")
def test_worked_example_of_the_notes():
    p = softmax(torch.tensor([3.5, 1.2, 0.8], dtype=torch.float64))
    assert p.numpy().round(3).tolist() == [0.857, 0.086, 0.058]
