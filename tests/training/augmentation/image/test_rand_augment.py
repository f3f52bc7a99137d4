"""RandAugment: each operation against torchvision's, and how they are drawn."""

import pytest
import torch

from cartograd.training.augmentation.image.operations import NAMES, amounts, performed
from cartograd.training.augmentation.image.rand_augment import rand_augment
from tests.training.augmentation.support import agree, images, rng

THEIRS = {
    "identity": "Identity", "autocontrast": "AutoContrast", "equalize": "Equalize",
    "rotate": "Rotate", "solarize": "Solarize", "shear-x": "ShearX", "shear-y": "ShearY",
    "translate-x": "TranslateX", "translate-y": "TranslateY", "posterize": "Posterize",
    "color": "Color", "contrast": "Contrast", "brightness": "Brightness",
    "sharpness": "Sharpness",
}  # fmt: skip


def their_operation(name, level, sign, x, space=None, bins=31):
    """The magnitude that torchvision's transform takes from its table, and what it does with it."""
    from torchvision.transforms import InterpolationMode, v2

    transform = v2.RandAugment(interpolation=InterpolationMode.BILINEAR)
    table, signed = (space or transform._AUGMENTATION_SPACE)[THEIRS[name]]
    found = table(bins, *x.shape[2:])
    magnitude = 0.0 if found is None else float(found[level])
    magnitude = -magnitude if signed and sign and found is not None else magnitude
    return transform._apply_image_or_video_transform(
        x, THEIRS[name], magnitude, interpolation=InterpolationMode.BILINEAR, fill={}
    )


@pytest.mark.oracle("rand-augment")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_each_operation_equal_to_torchvisions(name, channels):
    pytest.importorskip("torchvision.transforms.v2")
    x = images(2, channels=channels, height=40, width=24)
    for level in (0, 9, 17, 30):
        for sign in (False, True):
            which = torch.full((2,), NAMES.index(name))
            amount = amounts(
                which, torch.full((2,), level / 30), torch.full((2,), sign),
                height=40, width=24, shift=150 / 331, bits=8,
            )  # fmt: skip
            agree(performed(x, which, amount), their_operation(name, level, sign, x))


@pytest.mark.oracle("rand-augment")
def test_a_mixed_batch_is_each_image_by_itself():
    pytest.importorskip("torchvision.transforms.v2")
    x = images(28, height=16, width=16)
    which, sign = torch.arange(28) % 14, torch.arange(28) >= 14
    amount = amounts(
        which, torch.full((28,), 0.5), sign, height=16, width=16, shift=150 / 331, bits=8
    )
    found = performed(x, which, amount)
    for i in range(28):
        name = NAMES[which[i]]
        agree(found[i : i + 1], their_operation(name, 15, bool(sign[i]), x[i : i + 1]))


@pytest.mark.law("rand-augment")
def test_operations_are_drawn_alike(monkeypatch):
    from cartograd.training.augmentation.image import rand_augment as file

    seen = []

    def noted(x, which, amount):
        seen.append((which, amount))
        return x

    monkeypatch.setattr(file, "performed", noted)
    rand_augment(torch.rand(7000, 1, 1, 1), rng(7000), num_ops=3)
    assert len(seen) == 3
    for which, amount in seen:
        assert which.bincount(minlength=14).sub(500).abs().max() < 90
        turned = amount[which == NAMES.index("rotate")]
        torch.testing.assert_close(turned.abs(), torch.full_like(turned, 9.0))
        assert 0.4 < (turned < 0).double().mean() < 0.6
    assert (seen[0][0] == seen[1][0]).double().mean() < 0.12
