"""The last made pictures: a critic sees older ones too, and does not forget what it has learned.

Half of the pictures that a critic is given are the new ones, half are old ones, whose place the new
ones take.

References:
    Ashish Shrivastava and others. Learning from simulated and unsupervised images through
    adversarial training. CVPR 2017. https://arxiv.org/abs/1612.07828

>>> pool = History((1, 2, 2), 3)
>>> x = torch.rand(4, 1, 2, 2)
>>> torch.equal(pool.shown(x, x), x), int(pool.filled)
(True, 0)
>>> pool.took()
>>> int(pool.filled)
3
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.generative.gan.stylegan.random_numbers import even

OLD = 0.5
"""Share of the pictures for which an old one is shown."""

PURPOSE = 9
"""Of the random numbers."""


class History(nn.Module):
    """Pictures that were made before.

    What is shown is a function of the batch and of what was there before it; `took` puts the
    batch's own in.

    Args:
        dims: of a picture.
        size: how many are kept.
    """

    kept: Tensor
    filled: Tensor

    def __init__(self, dims: tuple[int, ...], size: int, /):
        super().__init__()
        self.register_buffer("kept", torch.zeros(size, *dims))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))
        self.waiting: list[tuple[Tensor, Tensor]] = []

    def shown(
        self, x: Float[Tensor, "b c y x"], made_of: Float[Tensor, "b c y x"], /
    ) -> Float[Tensor, "b c y x"]:
        """The pictures, some of them old ones: a hash of what they were made of says which."""
        x = x.detach()
        filled = int(self.filled)
        if filled < len(self.kept):
            self.waiting.append((x, torch.arange(len(x), device=x.device)))
            return x
        drawn = even(made_of, 2, purpose=PURPOSE)
        place = (drawn[:, 1] * filled).long()
        old = drawn[:, 0] < OLD
        self.waiting.append((x[old], place[old]))
        return torch.where(old[:, None, None, None], self.kept[place].to(x), x)

    def took(self) -> None:
        """Put in what was shown since the last call: at the end, or in the place of old ones."""
        for x, place in self.waiting:
            filled = int(self.filled)
            if filled < len(self.kept):
                count = min(len(x), len(self.kept) - filled)
                self.kept[filled : filled + count] = x[:count]
                self.filled += count
            else:
                self.kept[place] = x.to(self.kept)
        self.waiting = []
