"""Crop: against torchvision's pad and crop."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.training.augmentation.image.crop import crop, cropped
from tests.training.augmentation.support import DTYPES, each, images, rng


@pytest.mark.oracle("crop")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", ["zeros", "reflect", "edge"])
def test_equal_to_torchvisions(border, dtype):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    x = images(dtype=dtype)
    top, left = torch.tensor([0, 1, 2, 3, 4, 2]), torch.tensor([4, 0, 2, 1, 3, 4])

    def theirs(image, top, left):
        image = image.float() if border == "reflect" and dtype == torch.uint8 else image
        mode = {"zeros": "constant"}.get(border, border)
        image = functional.pad(image, [2, 2], padding_mode=mode)
        return functional.crop(image, top, left, 9, 12).to(dtype)

    expected = each(theirs, x, top, left)
    assert torch.equal(cropped(x, top, left, padding=2, padding_mode=border), expected)


@pytest.mark.law("crop")
def test_a_crop_at_the_padding_is_the_image():
    x, middle = images(), torch.full((6,), 3)
    for border in ("zeros", "reflect", "edge"):
        assert torch.equal(cropped(x, middle, middle, padding=3, padding_mode=border), x)


def test_every_place_is_drawn_about_as_often():
    x = torch.zeros(9000, 1, 3, 3)
    x[:, :, 1, 1] = 1
    place = crop(x, rng(9000), padding=1).flatten(1).argmax(1)
    assert place.bincount(minlength=9).float().sub(1000).abs().max() < 120


def test_wrong_borders():
    with pytest.raises(UsageError, match="unknown padding_mode of crop"):
        crop(images(), rng(), padding_mode="zero")
    with pytest.raises(UsageError, match="cannot be mirrored from 9 pixels"):
        crop(images(), rng(), padding=9, padding_mode="reflect")
