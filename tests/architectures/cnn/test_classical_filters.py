import pytest
import torch

from cartograd.architectures.cnn.classical_filters import (
    classical_filters,
    gaussian,
    learned_kernels,
    photo,
    pyramid,
    share_classical,
    sobel,
)
from cartograd.core.errors import UsageError
from tests.reference import Reference

scipy = Reference("scipy")


@pytest.mark.oracle("classical-filters")
def test_each_filter_equals_scipys():
    found = classical_filters(sigma=1.3)
    assert len(found) == 6
    assert max(row.gap for row in found) < 1e-10


@pytest.mark.oracle("classical-filters")
@pytest.mark.parametrize("std", [0.6, 1.0, 2.1])
def test_on_colours_and_odd_sizes(std):
    x = torch.rand(2, 3, 21, 26, dtype=torch.float64)
    args = {"axes": (2, 3), "mode": "mirror"}
    blurred = torch.from_numpy(scipy.ndimage.gaussian_filter(x.numpy(), std, **args))
    torch.testing.assert_close(gaussian(x, sigma=std), blurred, rtol=0, atol=1e-10)
    levels = pyramid(x, levels=3, sigma=std)
    assert [tuple(level.shape[2:]) for level in levels] == [(21, 26), (11, 13), (6, 7)]
    torch.testing.assert_close(levels[1], blurred[..., ::2, ::2], rtol=0, atol=1e-10)


@pytest.mark.law("classical-filters")
def test_learned_kernels_are_nearer_to_blur_and_edges_than_random_ones():
    learned = share_classical(learned_kernels())
    draws = torch.Generator().manual_seed(0)
    random = [share_classical(torch.randn(12, 1, 5, 5, generator=draws)) for _ in range(50)]
    assert max(random) < learned


def test_the_photo_is_grey_and_of_full_range():
    image = photo()
    assert image.shape == (1, 1, 200, 240)
    assert 0 <= image.min() < 0.1
    assert 0.9 < image.max() <= 1


def test_another_axis_is_refused():
    with pytest.raises(UsageError, match="expected horizontal or vertical"):
        sobel(torch.rand(1, 1, 4, 4), axis="x")
