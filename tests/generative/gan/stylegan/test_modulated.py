import pytest
import torch
from torch.nn import functional as F

from cartograd.generative.gan.stylegan.modulated import ModulatedConv, StyledLayer
from cartograd.generative.gan.stylegan.resampling import blurred


def made(**settings):
    """A layer in double precision, maps and scales."""
    torch.manual_seed(0)
    layer = ModulatedConv(6, 5, 3, latent=4, **settings).double()
    return layer, torch.randn(3, 6, 7, 7).double(), torch.randn(3, 6).double()


@pytest.mark.law("stylegan2")
@pytest.mark.parametrize("up", [False, True])
def test_it_is_a_convolution_with_weights_of_each_examples_own(up):
    layer, x, s = made(up=up)
    weight = layer.weight[None] * layer.scale * s[:, None, :, None, None]
    weight = weight / (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    flat = x.reshape(1, 18, 7, 7)
    if up:
        both = weight.transpose(1, 2).reshape(18, 5, 3, 3)
        right = F.conv_transpose2d(flat, both, stride=2, groups=3).reshape(3, 5, 15, 15)
        right = blurred(right, padding=1, gain=4.0)
    else:
        right = F.conv2d(flat, weight.reshape(15, 6, 3, 3), padding=1, groups=3)
        right = right.reshape(3, 5, 7, 7)
    torch.testing.assert_close(layer.steered(x, s), right, rtol=0, atol=1e-10)


@pytest.mark.law("stylegan2")
def test_seven_times_the_style_is_the_same_and_of_size_one():
    torch.manual_seed(0)
    layer = ModulatedConv(64, 64, 3, latent=4).double()
    x, s = torch.randn(4, 64, 16, 16).double(), torch.randn(4, 64).double()
    torch.testing.assert_close(layer.steered(x, s), layer.steered(x, 7 * s), rtol=0, atol=1e-7)
    assert layer.steered(x, s)[..., 1:-1, 1:-1].std().item() == pytest.approx(1, abs=0.03)


def test_without_demodulation_the_answer_grows_with_the_style():
    layer, x, s = made(demodulate=False)
    torch.testing.assert_close(layer.steered(x, 7 * s), 7 * layer.steered(x, s))


def test_noise_is_one_map_for_all_channels_times_a_strength():
    torch.manual_seed(0)
    layer = StyledLayer(3, 4, latent=2).double()
    x, w, noise = (torch.randn(2, *dims).double() for dims in ((3, 5, 5), (2,), (25,)))
    assert torch.equal(layer(x, w, noise), layer(x, w, -noise))
    with torch.no_grad():
        layer.noise_strength.fill_(0.5)
        layer.bias.fill_(1e3)
    more = (layer(x, w, noise) - layer(x, w, 0 * noise)) / 2**0.5
    torch.testing.assert_close(more, (0.5 * noise.reshape(2, 1, 5, 5)).expand(2, 4, 5, 5))
