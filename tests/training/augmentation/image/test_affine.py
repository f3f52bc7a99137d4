"""Affine: against torchvision, and by whole pixels."""

import pytest
import torch

from cartograd.training.augmentation.image.affine import mapped
from tests.training.augmentation.support import DTYPES, agree, each, images


@pytest.mark.oracle("affine")
@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_to_torchvisions(dtype):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    from torchvision.transforms import InterpolationMode

    x = images(dtype=dtype)
    angle = torch.tensor([0.0, 20.0, -33.0, 5.0, 100.0, -170.0])
    shift = torch.tensor([[0, 0], [1, -2], [3, 1], [-4, 0.5], [0.25, 2], [2, 2.0]])
    zoom = torch.tensor([1.0, 0.8, 1.3, 2.0, 0.5, 1.1])
    shear = torch.tensor([[0, 0], [10, 0], [0, -12.0], [5, 8], [-20, 3], [0, 0]])

    def theirs(image, angle, shift, zoom, shear):
        return functional.affine(
            image, angle, shift, zoom, shear, interpolation=InterpolationMode.BILINEAR
        )

    parameters = [p.double() for p in (angle, shift, zoom, shear)]
    agree(mapped(x, *parameters), each(theirs, x, *parameters), levels=1)


@pytest.mark.law("affine")
def test_whole_shifts_move_pixels():
    x = images(1, dtype=torch.float64)
    one, none = torch.ones(1), torch.zeros(1, 2)
    moved = mapped(x, torch.zeros(1), torch.tensor([[2.0, -1.0]]), one, none)
    torch.testing.assert_close(moved[..., :-1, 2:], x[..., 1:, :-2], rtol=0, atol=1e-12)
    assert moved[..., :, :2].abs().max() < 1e-12
    assert moved[..., -1, :].abs().max() < 1e-12
