import pytest
import torch
from torch import nn

from cartograd.training.normalization.layer_norm import LayerNorm
from cartograd.training.normalization.rms_norm import RMSNorm


@pytest.mark.oracle("rms-norm")
@pytest.mark.parametrize("shape", [(8, 6), (4, 5, 6)])
def test_equals_torch_with_gradients(shape):
    ours, theirs = RMSNorm(features=6, eps=1e-3).double(), nn.RMSNorm(6, eps=1e-3).double()
    nn.init.normal_(theirs.weight)
    ours.load_state_dict(theirs.state_dict())
    x = 3 * torch.randn(shape, dtype=torch.float64) + 1
    weights = torch.randn_like(x)
    found = []
    for layer in (ours, theirs):
        given = x.clone().requires_grad_()
        answer = layer(given)
        (answer * weights).sum().backward()
        found.append((answer.detach(), given.grad, layer.weight.grad))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-10)


@pytest.mark.law("rms-norm")
def test_stretching_does_not_matter_and_without_a_mean_it_is_layer_normalisation():
    layer, x = RMSNorm(features=6, eps=0.0).double(), torch.randn(8, 6, dtype=torch.float64)
    torch.testing.assert_close(layer(7 * x), layer(x), rtol=0, atol=1e-12)
    centred = x - x.mean(1, keepdim=True)
    expected = LayerNorm(features=6, eps=0.0).double()(x)
    torch.testing.assert_close(layer(centred), expected, rtol=0, atol=1e-12)


def test_half_precision_is_squared_in_float32():
    x = torch.tensor([[300.0, 400.0]]).half()  # 400 squared is no half
    assert RMSNorm(features=2).half()(x).isfinite().all()
