"""The distribution function of a mixture of logistics as a rising curve, with a scale and a shift.

The mixture's distribution function takes a number to a share between 0 and 1, the logit frees it of
bounds again, and a scale and a shift follow. A curve of a few steep rises fits numbers that gather
at a few values. Shares near 0 and 1 are kept as logarithms of both sides, so no digits are lost.

    y = logit(sum_k pi_k sigma((x - m_k) exp(-s_k))) exp(a) + c

The inverse halves an interval again and again: with all components' own inverses at hand, the
mixture's lies between the least and the greatest of them.

Shapes: numbers `b ...`; parameters `b m ...`, `m` = 3 K + 2.

References:
    Jonathan Ho, Xi Chen, Aravind Srinivas, Yan Duan, Pieter Abbeel. Flow++: improving flow-based
    generative models with variational dequantization and architecture design. ICML 2019.
    https://arxiv.org/abs/1902.00275
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from cartograd.generative.flows.bends import bounded

HALVINGS = 64
"""More than the digits of a double."""


@dataclass(frozen=True)
class MixtureCdf:
    """One curve for each number.

    Attributes:
        components: logistics of the mixture; with parameters 0 their middles lie evenly spread
            from -1 to 1, for equal ones would stay equal.
        bound: the most that the logarithm of a scale may be, either way.
    """

    components: int
    bound: float = 3.0

    @property
    def count(self) -> int:
        """Shares, middles and scales, and those of the end."""
        return 3 * self.components + 2

    def __call__(
        self, x: Float[Tensor, "b ..."], p: Float[Tensor, "b m ..."], /
    ) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "b ..."]]:
        """The curve at each number, and the logarithm of its slope."""
        share, middle, size, a, c = self._parts(p)
        v = (x[:, None] - middle) * (-size).exp()
        left, right = F.logsigmoid(v), F.logsigmoid(-v)
        below, above = (share + left).logsumexp(1), (share + right).logsumexp(1)
        density = (share + left + right - size).logsumexp(1)
        return (below - above) * a.exp() + c, density - below - above + a

    def inverse(
        self, y: Float[Tensor, "b ..."], p: Float[Tensor, "b m ..."], /
    ) -> Float[Tensor, "b ..."]:
        """By halving, until the interval is as small as numbers are."""
        share, middle, size, a, c = self._parts(p)
        logit = (y - c) * (-a).exp()
        own = middle + size.exp() * logit[:, None]
        low, high = own.amin(1), own.amax(1)
        for _ in range(HALVINGS):
            half = 0.5 * (low + high)
            v = (half[:, None] - middle) * (-size).exp()
            found = (share + F.logsigmoid(v)).logsumexp(1) - (share + F.logsigmoid(-v)).logsumexp(1)
            less = found < logit
            low, high = torch.where(less, half, low), torch.where(less, high, half)
        return 0.5 * (low + high)

    def _parts(self, p: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        k = self.components
        share, middle, size, end = p.split([k, k, k, 2], dim=1)
        spread = torch.linspace(-1, 1, k, dtype=p.dtype, device=p.device)
        middle = middle + spread.reshape(-1, *[1] * (p.ndim - 2))
        size, a = bounded(size, self.bound), bounded(end[:, 0], self.bound)
        return share.log_softmax(1), middle, size, a, end[:, 1]
