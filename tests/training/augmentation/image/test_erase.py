"""Erase: against torchvision."""

import pytest
import torch

from cartograd.training.augmentation.image.erase import erase, erased
from tests.training.augmentation.support import DTYPES, each, images, rng


@pytest.mark.oracle("erase")
@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_to_torchvisions(dtype):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    x = images(dtype=dtype)
    boxes = [torch.tensor(n) for n in ([0, 2, 8, 1, 3, 0], [0, 3, 11, 0, 5, 2],
                                       [9, 2, 1, 4, 6, 0], [12, 5, 1, 12, 7, 3])]  # fmt: skip
    black = torch.zeros(1, dtype=dtype)
    expected = each(lambda i, *box: functional.erase(i, *box, black), x, *boxes)
    assert torch.equal(erased(x, *boxes), expected)


@pytest.mark.law("erase")
def test_as_often_as_asked_and_the_rest_stays():
    x = torch.ones(3000, 1, 20, 20)
    after = erase(x, rng(3000), p=0.4, scale=(0.1, 0.3))
    gone = 1 - after.mean((1, 2, 3))
    assert 0.37 < (gone > 0).double().mean() < 0.43
    assert gone[gone > 0].min() > 0.08
    assert gone.max() < 0.33
    assert set(after.unique().tolist()) == {0.0, 1.0}
