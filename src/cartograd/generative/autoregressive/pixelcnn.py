"""PixelCNN: a picture is read row by row, and each level foretold from all pixels before it.

The probability of a picture is that of its first number, times that of the second given the first,
and so on. One network answers for all numbers at once: its convolutions are masked, so that no
number sees itself or what comes after it. Some pixels above and to the right are never seen: the
blind spot of masked kernels. The gated PixelCNN has two stacks, and none.

    p(x) = prod_i p(x_i | x_1, ..., x_(i-1))

Shapes: input `b c y x` of levels in [0, 1] and (with classes) `b`; log-probabilities ` b` in nats.

Departures: the classes (a vector added to the first features, or in each gate) are from the second
paper; the mixture of logistic distributions in place of the softmax is PixelCNN++'s.

References:
    Aäron van den Oord, Nal Kalchbrenner, Koray Kavukcuoglu. Pixel recurrent neural networks. ICML
    2016. https://arxiv.org/abs/1601.06759
    Aäron van den Oord and others. Conditional image generation with PixelCNN decoders. NeurIPS
    2016. https://arxiv.org/abs/1606.05328

>>> import torch
>>> model = PixelCNN(channels=1, size=5, levels=4, width=8, depth=1)
>>> model(torch.zeros(2, 1, 5, 5)).shape
torch.Size([2])
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.generative.autoregressive.gated_stack import GatedStack
from cartograd.generative.autoregressive.masked import MaskedConv2d, Seen, channel_of
from cartograd.generative.autoregressive.masked_stack import MaskedStack
from cartograd.generative.autoregressive.raster import Pixel, completed, log_prob
from cartograd.generative.level_distributions import level_distribution
from cartograd.generative.told_class import check_class

CARD = Card(
    name="pixelcnn",
    kind="model",
    entry="PixelCNN",
    nodes=("ar/pixelcnn",),
    title="PixelCNN",
    zh="PixelCNN（掩码卷积）",
    paper="Pixel recurrent neural networks",
    year=2016,
    url="https://arxiv.org/abs/1601.06759",
    proofs=(
        "law: no number depends on itself or on later ones, by gradients that are exactly zero",
        "law: of 35 pixels before one 34 are seen, the gated stacks see all",
        "law: the probabilities of all pictures of 2 by 2 pixels sum to one, to 1e-12",
        "law: pictures drawn pixel by pixel are those drawn from whole passes; with a table of "
        "chances in the network's place they have its joint distribution, by chi-squared",
    ),
    evidence={
        "ar/pixelcnn": (
            "test_no_number_sees_itself_or_later_ones",
            "test_the_probabilities_of_all_pictures_sum_to_one",
            "acceptance:pixelcnn-digits",
            "acceptance:pixelcnn-fashion",
        ),
    },
    tiny={"channels": 1, "size": 5, "levels": 3, "classes": 3, "width": 6, "depth": 1},
    answers="density",
)

PRESETS = {
    "gated-pixelcnn": {"gated": True},
}


class PixelCNN(nn.Module):
    """Masked convolutions, and the distribution of each number.

    Args:
        channels: of a picture.
        size: height and width of the pictures that are drawn.
        levels: how many evenly spaced values from 0 to 1 a number takes.
        classes: how many there are to tell the model of; None trains without them.
        width: features of a pixel.
        depth: blocks, or gated layers, after the first one, whose kernel is 7 pixels wide.
        gated: whether two gated stacks take the place of masked kernels in residual blocks.
        components: logistic distributions that each number's is mixed of; 0 for a softmax over the
            levels.
    """

    def __init__(
        self,
        *,
        channels: int,
        size: int,
        levels: int,
        classes: int | None = None,
        width: int = 64,
        depth: int = 6,
        gated: bool = False,
        components: int = 0,
    ):
        super().__init__()
        self.distribution = level_distribution(levels=levels, components=components)
        if width < 2 * channels:
            raise UsageError(f"width={width} for {channels} channels; expected {2 * channels} up")
        self.channels, self.size, self.classes = channels, size, classes
        self.likelihood = "exact"
        stack = GatedStack if gated else MaskedStack
        self.stack = stack(channels, width=width, depth=depth, classes=classes)
        features = channel_of(width, channels)
        answer = [c for c in range(channels) for _ in range(self.distribution.size)]
        self.last = nn.Sequential(
            nn.ReLU(), MaskedConv2d(features, features, kernel_size=(1, 1)),
            nn.ReLU(), MaskedConv2d(features, answer, kernel_size=(1, 1)),
        )  # fmt: skip

    def forward(
        self, x: Float[Tensor, "b c y x"], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """The logarithm of the probability of each picture, in nats."""
        return log_prob(lambda one: self.parameters_of(one, y), self.distribution, x)

    def parameters_of(
        self, x: Float[Tensor, "b c y x"], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b c y x d"]:
        """The parameters of each number's distribution, given those before it.

        Raises:
            UsageError: classes are missing, or not wanted.
        """
        check_class(self.classes, y)
        features = self.stack(2 * x - 1, y)
        answer = self.last(features).unflatten(1, (self.channels, -1))
        return answer.permute(0, 1, 3, 4, 2)

    def sample(
        self,
        count: int,
        generator: torch.Generator,
        /,
        *,
        temperature: float = 1.0,
        y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b c y x"]:
        """Pictures drawn number by number."""
        weight = next(self.parameters())
        x = weight.new_zeros(count, self.channels, self.size, self.size)
        return self._completed(x, x, generator, temperature, y)

    def inpaint(
        self,
        x: Float[Tensor, "b c y x"],
        known: Float[Tensor, "b c y x"],
        generator: torch.Generator,
        y: Int[Tensor, " b"] | None = None,
        /,
    ) -> Float[Tensor, "b c y x"]:
        """Pictures of which the rest in raster order is drawn.

        Raises:
            NotSupported: something known comes after something unknown.
        """
        return self._completed(x, known, generator, 1.0, y)

    def _completed(
        self, x: Tensor, known: Tensor, generator: torch.Generator, temperature: float,
        y: Tensor | None,
    ) -> Tensor:  # fmt: skip
        check_class(self.classes, y)

        def pixels(one: Tensor) -> Pixel:
            features = self.stack.by_pixel(lambda row: 2 * one[:, :, row : row + 1] - 1, one, y)
            layers: list[Any] = [self.last[1], self.last[3]]
            first, second = (Seen(layer, one) for layer in layers)

            def pixel(row: int, column: int) -> Tensor:
                found = first.step(features(row, column).relu(), row, column)
                found = second.step(found.relu(), row, column)
                return found.flatten(1).unflatten(1, (self.channels, -1))

            return pixel

        return completed(pixels, self.distribution, x, known, generator, temperature=temperature)
