"""Changes of colour and tone, each image by its own amount; pixels in [0, 1] before and after.

A factor of 1 changes nothing, 0 leaves what the image is blended with: black, its mean grey, its
grey version, or its smoothed version. Grey images have no saturation and no hue to change.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from cartograd.training.augmentation.image.pixels import column

LUMA = (0.2989, 0.587, 0.114)
"""How bright red, green and blue seem (ITU-R BT.601, as rounded by torchvision and Pillow)."""

Images = Float[Tensor, "b c y x"]
Amount = Float[Tensor, " b"]


def grey(x: Images, /) -> Float[Tensor, "b 1 y x"]:
    """The brightness of each pixel."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    red, green, blue = x.split(1, dim=1)
    return (red * LUMA[0]).add(green, alpha=LUMA[1]).add(blue, alpha=LUMA[2])


def _blend(x: Tensor, other: Tensor, factor: Amount) -> Images:
    return torch.lerp(other.expand_as(x), x, column(factor, x)).clamp(0, 1)


def brightness(x: Images, factor: Amount, /) -> Images:
    """Lighter (above 1) or darker."""
    return (x * column(factor, x)).clamp(0, 1)


def contrast(x: Images, factor: Amount, /) -> Images:
    """Away from the image's mean grey (above 1) or towards it."""
    return _blend(x, grey(x).mean((1, 2, 3), keepdim=True), factor)


def saturation(x: Images, factor: Amount, /) -> Images:
    """More colour (above 1) or less."""
    return x if x.shape[1] != 3 else _blend(x, grey(x), factor)


def hue(x: Images, turn: Amount, /) -> Images:
    """Colours moved along the colour circle by a share of it, in [-0.5, 0.5]."""
    if x.shape[1] != 3:
        return x
    red, green, blue = x.unbind(1)
    high = torch.maximum(torch.maximum(red, green), blue)
    span = high - torch.minimum(torch.minimum(red, green), blue)
    scale = 1 / span.masked_fill(span == 0, 1)
    hue = torch.where(
        high == red,
        (green - blue) * scale,
        torch.where(high == green, (blue - red) * scale + 2, (red - green) * scale + 4),
    )
    hue = hue + 6 * turn.to(x)[:, None, None]  # sixths of the circle, from red
    start = torch.tensor([5.0, 3.0, 1.0], dtype=x.dtype, device=x.device)[:, None, None]
    sector = hue[:, None] + start
    sector = sector - 6 * (sector / 6).floor()  # half the time of torch.remainder
    share = (2 - (sector - 2).abs()).clamp(0, 1)
    return torch.addcmul(high[:, None], span[:, None], share, value=-1).clamp(0, 1)


def sharpness(x: Images, factor: Amount, /) -> Images:
    """Sharper (above 1) or smoother; the outermost pixels stay."""
    channels, height, width = x.shape[1:]
    if min(height, width) <= 2:
        return x
    kernel = torch.full((3, 3), 1 / 13, dtype=x.dtype, device=x.device)
    kernel[1, 1] = 5 / 13
    smooth = F.conv2d(x, kernel.expand(channels, 1, 3, 3), groups=channels)
    inner = torch.lerp(smooth, x[:, :, 1:-1, 1:-1], column(factor, x)).clamp(0, 1)
    rows = torch.cat([x[:, :, 1:-1, :1], inner, x[:, :, 1:-1, -1:]], dim=3)
    return torch.cat([x[:, :, :1], rows, x[:, :, -1:]], dim=2)


def posterised(x: Images, bits: Int[Tensor, " b"], /) -> Images:
    """Fewer levels: 2 to the power of `bits`."""
    levels = column(2.0**bits, x)
    return (x * levels).floor().clamp_max(levels - 1) / levels


def solarised(x: Images, threshold: Amount, /) -> Images:
    """What is at least as light as the threshold turned into its negative."""
    return torch.where(x >= column(threshold, x), 1 - x, x)


def stretched(x: Images, /) -> Images:
    """Each channel so that its darkest pixel is 0 and its lightest 1 (autocontrast)."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    flat = high == low
    return ((x - low.masked_fill(flat, 0)) / (high - low).masked_fill(flat, 1)).clamp(0, 1)


def equalised(x: Images, /) -> Images:
    """Each channel so that its 256 levels are about equally frequent, as Pillow does it."""
    levels = (x * 255.999).long().flatten(2)  # b c y*x
    count = torch.zeros(*levels.shape[:2], 256, dtype=torch.long, device=x.device)
    count.scatter_add_(2, levels, torch.ones_like(levels))
    below = count.cumsum(2)
    most = count.gather(2, below.argmax(2, keepdim=True))  # pixels of the lightest level
    step = (levels.shape[2] - most) // 255
    table = ((below[:, :, :-1] + step // 2) // step.clamp_min(1)).clamp(0, 255)
    table = torch.cat([torch.zeros_like(step), table], dim=2)
    levels_after = torch.where(step > 0, table.gather(2, levels), levels)
    return levels_after.reshape(x.shape).to(x.dtype) / 255
