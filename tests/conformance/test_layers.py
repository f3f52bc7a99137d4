"""Every layer can stand in any model: types, gradients, rows apart, nothing drawn."""

import torch

from cartograd.core.build import build
from tests.conformance.subjects import LAYERS, PARTS
from tests.conformance.support import double, global_state_untouched, offered, over


def made(card):
    """The layer in evaluation, always with the same weights, and what it takes."""
    torch.manual_seed(0)
    parts, takes = offered(card, "parts", PARTS), offered(card, "takes", LAYERS)
    assert takes is not None, f"test_{card.name.replace('-', '_')}.py needs takes(n): n rows"
    layer = build(card.name, kind=card.kind, **card.tiny, **(parts() if parts else {}))
    return layer.eval(), takes(6)


@over("layer")
def test_layer_works_in_both_types(card):
    layer, inputs = made(card)
    single = layer(*inputs)
    answer = layer.double()(*double(inputs))
    real = inputs[0].is_floating_point() or len([*layer.parameters()]) > 0
    assert answer.dtype == (torch.float64 if real else torch.float32)
    torch.testing.assert_close(answer.float(), single, rtol=1e-4, atol=1e-5)


@over("layer")
def test_layer_gradient(card):
    layer, inputs = made(card)
    inputs = [
        x.requires_grad_() if x.is_floating_point() else x for x in (y[:2] for y in double(inputs))
    ]
    learned = list(layer.double().parameters())
    asked = [x for x in inputs if x.requires_grad] + learned
    if asked:
        gradients = torch.autograd.grad(layer(*inputs).square().sum(), asked, allow_unused=True)
        assert all(g is not None and g.isfinite().all() for g in gradients)
    if any(x.requires_grad for x in inputs):
        assert torch.autograd.gradcheck(layer, tuple(inputs))


@over("layer")
def test_layer_takes_each_row_alone(card):
    layer, inputs = made(card)
    layer, inputs = layer.double(), double(inputs)
    whole = layer(*inputs)
    single = torch.cat([layer(*(x[i : i + 1] for x in inputs)) for i in range(6)])
    torch.testing.assert_close(single, whole, rtol=1e-9, atol=1e-12)


@over("layer")
def test_layer_leaves_its_input_alone_and_draws_nothing(card):
    layer, inputs = made(card)
    before = [x.clone() for x in inputs]
    with global_state_untouched():
        first, second = layer(*inputs), layer(*inputs)
    assert torch.equal(first, second)
    assert all(torch.equal(x, y) for x, y in zip(inputs, before, strict=True))
