"""Alternating flip: both ways in two epochs."""

import itertools

import pytest
import torch

from cartograd.training.augmentation.image.alternating_flip import alternating_flip
from tests.training.augmentation.support import images, rng


@pytest.mark.law("alternating-flip")
def test_two_epochs_in_a_row_show_both_ways():
    x = images(2000, channels=1, height=1, width=5)
    epochs = [alternating_flip(x, rng(2000, epoch=n)) for n in range(4)]
    for before, after in itertools.pairwise(epochs):
        assert torch.equal(before, after.flip(3))
    begins = (epochs[0] != x).flatten(1).any(1).double().mean()
    assert 0.46 < begins < 0.54
