"""CutMix: paste a rectangle of one image into another, and mix the targets by area.

Unlike mixup's blends the images stay natural wherever one looks, and unlike erasing no pixel is
wasted. The model has to find the class in whatever part of an object is left.

    x = x_j inside of a box, x_i outside;    t = s t_i + (1 - s) t_j,    s = share outside
    box: height and width sqrt(1 - l) of the image's, l ~ Beta(a, a), its centre anywhere

Shapes: images `b c y x`; targets as distributions `b k`; both kept.

Departures: each image has its own random box and partner, where the authors' code has one box for
a batch. A box that sticks out is cut at the border, and the share is that of what is pasted.

References:
    Sangdoo Yun et al. CutMix: regularization strategy to train strong classifiers with localizable
    features. ICCV 2019. https://arxiv.org/abs/1905.04899

>>> images = torch.eye(2)[:, :1, None, None].expand(2, 1, 8, 8)
>>> x, targets = cutmix(images, torch.eye(2), torch.Generator().manual_seed(1))
>>> torch.allclose(x.mean((1, 2, 3)), targets[:, 0])
True
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.training.regularization.mixup import blend, shares

CARD = Card(
    name="cutmix",
    kind="regulariser",
    entry="cutmix",
    nodes=("regularize/augmentation-image",),
    title="CutMix",
    zh="CutMix 剪贴混合",
    paper="CutMix: regularization strategy to train strong classifiers with localizable features",
    year=2019,
    url="https://arxiv.org/abs/1905.04899",
    proofs=(
        "law: every pixel is one image's or the other's, the pasted ones form a rectangle, and "
        "the target's share is exactly the area outside of it",
        "law: boxes within the border have the area that was drawn, to a pixel a side",
    ),
    evidence={"regularize/augmentation-image": ("test_boxes_have_the_area_that_was_drawn",)},
    renamed={"concentration": "alpha"},
)


def cutmix(
    x: Float[Tensor, "b c y x"],
    targets: Float[Tensor, "b k"],
    generator: torch.Generator | None = None,
    /,
    *,
    alpha: float = 1.0,
) -> tuple[Float[Tensor, "b c y x"], Float[Tensor, "b k"]]:
    """Each image with a rectangle of another one, and the targets mixed by area.

    Args:
        x: inputs of a batch.
        targets: as distributions over the classes.
        generator: of random numbers; torch's global one if left out.
        alpha: both parameters of the Beta distribution that the rectangle's share of the
            image is drawn from.
    """
    share = shares(len(x), generator, alpha=alpha)
    partner = torch.randperm(len(x), generator=generator)
    height, width = x.shape[2:]
    centre = torch.rand(2, len(x), generator=generator, dtype=share.dtype)
    inside = boxes(share, centre, height, width).to(x.device)
    outside = 1 - inside.to(share.dtype).mean((1, 2))
    mixed = torch.where(inside.unsqueeze(1), x[partner], x)
    return mixed, blend(targets, targets[partner], outside)


def boxes(
    share: Float[Tensor, " b"], centre: Float[Tensor, "2 b"], height: int, width: int, /
) -> Bool[Tensor, "b y x"]:
    """Mask of the pixels that each box covers, for the share outside and the centre in [0, 1)."""
    side = (1 - share).sqrt()

    def covered(size: int, middle: Tensor) -> Tensor:
        pixel, half = torch.arange(size), (side * size / 2).unsqueeze(1)
        at = (middle * size).unsqueeze(1)
        return (pixel + 0.5 >= at - half) & (pixel + 0.5 < at + half)

    return covered(height, centre[0]).unsqueeze(2) & covered(width, centre[1]).unsqueeze(1)
