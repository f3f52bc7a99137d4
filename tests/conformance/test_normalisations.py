"""Every normalisation brings its input to one size, whatever size it came in."""

import torch

from cartograd.core.build import build
from tests.conformance.support import global_state_untouched, over

SHAPES = {"channels": (6, 4, 3, 3), "features": (6, 3, 4)}


def made(card):
    """The layer, and what it takes."""
    kind = next(size for size in SHAPES if size in card.tiny)
    return build(card.name, kind=card.kind, **card.tiny), torch.randn(SHAPES[kind])


@over("normalisation")
def test_normalisation_keeps_shape_and_type(card):
    layer, x = made(card)
    for dtype in (torch.float32, torch.float64):
        answer = layer.to(dtype)(x.to(dtype))
        assert answer.shape == x.shape
        assert answer.dtype == dtype


@over("normalisation")
def test_normalisation_forgets_the_size(card):
    layer, x = made(card)
    one, other = layer(x), layer(1000 * x)
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
    assert one.square().mean().sqrt().item() > 0.5
    assert layer(0 * x).isfinite().all()


@over("normalisation")
def test_normalisation_gradient(card):
    layer, x = made(card)
    x = x.double().requires_grad_()
    assert torch.autograd.gradcheck(layer.double(), (x,))
    layer(x).square().sum().backward()
    assert all(parameter.grad.any() for parameter in layer.parameters())


@over("normalisation")
def test_normalisation_leaves_its_input_alone_and_draws_nothing(card):
    layer, x = made(card)
    before = x.clone()
    with global_state_untouched():
        layer(x)
    assert torch.equal(x, before)
