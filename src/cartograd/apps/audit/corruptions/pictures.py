"""Pictures as bad cameras, bad light and bad lines make them, in five severities.

The kinds and the idea of five severities are those of ImageNet-C; the sizes are ours, given in
shares of the range and of the side, so that they mean the same for 8 and for 224 pixels. Pixels
stay within their bounds.

References:
    Dan Hendrycks, Thomas Dietterich. Benchmarking neural network robustness to common corruptions
    and perturbations. ICLR 2019. https://arxiv.org/abs/1903.12261
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Change = Callable[[Float[Tensor, "b c y x"], int, torch.Generator], Float[Tensor, "b c y x"]]


def noise(
    x: Float[Tensor, "b c y x"], severity: int, generator: torch.Generator, /
) -> Float[Tensor, "b c y x"]:
    """Normal noise, up to 0.3 of the range."""
    drawn = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x + (0.04, 0.08, 0.12, 0.2, 0.3)[severity - 1] * drawn


def blur(
    x: Float[Tensor, "b c y x"], severity: int, _: torch.Generator, /
) -> Float[Tensor, "b c y x"]:
    """A normal kernel, of up to a tenth of the side."""
    sigma = (0.02, 0.035, 0.05, 0.07, 0.1)[severity - 1] * min(x.shape[2:])
    reach = max(1, math.ceil(3 * sigma))
    at = torch.arange(-reach, reach + 1, dtype=x.dtype)
    kernel = (-at.square() / (2 * sigma**2)).exp()
    kernel, rows = kernel / kernel.sum(), x.flatten(0, 1)[:, None]
    for shape, pad in (((1, -1), (reach, reach, 0, 0)), ((-1, 1), (0, 0, reach, reach))):
        rows = F.conv2d(F.pad(rows, pad, mode="replicate"), kernel.reshape(1, 1, *shape))
    return rows.reshape(x.shape)


def contrast(
    x: Float[Tensor, "b c y x"], severity: int, _: torch.Generator, /
) -> Float[Tensor, "b c y x"]:
    """Each picture nearer to its mean, down to a tenth of its contrast."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (0.75, 0.5, 0.35, 0.2, 0.1)[severity - 1] * (x - mean)


def brightness(
    x: Float[Tensor, "b c y x"], severity: int, _: torch.Generator, /
) -> Float[Tensor, "b c y x"]:
    """Everything brighter, by up to half of the range."""
    return x + 0.1 * severity


def pixelate(
    x: Float[Tensor, "b c y x"], severity: int, _: torch.Generator, /
) -> Float[Tensor, "b c y x"]:
    """Fewer pixels, down to a quarter of each side, each as large as they were together."""
    share = (0.8, 0.65, 0.5, 0.35, 0.25)[severity - 1]
    sides = [max(1, round(share * side)) for side in x.shape[2:]]
    small = F.interpolate(x, size=sides, mode="area")
    return F.interpolate(small, size=x.shape[2:], mode="nearest")


def occlusion(
    x: Float[Tensor, "b c y x"], severity: int, generator: torch.Generator, /
) -> Float[Tensor, "b c y x"]:
    """A grey square somewhere, of up to half of each side."""
    height, width = (max(1, round(0.1 * severity * side)) for side in x.shape[2:])
    moved = x.clone()
    for one in moved:
        top, left = (
            int(torch.randint(side - size + 1, (), generator=generator))
            for side, size in zip(x.shape[2:], (height, width), strict=True)
        )
        one[:, top : top + height, left : left + width] = 0.5
    return moved


KINDS: dict[str, Change] = {
    "noise": noise, "blur": blur, "contrast": contrast, "brightness": brightness,
    "pixelate": pixelate, "occlusion": occlusion,
}  # fmt: skip
