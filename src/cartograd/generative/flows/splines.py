"""Rational-quadratic splines: rising curves through knots, whose inverse is a quadratic's root.

Between two knots the curve is a quotient of two quadratics with given slopes at both ends. Outside
of a box it is the diagonal, so all numbers have an image. With parameters 0 it is the diagonal
everywhere.

    y = y_k + h (s u^2 + d_k u (1 - u)) / (s + (d_k + d_k+1 - 2 s) u (1 - u)),
    u = (x - x_k) / w,    s = h / w

Shapes: numbers `b ...`; parameters `b m ...`, `m` = 3 K - 1: widths, heights, slopes between.

References:
    John Gregory, Roger Delbourgo. Piecewise rational quadratic interpolation to monotonic data. IMA
    Journal of Numerical Analysis 2, 1982. https://doi.org/10.1093/imanum/2.2.123
    Conor Durkan, Artur Bekasov, Iain Murray, George Papamakarios. Neural spline flows. NeurIPS
    2019. https://arxiv.org/abs/1906.04032
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

LEAST = 1e-3
"""Least share of the box that a piece has, and least slope at a knot."""


@dataclass(frozen=True)
class Spline:
    """One rising curve for each number.

    Attributes:
        bins: pieces of the curve.
        bound: the box reaches from minus to plus this.
    """

    bins: int
    bound: float

    @property
    def count(self) -> int:
        """Widths, heights, and slopes at the knots inside."""
        return 3 * self.bins - 1

    def __call__(
        self, x: Float[Tensor, "b ..."], p: Float[Tensor, "b m ..."], /
    ) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "b ..."]]:
        """The curve at each number, and the logarithm of its slope."""
        inside = x.abs() < self.bound
        x0, w, y0, h, d0, d1 = self._piece(torch.where(inside, x, 0), p, by=0)
        u, s = (torch.where(inside, x, 0) - x0) / w, h / w
        v = u * (1 - u)
        below = s + (d0 + d1 - 2 * s) * v
        y = y0 + h * (s * u.square() + d0 * v) / below
        top = d1 * u.square() + 2 * s * v + d0 * (1 - u).square()
        slope = 2 * s.log() + top.log() - 2 * below.log()
        return torch.where(inside, y, x), torch.where(inside, slope, 0)

    def inverse(
        self, y: Float[Tensor, "b ..."], p: Float[Tensor, "b m ..."], /
    ) -> Float[Tensor, "b ..."]:
        """The root between 0 and 1, in the form that loses no digits."""
        inside = y.abs() < self.bound
        within = torch.where(inside, y, 0)
        x0, w, y0, h, d0, d1 = self._piece(within, p, by=1)
        s, rise = h / w, within - y0
        bent = rise * (d0 + d1 - 2 * s)
        a, b, c = h * (s - d0) + bent, h * d0 - bent, -s * rise
        u = 2 * c / (-b - (b.square() - 4 * a * c).clamp(min=0).sqrt())
        return torch.where(inside, x0 + u * w, y)

    def _piece(self, at: Tensor, p: Tensor, *, by: int) -> list[Tensor]:
        """Of the piece over (`by` 0) or beside (1) each number: starts and lengths, slopes."""
        widths, heights, slopes = p.split([self.bins, self.bins, self.bins - 1], dim=1)
        lengths = [self._lengths(one) for one in (widths, heights)]
        starts = [one.cumsum(1) - one - self.bound for one in lengths]
        # softplus is LEAST below 1 at 0, so that the diagonal is that of parameters 0
        knots = LEAST + F.softplus(slopes + math.log(math.expm1(1 - LEAST)))
        ends = torch.ones_like(lengths[0][:, :1])
        left, right = torch.cat([ends, knots], dim=1), torch.cat([knots, ends], dim=1)
        index = (at[:, None] >= starts[by][:, 1:]).sum(1, keepdim=True)
        every = [starts[0], lengths[0], starts[1], lengths[1], left, right]
        return [one.gather(1, index)[:, 0] for one in every]

    def _lengths(self, p: Tensor) -> Tensor:
        return 2 * self.bound * (LEAST + (1 - LEAST * self.bins) * p.softmax(1))
