"""A codebook: each vector becomes the nearest of a few that are learned as means of what is near.

The gradient of what comes after passes straight through to what came before. The codebook itself
is not learned by gradients: each code moves towards the mean of the vectors it was nearest to, by
running sums; without memory (decay 0) that is one step of Lloyd's algorithm.

    q(z) = argmin_e |z - e|,    N_i <- g N_i + (1 - g) n_i,    m_i <- g m_i + (1 - g) sum z,
    e_i = m_i / N_i

References:
    Aäron van den Oord, Oriol Vinyals, Koray Kavukcuoglu. Neural discrete representation learning.
    NeurIPS 2017. https://arxiv.org/abs/1711.00937
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

FEWEST, RARE = 1.0, 0.03
"""Vectors of a batch, on average, below which a code is put elsewhere, and what share that may be
of as many as each would have if all were used alike. Of small batches one vector is no rare thing:
codes that are used would move about, and whatever is learned of their numbers with them."""

LEAST = 1e-5
"""Of a running count: below it there is no mean."""


class Codebook(nn.Module):
    """A few vectors that stand for all.

    Args:
        codes: how many.
        dim: numbers of each.
        decay: share of the running sums that is kept at each training step.
    """

    codes: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, codes: int, dim: int, /, *, decay: float):
        super().__init__()
        self.decay = decay
        start = torch.randn(codes, dim)
        self.register_buffer("codes", start)
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, dim))

    def forward(self, z: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n d"], Int[Tensor, " n"]]:
        """The nearest code of each vector, through which gradients pass, and its number."""
        number = self.nearest(z)
        code = self.codes[number].to(z.dtype)
        return z + (code - z).detach(), number

    def nearest(self, z: Float[Tensor, "n d"], /) -> Int[Tensor, " n"]:
        """The number of the nearest code."""
        codes = self.codes.to(z.dtype)
        return (codes.square().sum(1) - 2 * z.detach() @ codes.T).argmin(1)

    @torch.no_grad()
    def restart(self, z: Float[Tensor, "n d"], /) -> None:
        """Put codes that nothing is near to at vectors of the batch, drawn at random."""
        fewest = min(FEWEST, RARE * len(z) / len(self.codes))
        unused = self.counts < fewest
        chosen = torch.randint(len(z), (len(self.codes),), device=z.device)
        fresh = z[chosen].to(self.codes.dtype)
        self.codes.copy_(torch.where(unused[:, None], fresh, self.codes))
        self.sums.copy_(torch.where(unused[:, None], fewest * fresh, self.sums))
        self.counts.copy_(torch.where(unused, fewest, self.counts))

    @torch.no_grad()
    def learn(self, z: Float[Tensor, "n d"], number: Int[Tensor, " n"], /) -> None:
        """Move each code towards the mean of the vectors that are nearest to it."""
        z = z.to(self.sums.dtype)
        chosen = nn.functional.one_hot(number, len(self.codes)).to(z)
        self.counts.lerp_(chosen.sum(0), 1 - self.decay)
        self.sums.lerp_(chosen.T @ z, 1 - self.decay)
        means = self.sums / self.counts.clamp(min=LEAST)[:, None]
        self.codes.copy_(torch.where((self.counts > LEAST)[:, None], means, self.codes))


def perplexity(number: Int[Tensor, "..."], codes: int, /) -> float:
    """How many codes are in use: of codes that are used alike, their count.

    >>> perplexity(torch.tensor([0, 1, 2, 3, 0, 1, 2, 3]), 10)
    4.0
    """
    share = number.flatten().bincount(minlength=codes).double() / number.numel()
    return round(torch.special.entr(share).sum().exp().item(), 12)
