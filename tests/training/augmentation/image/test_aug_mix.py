"""AugMix: against torchvision's with the same draws."""

import pytest
import torch

from cartograd.training.augmentation.image import aug_mix as file
from cartograd.training.augmentation.image.aug_mix import aug_mix
from cartograd.training.augmentation.image.operations import NAMES
from tests.training.augmentation.image.test_rand_augment import their_operation
from tests.training.augmentation.support import agree, images, rng


@pytest.mark.oracle("aug-mix")
def test_equal_to_torchvisions():
    """Our draws are noted, and torchvision's own operations put together with them."""
    v2 = pytest.importorskip("torchvision.transforms.v2")
    space = v2.AugMix._PARTIAL_AUGMENTATION_SPACE
    x, at = images(5, height=16, width=18), rng(5)
    own = at.within(0).dirichlet([1.0, 1.0])[:, 0]
    shares = at.within(1).dirichlet([1.0] * 3) * (1 - own)[:, None]
    expected = own[:, None, None, None].float() * x
    for chain in range(3):
        part = at.within(2 + chain)
        length = 1 + (part.within(0).uniform(1)[:, 0] * 3).long()
        for i in range(5):
            image = x[i : i + 1]
            for number in range(int(length[i])):
                choice, sign, strength = part.within(1 + number).uniform(3)[i].tolist()
                name = NAMES[1 + int(choice * 9)]
                level = int(strength * 3)
                image = their_operation(name, level, sign < 0.5, image, space, bins=10)
            expected[i] += shares[i, chain].float() * image[0]
    agree(aug_mix(x, at), expected)


@pytest.mark.law("aug-mix")
def test_shares_have_the_moments_of_a_beta(monkeypatch):
    """With every operation painting black, what is left of a white image is its own share."""
    monkeypatch.setattr(file, "performed", lambda x, which, amount: torch.zeros_like(x))
    white = torch.ones(5000, 1, 1, 1, dtype=torch.float64)
    for a in (0.3, 1.0, 4.0):
        own = aug_mix(white, rng(5000), alpha=a).flatten()
        assert abs(own.mean() - 0.5) < 0.02
        assert abs(own.var() - 1 / (4 * (2 * a + 1))) < 0.01
    monkeypatch.setattr(file, "performed", lambda x, which, amount: x)
    torch.testing.assert_close(aug_mix(white, rng(5000)), white)
