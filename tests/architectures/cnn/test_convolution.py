import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.cnn.convolution import Convolution2d, convolve, feature_maps
from cartograd.core.build import build
from cartograd.core.errors import UsageError


@pytest.mark.oracle("convolution")
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "padding"), [((1, 1), 0), ((3, 3), 1), ((2, 5), 2)])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_equals_torchs_with_gradients(stride, kernel, padding, groups):
    x = torch.randn(2, 4, 7, 9, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(8, 4 // groups, *kernel, dtype=torch.float64, requires_grad=True)
    how = {"stride": stride, "padding": padding, "groups": groups}
    ours, theirs = convolve(x, weight, **how), F.conv2d(x, weight, **how)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    rise = torch.randn_like(ours)
    pairs = [torch.autograd.grad((y * rise).sum(), (x, weight)) for y in (ours, theirs)]
    for mine, other in zip(*pairs, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-10)


@pytest.mark.oracle("convolution")
def test_the_layer_adds_its_bias():
    layer = Convolution2d(channels=3, width=4, kernel_size=3, stride=2, padding=1)
    x = torch.rand(2, 3, 6, 6)
    expected = F.conv2d(x, layer.weight, layer.bias, 2, 1)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.law("convolution")
def test_a_shifted_image_gives_the_shifted_answer():
    layer, x = Convolution2d(channels=2, width=3), torch.rand(1, 2, 8, 10)
    torch.testing.assert_close(layer(x)[..., 1:, 2:], layer(x[..., 1:, 2:]))


@pytest.mark.paper("convolution")
def test_the_notes_numbers():
    assert Convolution2d(channels=3, width=32)(torch.rand(1, 3, 32, 32)).shape[1:] == (32, 30, 30)
    assert Convolution2d(channels=3, width=64).weight.numel() == 1728


def test_feature_maps_of_a_network():
    model = build("lenet5", size=32).train()
    x = torch.rand(2, 1, 32, 32)
    found = feature_maps(model, x)
    assert {name: tuple(maps.shape[1:]) for name, maps in found.items()} == {
        "c1": (6, 28, 28),
        "c3": (16, 10, 10),
    }
    assert torch.equal(found["c1"], F.conv2d(x, model.c1.weight, model.c1.bias))
    assert model.training
    assert not any(layer._forward_hooks for layer in model.modules())


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="do not form groups=2"):
        Convolution2d(channels=3, width=4, groups=2)
    with pytest.raises(UsageError, match="5 x 5 does not fit an image of 4 x 9"):
        convolve(torch.rand(1, 1, 4, 9), torch.rand(1, 1, 5, 5))
