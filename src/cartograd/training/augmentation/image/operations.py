"""The fourteen operations that RandAugment and AugMix choose from, each image its own.

A batch is sorted by operation and each is carried out once, on all images that want it; the five
that move pixels are one map with different numbers.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.training.augmentation.image import colour
from cartograd.training.augmentation.image.warp import inverse, warped

NAMES = (
    "identity", "autocontrast", "equalize", "solarize", "posterize", "rotate", "shear-x",
    "shear-y", "translate-x", "translate-y", "color", "contrast", "brightness", "sharpness",
)  # fmt: skip
"""By number. The first ten do not belong to the corruptions that AugMix is judged by."""

MOVING = slice(NAMES.index("rotate"), NAMES.index("color"))
"""Those that move pixels."""

SIGNED = NAMES.index("rotate")
"""From here on each operation can go either way."""

_CHANGES = {
    "autocontrast": lambda x, _: colour.stretched(x),
    "equalize": lambda x, _: colour.equalised(x),
    "solarize": colour.solarised,
    "posterize": lambda x, bits: colour.posterised(x, bits.long()),
    "color": lambda x, by: colour.saturation(x, 1 + by),
    "contrast": lambda x, by: colour.contrast(x, 1 + by),
    "brightness": lambda x, by: colour.brightness(x, 1 + by),
    "sharpness": lambda x, by: colour.sharpness(x, 1 + by),
}


def performed(
    x: Float[Tensor, "b c y x"], which: Int[Tensor, " b"], amount: Float[Tensor, " b"], /
) -> Float[Tensor, "b c y x"]:
    """Each image after its operation.

    Args:
        x: pixels in [0, 1].
        which: number of the operation in `NAMES`.
        amount: degrees (anticlockwise), pixels, the tangent of a shear, bits, a threshold, or how
            far a factor is from 1.
    """
    order = which.argsort(stable=True)
    sizes = which.bincount(minlength=len(NAMES)).tolist()
    wanted, index = amount[order], order.to(x.device)
    parts = list(x.index_select(0, index).split(sizes))
    for number, (part, by) in enumerate(zip(parts, wanted.split(sizes), strict=True)):
        if NAMES[number] in _CHANGES and len(part):
            parts[number] = _CHANGES[NAMES[number]](part, by)
    first, last = sum(sizes[: MOVING.start]), sum(sizes[: MOVING.stop])
    if first < last:
        matrix = _matrix(which[order][first:last], wanted[first:last].double(), *x.shape[2:])
        parts[MOVING] = [warped(torch.cat(parts[MOVING]), matrix)]
    return torch.empty_like(x).index_copy(0, index, torch.cat(parts))


def _matrix(which: Tensor, amount: Tensor, height: int, width: int) -> Float[Tensor, "b 2 3"]:
    """The map of those that move pixels; shears leave the upper left corner where it is."""

    def of(name: str, value: Tensor) -> Tensor:
        return torch.where(which == NAMES.index(name), value, 0)

    slant = amount.atan().rad2deg()
    shear = torch.stack([of("shear-x", slant), of("shear-y", slant)], dim=1)
    shift = torch.stack([of("translate-x", amount), of("translate-y", amount)], dim=1).trunc()
    corner = torch.tensor([-width / 2, -height / 2], dtype=amount.dtype)
    centre = torch.where((shear != 0).any(1, keepdim=True), corner, 0)
    return inverse(-of("rotate", amount), shift, torch.ones_like(amount), shear, centre=centre)


def amounts(
    which: Int[Tensor, " b"], level: Float[Tensor, " b"], negative: Tensor, /,
    *, height: int, width: int, shift: float, bits: int,
) -> Float[Tensor, " b"]:  # fmt: skip
    """How much of its operation each image gets.

    Args:
        which: number of the operation.
        level: from 0 (nothing) to 1 (as much as there is).
        negative: whether to go the other way, where there is one.
        height: of the images.
        width: of the images.
        shift: the largest shift, as a share of the size.
        bits: that posterising leaves at level 0; 4 less at level 1.
    """
    most = {"rotate": 30.0, "shear-x": 0.3, "shear-y": 0.3, "translate-x": shift * width}
    most["translate-y"] = shift * height
    table = torch.tensor([most.get(name, 0.9) for name in NAMES], dtype=torch.float64)
    magnitude = table[which] * level
    magnitude = torch.where(
        which == NAMES.index("posterize"), (bits - 4 * level).round(), magnitude
    )
    magnitude = torch.where(which == NAMES.index("solarize"), 1 - level, magnitude)
    return torch.where(negative & (which >= SIGNED), -magnitude, magnitude)
