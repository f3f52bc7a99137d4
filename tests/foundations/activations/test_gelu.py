import pytest
import torch
import torch.nn.functional as F

from cartograd.core.build import build
from cartograd.foundations.activations.gelu import derivative, gelu

GRID = torch.linspace(-30, 30, 601, dtype=torch.float64)


@pytest.mark.oracle("gelu")
@pytest.mark.parametrize("approximate", [False, True])
def test_equals_torch_with_gradients(approximate):
    ours, theirs = GRID.clone().requires_grad_(), GRID.clone().requires_grad_()
    value = gelu(ours, approximate=approximate)
    expected = F.gelu(theirs, approximate="tanh" if approximate else "none")
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-10)
    value.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.law("gelu")
@pytest.mark.parametrize("approximate", [False, True])
def test_autograds_gradient_is_the_derivative(approximate):
    z = GRID.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(gelu(z, approximate=approximate).sum(), z)
    found = derivative(GRID, approximate=approximate)
    torch.testing.assert_close(found, gradient, rtol=0, atol=1e-13)


@pytest.mark.law("gelu")
@pytest.mark.parametrize("approximate", [False, True])
def test_odd_part_is_half_the_identity(approximate):
    gap = gelu(GRID, approximate=approximate) - gelu(-GRID, approximate=approximate)
    torch.testing.assert_close(gap, GRID, rtol=0, atol=1e-13)


@pytest.mark.law("gelu")
def test_largest_gap_between_the_two_forms():
    z = torch.linspace(-10, 10, 200_001, dtype=torch.float64)
    gap = (gelu(z) - gelu(z, approximate=True)).abs()
    assert gap.max().item() == pytest.approx(4.73236e-4, abs=1e-9)
    assert abs(z[gap.argmax()].item()) == pytest.approx(2.699, abs=1e-3)


def test_the_preset_is_the_tanh_form():
    assert torch.equal(build("gelu-tanh")(GRID), gelu(GRID, approximate=True))
