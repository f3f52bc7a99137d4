"""A prior over pictures of codes: each code given those before it in raster order.

A PixelCNN of two gated stacks, to which codes are vectors that it learns: their numbers have no
order. It is told the class where there is one.

    p(q) = prod_i p(q_i | q_1, ..., q_(i-1))

References:
    Aäron van den Oord, Oriol Vinyals, Koray Kavukcuoglu. Neural discrete representation learning.
    NeurIPS 2017. https://arxiv.org/abs/1711.00937
    Aäron van den Oord and others. Conditional image generation with PixelCNN decoders. NeurIPS
    2016. https://arxiv.org/abs/1606.05328
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.generative.autoregressive.gated_stack import GatedStack
from cartograd.generative.autoregressive.raster import Pixel, completed
from cartograd.generative.level_distributions import level_distribution, nearest
from cartograd.generative.told_class import check_class


class CodePrior(nn.Module):
    """How likely pictures of codes are, and new ones.

    Args:
        codes: how many there are to choose from.
        places: height and width of the pictures.
        width: features of a place.
        depth: gated layers after the first one.
        classes: how many there are to be told of; None for none.
    """

    def __init__(
        self,
        codes: int,
        places: tuple[int, int],
        /,
        *,
        width: int,
        depth: int,
        classes: int | None,
    ):
        super().__init__()
        self.codes, self.places, self.classes = codes, places, classes
        self.distribution = level_distribution(levels=codes, components=0)
        self.named = nn.Embedding(codes, width)
        self.stack = GatedStack(1, width=width, depth=depth, classes=classes, given=width)
        self.last = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, codes, 1)
        )

    def log_prob(
        self, number: Int[Tensor, "b t"], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, " b"]:
        """The logarithm of the probability of each picture of codes, in nats."""
        number = number.unflatten(1, self.places)
        return self.distribution.log_prob(self.tables(number, y), number).flatten(1).sum(1)

    def tables(
        self, number: Int[Tensor, "b y x"], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b y x k"]:
        """Scores of the codes at each place, given those before it.

        Raises:
            UsageError: classes are missing, or not wanted.
        """
        check_class(self.classes, y)
        return self.last(self.stack(self._named(number), y)).movedim(1, 3)

    def _named(self, number: Tensor) -> Tensor:
        return self.named(number).movedim(3, 1)

    def sample(
        self,
        count: int,
        generator: torch.Generator,
        /,
        *,
        temperature: float = 1.0,
        y: Int[Tensor, " b"] | None = None,
    ) -> Int[Tensor, "b t"]:
        """New pictures of codes; below 1 the temperature keeps to likely ones."""
        check_class(self.classes, y)

        def pixels(one: Tensor) -> Pixel:
            def read(row: int) -> Tensor:
                return self._named(nearest(one[:, 0, row : row + 1], self.codes))

            features = self.stack.by_pixel(read, one, y)
            return lambda row, column: self.last(features(row, column)).flatten(2).mT

        x = self.named.weight.new_zeros(count, 1, *self.places)
        drawn = completed(pixels, self.distribution, x, x, generator, temperature=temperature)
        return nearest(drawn, self.codes).flatten(1)
