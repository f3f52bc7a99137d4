import torch

from cartograd.generative.gan.stylegan.resampling import blurred, downsample, upsample


def test_even_maps_stay_even_and_means_stay():
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    assert upsample(x).shape == (2, 3, 16, 16)
    assert downsample(x).shape == (2, 3, 4, 4)
    torch.testing.assert_close(upsample(torch.ones_like(x))[..., 2:-2, 2:-2],
                               torch.ones(2, 3, 12, 12, dtype=torch.float64))  # fmt: skip
    dot = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    dot[0, 0, 4, 4] = 1
    assert upsample(dot).sum().item() == 4
    assert blurred(dot, padding=2).sum().item() == 1


def test_smaller_maps_are_the_transpose_of_larger_ones():
    """<up(x), y> = 4 <x, down(y)>: the same filter, there and back."""
    torch.manual_seed(0)
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    y = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    torch.testing.assert_close((upsample(x) * y).sum(), 4 * (x * downsample(y)).sum())
