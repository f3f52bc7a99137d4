"""Blur: against torchvision."""

import pytest
import torch

from cartograd.training.augmentation.image.blur import blur, blurred
from tests.training.augmentation.support import DTYPES, agree, each, images, rng


@pytest.mark.oracle("blur")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reach", [1, 3, 6])
def test_equal_to_torchvisions(reach, dtype):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    x = images(dtype=dtype)
    spread = torch.tensor([0.1, 0.5, 1.0, 1.7, 2.0, 5.0], dtype=torch.float64)
    size = [2 * reach + 1] * 2
    expected = each(lambda i, s: functional.gaussian_blur(i, size, [s, s]), x, spread)
    agree(blurred(x, spread, reach=reach), expected, levels=1)


@pytest.mark.law("blur")
def test_an_even_image_stays():
    x = torch.full((6, 2, 7, 5), 0.3)
    torch.testing.assert_close(blur(x, rng(), p=1.0), x)


def test_the_sharp_ones_stay_to_the_bit():
    x = images(2000, channels=1, height=3, width=3)
    same = (blur(x, rng(2000), sigma=(1.0, 2.0), p=0.25) == x).flatten(1).all(1)
    assert 0.71 < same.double().mean() < 0.79
