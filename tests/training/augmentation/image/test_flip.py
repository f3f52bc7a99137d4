"""Flip: against torchvision, and how often."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.training.augmentation.image.flip import flip, flipped
from tests.training.augmentation.support import DTYPES, images, rng


@pytest.mark.oracle("flip")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_equal_to_torchvisions(axis, dtype):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    x, chosen = images(dtype=dtype), torch.tensor([1, 0, 1, 1, 0, 0]).bool()
    other = getattr(functional, f"{axis}_flip")(x)
    expected = torch.where(chosen[:, None, None, None], other, x)
    assert torch.equal(flipped(x, chosen, axis=axis), expected)


@pytest.mark.law("flip")
def test_twice_is_nothing_and_as_often_as_asked():
    x = images(4000, channels=1, height=1, width=2)
    once = flip(x, rng(4000), p=0.3)
    assert torch.equal(flip(once, rng(4000), p=0.3), x)
    changed = (once != x).flatten(1).any(1) | (x[:, 0, 0, 0] == x[:, 0, 0, 1])
    assert 0.27 < changed.double().mean() < 0.33


def test_an_unknown_axis():
    with pytest.raises(UsageError, match="horizontal"):
        flip(images(), rng(), axis="horizntal")
