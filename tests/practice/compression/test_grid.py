import warnings

import pytest
import torch

from cartograd.practice.compression.grid import Grid, extents, grid_of, in_groups, levels


def numbers(*shape):
    draw = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=draw) + 0.4


def observer(symmetric, bits, **more):
    low, high = levels(bits, symmetric=symmetric)
    scheme = torch.per_tensor_symmetric if symmetric else torch.per_tensor_affine
    dtype = torch.qint8 if symmetric else torch.quint8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.MinMaxObserver(
            dtype=dtype, qscheme=scheme, quant_min=low, quant_max=high, **more
        )


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("symmetric", [True, False])
def test_scale_and_zero_are_those_of_torchs_observer(bits, symmetric):
    x, seen = numbers(7, 30), observer(symmetric, bits)
    seen(x)
    scale, zero = seen.calculate_qparams()
    ours = grid_of(*extents(x), bits=bits, symmetric=symmetric)
    # Theirs spreads a symmetric range over the mean of both ends, which are the same here.
    torch.testing.assert_close(ours.scale.reshape(1), scale)
    assert ours.zero.item() == zero.item()


@pytest.mark.parametrize("symmetric", [True, False])
def test_rounding_and_its_gradient_are_torchs(symmetric):
    x = 2 * numbers(50, 20)
    grid = grid_of(*extents(x / 2), bits=4, symmetric=symmetric)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    out = torch.fake_quantize_per_tensor_affine(
        theirs, grid.scale.item(), int(grid.zero), grid.low, grid.high
    )
    torch.testing.assert_close(grid.nearest(ours), out)
    towards = numbers(50, 20)
    grid.nearest(ours).backward(towards)
    out.backward(towards)
    assert (theirs.grad == 0).any()
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert torch.equal(ours.grad == 0, theirs.grad == 0)
    assert torch.allclose(grid.dequantised(grid.quantised(x)), out)


def test_channels_and_groups_have_grids_of_their_own():
    weight = numbers(6, 32) * torch.logspace(-3, 3, 6)[:, None]
    for x, each in ((weight, (0,)), (in_groups(weight, 8), (0, 1))):
        grid = grid_of(*extents(x, each=each), bits=4)
        whole = grid.quantised(x)
        assert whole.dtype == torch.int8
        assert (whole.abs().amax(-1) == 7).all()
        off = (grid.dequantised(whole) - x).abs()
        assert (off <= 0.5001 * grid.scale).all()


def test_zero_is_exact_and_what_is_all_zero_stays():
    x = numbers(1000) + 3
    grid = grid_of(*extents(x), bits=3, symmetric=False)
    assert grid.nearest(torch.zeros(1)).item() == 0
    assert grid.quantised(x).dtype == torch.uint8
    nothing = torch.zeros(4, 4)
    assert not grid_of(*extents(nothing, each=(0,)), bits=8).nearest(nothing).any()
    assert Grid(torch.ones(1), torch.zeros(1), -1, 1).nearest(torch.tensor([9.0])).item() == 1
