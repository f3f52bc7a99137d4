import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.training.normalization.instance_norm import InstanceNorm

LAYERS = {(8, 3, 5): nn.InstanceNorm1d, (4, 3, 5, 2): nn.InstanceNorm2d} | {
    (4, 3, 2, 2, 2): nn.InstanceNorm3d
}


@pytest.mark.oracle("instance-norm")
@pytest.mark.parametrize("shape", LAYERS)
def test_equals_torch_with_gradients(shape):
    ours = InstanceNorm(channels=3, eps=1e-3).double()
    theirs = LAYERS[shape](3, eps=1e-3, affine=True).double()
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


@pytest.mark.law("instance-norm")
def test_contrast_and_brightness_do_not_matter():
    layer = InstanceNorm(channels=3, eps=0.0).double()
    image = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    contrast, brightness = torch.rand(2, 2, 3, 1, 1).double() + 0.5
    changed = layer(contrast * image + brightness)
    torch.testing.assert_close(changed, layer(image), rtol=0, atol=1e-12)


def test_a_single_position_is_refused():
    with pytest.raises(UsageError, match="a single position has no variance"):
        InstanceNorm(channels=3)(torch.ones(2, 3, 1))
