"""Colour jitter: against torchvision's four functions."""

import pytest
import torch

from cartograd.training.augmentation.image import colour
from cartograd.training.augmentation.image.jitter import jitter, jittered
from tests.training.augmentation.support import agree, each, images, rng

FACTORS = [torch.tensor(n, dtype=torch.float64) for n in (
    [1.0, 0.4, 1.5, 0.9, 1.1, 0.0], [1.0, 1.8, 0.3, 0.0, 1.2, 1.0],
    [1.0, 0.2, 2.0, 1.5, 0.0, 0.7], [0.0, 0.5, -0.5, 0.1, -0.2, 0.33],
)]  # fmt: skip


def theirs(functional):
    def one(image, brightness, contrast, saturation, hue):
        image = functional.adjust_brightness(image, brightness)
        image = functional.adjust_contrast(image, contrast)
        image = functional.adjust_saturation(image, saturation)
        return functional.adjust_hue(image, hue)

    return one


@pytest.mark.oracle("jitter")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_equal_to_torchvisions(channels, dtype):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    x = images(channels=channels, dtype=dtype)
    factors = FACTORS
    if dtype == torch.uint8:  # the hue of dark greys turns with every level that is cut off
        factors = [*FACTORS[:3], torch.zeros(6)]
    agree(jittered(x, *factors), each(theirs(functional), x, *factors), levels=4)


@pytest.mark.oracle("jitter")
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_each_equal_to_torchvisions_in_double_precision(name):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    x = images(dtype=torch.float64)
    expected = each(getattr(functional, f"adjust_{name}"), x, FACTORS[1])
    agree(getattr(colour, name)(x, FACTORS[1]), expected)


@pytest.mark.law("jitter")
def test_nothing_asked_for_is_nothing_done():
    x, one = images(dtype=torch.float64), torch.ones(6)
    for turn in (0.0, 1.0, -1.0):
        after = jittered(x, one, one, one, torch.full((6,), turn))
        torch.testing.assert_close(after, x, rtol=0, atol=1e-12)


def test_amounts_are_drawn_around_one():
    x = torch.full((4000, 1, 2, 2), 0.25)
    factor = jitter(x, rng(4000), brightness=0.4, contrast=0.0)[:, 0, 0, 0] / 0.25
    assert 0.6 <= factor.min() < 0.61
    assert 1.39 < factor.max() < 1.4
    assert abs(factor.mean() - 1) < 0.02
