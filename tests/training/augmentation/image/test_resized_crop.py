"""Resized crop: against torchvision, and the rectangles it draws."""

import pytest
import torch

from cartograd.training.augmentation.image.resized_crop import rectangles, resized
from tests.training.augmentation.support import DTYPES, agree, each, images, rng


@pytest.mark.oracle("resized-crop")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("height", "width"), [(9, 12), (33, 20)])
def test_equal_to_torchvisions(dtype, height, width):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    x = images(8, height=height, width=width, dtype=dtype)
    boxes = rectangles(rng(8), height, width, scale=(0.05, 1.0), ratio=(0.5, 2.0))

    def theirs(image, top, left, tall, wide):
        return functional.resized_crop(
            image, top, left, tall, wide, [height, width], antialias=True
        )

    agree(resized(x, *boxes), each(theirs, x, *boxes), levels=1)


@pytest.mark.law("resized-crop")
def test_the_whole_image_stays():
    x, zero = images(dtype=torch.float64), torch.zeros(6).long()
    whole = resized(x, zero, zero, zero + 9, zero + 12)
    torch.testing.assert_close(whole, x, rtol=0, atol=1e-12)


@pytest.mark.law("resized-crop")
def test_rectangles_are_as_asked_for():
    top, left, tall, wide = rectangles(rng(5000), 200, 300, scale=(0.1, 0.5), ratio=(3 / 4, 4 / 3))
    assert ((top >= 0) & (top + tall <= 200) & (left >= 0) & (left + wide <= 300)).all()
    fits = tall < 200
    share = (tall * wide)[fits] / 60000
    assert 0.09 < share.min() < 0.12
    assert 0.45 < share.max() < 0.51
    ratio = (wide / tall)[fits]
    assert 0.74 < ratio.min() < 0.77
    assert 1.30 < ratio.max() < 1.35
