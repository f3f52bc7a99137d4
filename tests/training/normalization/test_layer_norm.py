import pytest
import torch
from torch import nn

from cartograd.training.normalization.layer_norm import LayerNorm


@pytest.mark.oracle("layer-norm")
@pytest.mark.parametrize("shape", [(8, 6), (4, 5, 6)])
def test_equals_torch_with_gradients(shape):
    ours, theirs = LayerNorm(features=6, eps=1e-3).double(), nn.LayerNorm(6, eps=1e-3).double()
    for weight in theirs.parameters():
        nn.init.normal_(weight)
    ours.load_state_dict(theirs.state_dict())
    x = 3 * torch.randn(shape, dtype=torch.float64) + 1
    weights = torch.randn_like(x)
    found = []
    for layer in (ours, theirs):
        given = x.clone().requires_grad_()
        answer = layer(given)
        (answer * weights).sum().backward()
        found.append((answer.detach(), given.grad, layer.weight.grad, layer.bias.grad))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-10)


@pytest.mark.law("layer-norm")
def test_shift_and_stretch_of_an_example_do_not_matter():
    layer, x = LayerNorm(features=6, eps=0.0).double(), torch.randn(8, 6, dtype=torch.float64)
    stretch, shift = torch.rand(2, 8, 1).double() + 0.5
    torch.testing.assert_close(layer(stretch * x + shift), layer(x), rtol=0, atol=1e-12)
