"""Blur: each image out of focus by its own amount.

A model that leans on fine texture learns to look at shapes too, and one trained on sharp pictures
learns to live with bad ones.

    x' = k * x (rows, then columns),    k(d) = exp(-d^2 / 2 s^2) / sum, s uniform in `sigma`

Shapes: images `b c y x`, floats or bytes, kept.

Departures: the kernel reaches 3 of the largest sigma, where torchvision has a size of its own to
choose; beyond the border the image is mirrored, as there. Bytes are rounded.

References:
    Ting Chen, Simon Kornblith, Mohammad Norouzi, Geoffrey Hinton. A simple framework for
    contrastive learning of visual representations. ICML 2020. https://arxiv.org/abs/2002.05709

>>> x = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]).expand(1, 1, 5, 5)
>>> [round(v, 2) for v in blurred(x, torch.tensor([0.5]), reach=1)[0, 0, 0].tolist()]
[0.0, 0.11, 0.79, 0.11, 0.0]
"""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.image.pixels import as_before, as_float
from cartograd.training.augmentation.image.resample import separable

CARD = Card(
    name="blur",
    kind="augmentation",
    entry="blur",
    nodes=("regularize/augmentation-image",),
    title="Gaussian blur",
    zh="高斯模糊",
    paper="A simple framework for contrastive learning of visual representations",
    year=2020,
    url="https://arxiv.org/abs/2002.05709",
    proofs=(
        "oracle: torchvision's gaussian_blur of the same size and sigma, to 1e-5 in float32 and "
        "1e-10 in float64; bytes to 1 level",
        "law: an even image stays as it is",
    ),
    evidence={"regularize/augmentation-image": ("test_equal_to_torchvisions",)},
    renamed={"spread": "sigma", "probability": "p"},
)

MOVES = False
"""Pixels stay in their places, and so does what is known of them."""


def blur(
    x: Shaped[Tensor, "b c y x"],
    rng: CounterRandom,
    /,
    *,
    sigma: tuple[float, float] = (0.1, 2.0),
    p: float = 0.5,
) -> Shaped[Tensor, "b c y x"]:
    """Some of the images blurred by a Gaussian of some `sigma` (pixels).

    Args:
        x: a batch of images.
        rng: random numbers of each example.
        sigma: smallest and largest standard deviation of the Gaussian, in pixels.
        p: how often an image is blurred.
    """
    rows = rng.happens(p).nonzero()[:, 0]
    amount = rng.of(rows).between(*sigma, number=1)
    reach = max(1, math.ceil(3 * max(sigma)))
    rows = rows.to(x.device)
    return x.index_copy(0, rows, blurred(x.index_select(0, rows), amount, reach=reach))


def blurred(
    x: Shaped[Tensor, "b c y x"], sigma: Float[Tensor, " b"], /, *, reach: int
) -> Shaped[Tensor, "b c y x"]:
    """Each image blurred by its sigma; the kernel has `reach` pixels either way."""
    pixels = as_float(x)
    down, across = (_smoothing(sigma, size, reach).to(pixels) for size in x.shape[2:])
    return as_before(separable(pixels, down, across), x)


def _smoothing(sigma: Float[Tensor, " b"], size: int, reach: int) -> Float[Tensor, "b v y"]:
    """Each row the kernel around one pixel, with what sticks out mirrored back."""
    reach = min(reach, size - 1)
    distance = torch.arange(-reach, reach + 1, dtype=torch.float64)
    kernel = (-0.5 * (distance / sigma.double()[:, None]) ** 2).exp()
    kernel = kernel / kernel.sum(1, keepdim=True)
    at = torch.arange(size)[:, None] + torch.arange(-reach, reach + 1)
    at = (size - 1) - (at.abs() - (size - 1)).abs()
    weights = torch.zeros(len(kernel), size, size, dtype=torch.float64)
    return weights.scatter_add_(
        2, at.expand(len(kernel), -1, -1), kernel[:, None].expand(-1, size, -1)
    )
