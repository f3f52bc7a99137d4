"""Rotate: against torchvision, and by right angles."""

import pytest
import torch

from cartograd.training.augmentation.image.rotate import rotate, rotated
from tests.training.augmentation.support import DTYPES, agree, each, images, rng


@pytest.mark.oracle("rotate")
@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_to_torchvisions(dtype):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    from torchvision.transforms import InterpolationMode

    mode = InterpolationMode.BILINEAR
    x, angle = images(dtype=dtype), torch.tensor([0.0, 7.5, -31.0, 90.0, 179.0, -4.25])
    expected = each(lambda i, a: functional.rotate(i, a, interpolation=mode), x, angle)
    agree(rotated(x, angle), expected, levels=1)


@pytest.mark.law("rotate")
def test_right_angles_exchange_pixels():
    x = images(4, height=8, width=8, dtype=torch.float64)
    turned = rotated(x, torch.tensor([0.0, 90.0, 180.0, 270.0]))
    for i in range(4):
        torch.testing.assert_close(turned[i], x[i].rot90(i, (1, 2)), rtol=0, atol=1e-12)


def test_small_angles_keep_the_middle():
    x = torch.zeros(50, 1, 9, 9)
    x[:, :, 4, 4] = 1
    assert (rotate(x, rng(50), degrees=5)[:, :, 4, 4] > 0.999).all()
