"""PixelCNN++: whole pixels foretold as mixtures of logistic distributions, by two shifted streams.

One stream knows the rows above a pixel, the other one also what is to its left; kernels are shifted
rather than masked, and no direction before a pixel is out of sight. Both pass through halves and
quarters of the sides and come back, with short cuts. Levels have an order: a mixture of discretised
logistic distributions has few parameters for many levels. The channels of a pixel share the
component of the mixture, whose mean moves with the channels before.

    p(x) = prod_pixels sum_k w_k prod_c logistic(x_c | m_kc + sum_(j<c) a_kcj x_j, s_kc)

Shapes: input `b c y x` of levels in [0, 1] and (with classes) `b`; log-probabilities ` b` in nats.

Departures: no weight normalisation with a beginning by the first batch, but blocks that begin by
adding little; drawing looks at all rows from the first one on, so that it is for small pictures.

References:
    Tim Salimans, Andrej Karpathy, Xi Chen, Diederik Kingma. PixelCNN++: improving the PixelCNN with
    discretized logistic mixture likelihood and other modifications. ICLR 2017.
    https://arxiv.org/abs/1701.05517

>>> import torch
>>> model = PixelCNNPlusPlus(channels=1, size=5, levels=4, width=4, depth=1, scales=1)
>>> model(torch.zeros(2, 1, 5, 5)).shape
torch.Size([2])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.generative.autoregressive.raster import completed, log_prob, rows_so_far
from cartograd.generative.autoregressive.two_streams import TwoStreams, both_signs
from cartograd.generative.level_distributions import Logistics, level_distribution, nearest
from cartograd.generative.told_class import check_class

CARD = Card(
    name="pixelcnn-plus-plus",
    kind="model",
    entry="PixelCNNPlusPlus",
    nodes=("ar/pixelcnn",),
    title="PixelCNN++",
    zh="PixelCNN++（离散逻辑斯谛混合）",
    aliases=("pixelcnn++",),
    paper="PixelCNN++: improving the PixelCNN with discretized logistic mixture likelihood",
    year=2017,
    url="https://arxiv.org/abs/1701.05517",
    proofs=(
        "law: no number depends on itself or on later ones, and all before it are seen",
        "law: the chances of all pictures of 2 by 2 pixels sum to one, to 1e-12",
        "law: the numbers of a pixel, one after the other, have the mixture's common chance",
        "law: drawn pictures are those drawn from whole passes",
    ),
    evidence={"ar/pixelcnn": ("test_all_numbers_before_one_are_seen_and_no_later_ones",)},
    tiny={
        "channels": 1,
        "size": 5,
        "levels": 3,
        "classes": 3,
        "width": 4,
        "depth": 1,
        "scales": 1,
        "components": 2,
        "dropout": 0.0,
    },
    answers="density",
)


class PixelCNNPlusPlus(nn.Module):
    """Two streams, and the mixture of each pixel.

    Args:
        channels: of a picture.
        size: height and width of the pictures that are drawn.
        levels: how many evenly spaced values from 0 to 1 a number takes.
        classes: how many there are to tell the model of; None trains without them.
        width: features of a pixel in each stream.
        depth: blocks of each resolution and stream, on each way.
        scales: how often the sides are halved.
        components: logistic distributions that each pixel's is mixed of.
        dropout: probability of dropping a feature inside a block.

    Raises:
        UsageError: there are no levels, or no components.
    """

    def __init__(
        self,
        *,
        channels: int,
        size: int,
        levels: int,
        classes: int | None = None,
        width: int = 32,
        depth: int = 2,
        scales: int = 2,
        components: int = 5,
        dropout: float = 0.1,
    ):
        super().__init__()
        found = level_distribution(levels=levels, components=components)
        if not isinstance(found, Logistics):
            raise UsageError(
                "components=0: pixelcnn-plus-plus mixes logistic distributions; expected 1 or "
                "more, or take gated-pixelcnn, which has a softmax"
            )
        self.distribution, self.likelihood = found, "exact"
        self.channels, self.size, self.classes = channels, size, classes
        self.components = components
        self.stack = TwoStreams(
            channels, width=width, depth=depth, scales=scales, classes=classes, dropout=dropout
        )
        own = 2 * channels + channels * (channels - 1) // 2
        self.last = nn.Conv2d(2 * width, components * (1 + own), 1)

    def forward(
        self, x: Float[Tensor, "b c y x"], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """The logarithm of the probability of each picture, in nats."""
        return log_prob(lambda one: self.parameters_of(one, y), self.distribution, x)

    def parameters_of(
        self, x: Float[Tensor, "b c y x"], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b c y x d"]:
        """The parameters of each number's distribution, given those before it.

        What a component says of the channels before makes it likelier or less likely for the next.

        Raises:
            UsageError: classes are missing, or not wanted.
        """
        weight, means, scales, slopes = self.mixture(x, y)
        value, level = 2 * x[..., None] - 1, nearest(x, self.distribution.levels)
        answers, first = [], 0
        for c in range(self.channels):
            mean = means[:, c]
            for j in range(c):
                mean = mean + slopes[:, first + j] * value[:, j]
            first += c
            answers.append(torch.cat([weight, mean, scales[:, c]], -1))
            weight = weight + self.distribution.of_each(answers[-1], level[:, c])
        return torch.stack(answers, 1)

    def mixture(
        self, x: Float[Tensor, "b c y x"], y: Int[Tensor, " b"] | None = None, /
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Each pixel's weights `b y x k`; means, log-scales and slopes `b n y x k` of its channels.

        Raises:
            UsageError: classes are missing, or not wanted.
        """
        check_class(self.classes, y)
        answer = self.last(both_signs(self.stack(2 * x - 1, y)))
        answer = answer.unflatten(1, (-1, self.components)).movedim(2, 4)
        weight, means, scales, slopes = answer.split(
            [1, self.channels, self.channels, answer.shape[1] - 1 - 2 * self.channels], 1
        )
        return weight[:, 0], means, scales, slopes.tanh()

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
        x = self.last.weight.new_zeros(count, self.channels, self.size, self.size)
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
        return completed(
            rows_so_far(lambda one: self.parameters_of(one, y)), self.distribution, x, known,
            generator, temperature=temperature,
        )  # fmt: skip
