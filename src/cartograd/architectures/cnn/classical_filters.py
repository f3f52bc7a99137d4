"""Classical filters: what image processing designed by hand, as convolutions with fixed weights.

Before networks learned their kernels, people wrote them: Sobel's for edges, the bell curve for
blur, and pyramids of ever smaller images for looking at several scales. They are the same
operation, and the first layers of trained networks hold kernels that look like them.

    Sobel: S_x = [1 2 1]^T [-1 0 1]     Gauss: g_i = exp(-i^2 / 2 sigma^2) / sum, rows, then columns
    pyramid: x_(l+1) = every second pixel of the blurred x_l  (a convolution with stride 2)

Shapes: images `b c y x`, filtered map by map; beyond the border lies the image's mirror picture.

Departures: the mirror has its axis in the last pixel (scipy's `mirror`), since that is how torch
reflects. The bell curve is cut at four standard deviations, as scipy does.

References:
    Peter Burt, Edward Adelson. The Laplacian pyramid as a compact image code. IEEE Transactions on
    Communications 31, 1983. https://doi.org/10.1109/TCOM.1983.1095851

>>> step = torch.zeros(1, 1, 5, 6)
>>> step[..., 3:] = 1
>>> sobel(step)[0, 0, 2]
tensor([0., 0., 4., 4., 0., 0.])
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.cnn.convolution import convolve
from cartograd.architectures.cnn.pooling import Pooling
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="classical-filters",
    kind="demonstration",
    entry="classical_filters",
    nodes=("cnn/classical-filters",),
    title="Classical filters as convolutions",
    zh="经典滤波即卷积",
    paper="The Laplacian pyramid as a compact image code",
    year=1983,
    url="https://doi.org/10.1109/TCOM.1983.1095851",
    proofs=(
        "oracle: scipy.ndimage's sobel, gaussian_filter, uniform_filter and maximum_filter, to "
        "1e-10 in float64",
        "law: learned first-layer kernels are nearer to blur and edges than random ones are",
    ),
    evidence={
        "cnn/classical-filters": (
            "test_each_filter_equals_scipys",
            "test_learned_kernels_are_nearer_to_blur_and_edges_than_random_ones",
        ),
    },
    renamed={"std": "sigma"},
)


@dataclass(frozen=True)
class Filtered:
    """A filter and how it compares.

    Attributes:
        name: of the filter.
        means: how it is written here.
        gap: largest difference from scipy.ndimage on a photo.
    """

    name: str
    means: str
    gap: float

    def to_json(self) -> dict[str, Any]:
        """The row as JSON types."""
        return asdict(self)


def classical_filters(*, sigma: float = 1.5) -> tuple[Filtered, ...]:
    """Each filter beside scipy's on a photo that comes with scikit-learn.

    Args:
        sigma: of the blur, in pixels.
    """
    from scipy import ndimage

    image = photo().double()
    grey = image[0, 0].numpy()
    blurred = ndimage.gaussian_filter(grey, sigma, mode="mirror")
    half: dict[str, Any] = {"size": 2, "origin": -1}
    pairs = {
        ("Sobel, along x", "3x3 convolution"): (
            sobel(image), ndimage.sobel(grey, 1, mode="mirror"),
        ),
        ("Sobel, along y", "3x3 convolution"): (
            sobel(image, axis="vertical"), ndimage.sobel(grey, 0, mode="mirror"),
        ),
        ("Gauss", "a column, then a row"): (gaussian(image, sigma=sigma), blurred),
        ("Gaussian pyramid", "the same with stride 2"): (
            pyramid(image, sigma=sigma)[1], blurred[::2, ::2],
        ),
        ("mean pyramid", "average pooling of 2x2"): (
            Pooling(pooling="avg")(image), ndimage.uniform_filter(grey, **half)[:-1:2, :-1:2],
        ),
        ("dilation", "max pooling of 2x2"): (
            Pooling()(image), ndimage.maximum_filter(grey, **half)[:-1:2, :-1:2],
        ),
    }  # fmt: skip
    return tuple(
        Filtered(name, means, (ours[0, 0] - torch.from_numpy(theirs.copy())).abs().max().item())
        for (name, means), (ours, theirs) in pairs.items()
    )


def photo() -> Float[Tensor, "1 1 y x"]:
    """A part of a photo of a temple in grey, 200 x 240 pixels in [0, 1], from scikit-learn."""
    from sklearn.datasets import load_sample_image

    pixels = torch.from_numpy(load_sample_image("china.jpg").copy()).double() / 255
    grey = pixels @ torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    return grey[None, None, 120:320, 120:360].float()


def sobel(x: Float[Tensor, "b c y x"], /, *, axis: str = "horizontal") -> Float[Tensor, "b c y x"]:
    """How steeply an image rises along the rows (horizontal) or the columns (vertical).

    Raises:
        UsageError: the axis is neither.
    """
    if axis not in ("horizontal", "vertical"):
        raise UsageError(f"axis={axis!r} is unknown; expected horizontal or vertical")
    smooth, slope = x.new_tensor([1.0, 2.0, 1.0]), x.new_tensor([-1.0, 0.0, 1.0])
    kernel = torch.outer(smooth, slope)
    return _each(x, kernel if axis == "horizontal" else kernel.T)


def bell(sigma: float, /) -> Float[Tensor, " n"]:
    """Weights of the bell curve, summing to one."""
    reach = int(4 * sigma + 0.5)
    places = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-(places**2) / (2 * sigma**2))
    return weights / weights.sum()


def gaussian(
    x: Float[Tensor, "b c y x"], /, *, sigma: float = 1.0, stride: int = 1
) -> Float[Tensor, "b c v u"]:
    """Blur; with a stride every so many pixels of the blurred image."""
    weights = bell(sigma).to(x.dtype)
    rows = _each(x, weights[:, None])
    return _each(rows, weights[None, :])[..., ::stride, ::stride]


def pyramid(
    x: Float[Tensor, "b c y x"], /, *, levels: int = 4, sigma: float = 1.0
) -> list[Float[Tensor, "b c ..."]]:
    """The image, and each time half as high and wide, blurred before."""
    images = [x]
    for _ in range(levels - 1):
        images.append(gaussian(images[-1], sigma=sigma, stride=2))
    return images


def learned_kernels(*, epochs: int = 3, seed: int = 0) -> Float[Tensor, "d 1 v u"]:
    """Twelve 5x5 kernels that a small network learned in its first layer on the digits."""
    from cartograd.data.sources.digits import digits
    from cartograd.engine.loop.fit import fit
    from cartograd.training.objectives.classify import Classify

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        first = nn.Conv2d(1, 12, 5, padding=2)
        model = nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(192, 10))
    train = digits().train
    fit(
        Classify(model=model),
        train.batches(batch_size=32),
        optimizer="adamw:lr=3e-3",
        decay="all",
        epochs=epochs,
        device="cpu",
    )
    return first.weight.detach()


def share_classical(kernels: Float[Tensor, "d 1 v u"], /) -> float:
    """How much of the kernels' energy lies in blur and two slopes, 3 of 25 directions."""
    weights = bell(1.0)[2:-2].float()
    slope = torch.arange(-2.0, 3.0) * weights
    basis = [torch.outer(weights, weights), torch.outer(weights, slope)]
    basis = torch.stack([*basis, basis[1].T]).flatten(1)
    basis = basis / basis.norm(dim=1, keepdim=True)
    flat = kernels.flatten(1)
    return ((flat @ basis.T).square().sum() / flat.square().sum()).item()


def _each(x: Tensor, kernel: Tensor) -> Tensor:
    """One kernel over every map, which is mirrored at its border."""
    high, wide = kernel.shape
    padded = F.pad(x, (wide // 2, wide // 2, high // 2, high // 2), mode="reflect")
    weight = kernel.to(x.dtype).expand(x.shape[1], 1, high, wide)
    return convolve(padded, weight, groups=x.shape[1])
