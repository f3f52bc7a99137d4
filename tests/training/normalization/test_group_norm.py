import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.training.normalization.group_norm import GroupNorm
from cartograd.training.normalization.instance_norm import InstanceNorm
from cartograd.training.normalization.layer_norm import LayerNorm


@pytest.mark.oracle("group-norm")
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("shape", [(8, 6, 5), (4, 6, 3, 2)])
def test_equals_torch_with_gradients(shape, groups):
    ours = GroupNorm(channels=6, groups=groups, eps=1e-3).double()
    theirs = nn.GroupNorm(groups, 6, eps=1e-3).double()
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


@pytest.mark.law("group-norm")
def test_its_limits_are_layer_and_instance_normalisation():
    x = torch.randn(4, 6, 3, 2, dtype=torch.float64)
    one, all_ = (GroupNorm(channels=6, groups=groups).double()(x) for groups in (1, 6))
    layer = LayerNorm(features=36).double()(x.flatten(1)).reshape(x.shape)
    torch.testing.assert_close(one, layer, rtol=0, atol=1e-12)
    torch.testing.assert_close(all_, InstanceNorm(channels=6).double()(x), rtol=0, atol=1e-12)


def test_channels_have_to_divide():
    with pytest.raises(UsageError, match="6 channels do not divide into 4 groups"):
        GroupNorm(channels=6, groups=4)
