"""Affine maps of the plane, one for each image, and images seen through them.

Coordinates are pixels from the image's centre, x to the right and y down, as in torchvision. A
matrix maps a place of the new image to the place of the old one whose colour it gets, found
between pixels by bilinear interpolation; what lies outside is 0.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def inverse(
    angle: Float[Tensor, " b"],
    shift: Float[Tensor, "b 2"],
    zoom: Float[Tensor, " b"],
    shear: Float[Tensor, "b 2"],
    /,
    *,
    centre: Float[Tensor, "b 2"] | None = None,
) -> Float[Tensor, "b 2 3"]:
    """The inverse of: shear, zoom and turn around a centre, then shift.

    Args:
        angle: degrees, clockwise as seen on the screen.
        shift: pixels to the right and down.
        zoom: above 1 enlarges.
        shear: degrees along x and along y.
        centre: what stays in its place but for the shift; by default the image's own.
    """
    turn, (across, down) = angle.deg2rad(), shear.deg2rad().unbind(1)
    a = (turn - down).cos() / down.cos()
    b = -(a * across.tan() + turn.sin())
    c = (turn - down).sin() / down.cos()
    d = turn.cos() - c * across.tan()
    linear = torch.stack([d, -b, -c, a], dim=1).div(zoom[:, None]).reshape(-1, 2, 2)
    middle = torch.zeros_like(shift) if centre is None else centre
    offset = middle - (linear @ (middle + shift)[:, :, None])[:, :, 0]
    return torch.cat([linear, offset[:, :, None]], dim=2)


def warped(
    x: Float[Tensor, "b c y x"], matrix: Float[Tensor, "b 2 3"], /
) -> Float[Tensor, "b c y x"]:
    """Each image seen through its map."""
    height, width = x.shape[2:]
    half = torch.tensor([width / 2, height / 2], dtype=matrix.dtype)
    rows = (matrix / half[:, None]).to(x)  # grid_sample counts from -1 to 1
    across = torch.arange(width, dtype=x.dtype, device=x.device) - (width - 1) / 2
    down = torch.arange(height, dtype=x.dtype, device=x.device) - (height - 1) / 2
    from_x = rows[:, :, :1] * across  # b 2 x
    from_y = torch.addcmul(rows[:, :, 2:], rows[:, :, 1:2], down)  # b 2 y
    grid = x.new_empty(len(x), height, width, 2)
    torch.add(from_x[:, 0, None], from_y[:, 0, :, None], out=grid[..., 0])
    torch.add(from_x[:, 1, None], from_y[:, 1, :, None], out=grid[..., 1])
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
