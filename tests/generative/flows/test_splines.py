import pytest
import torch

from cartograd.generative.flows.splines import Spline


@pytest.mark.oracle("neural-spline-flow")
def test_a_spline_is_zukos_through_the_same_knots():
    from torch.nn.functional import softplus
    from zuko.transforms import MonotonicRQSTransform

    bend, bins = Spline(5, 3.0), 5
    p = torch.randn(200, 14, 2, dtype=torch.float64)
    x = 4 * torch.rand(200, 2, dtype=torch.float64) - 2  # some beyond a knot, none on one
    x[::7] *= 3  # and some outside of the box
    widths, heights, slopes = (one.movedim(1, -1) for one in p.split([bins, bins, bins - 1], 1))
    theirs = MonotonicRQSTransform(widths, heights, slopes, bound=3.0)

    def knots(lengths):
        shares = 1e-3 + (1 - 5e-3) * lengths.softmax(-1)
        return torch.cat([torch.full((200, 2, 1), -3.0), 6 * shares.cumsum(-1) - 3], -1)

    inner = 1e-3 + softplus(slopes + torch.tensor(1 - 1e-3, dtype=torch.float64).expm1().log())
    theirs.horizontal, theirs.vertical = knots(widths), knots(heights)
    theirs.derivatives = torch.nn.functional.pad(inner, (1, 1), value=1.0)
    expected = theirs.call_and_ladj(x)
    torch.testing.assert_close(bend(x, p), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(bend.inverse(x, p), theirs.inv(x), rtol=1e-10, atol=1e-10)


def test_parameters_of_zero_are_the_diagonal():
    bend = Spline(4, 2.0)
    x = torch.linspace(-3, 3, 50, dtype=torch.float64)[:, None]
    y, slope = bend(x, torch.zeros(50, bend.count, 1, dtype=torch.float64))
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(slope, torch.zeros_like(x))
