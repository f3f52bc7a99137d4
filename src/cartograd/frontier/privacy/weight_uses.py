"""How a weight was used in a pass: each example's gradient of it is known without being formed.

A dense layer's gradient for one example is a sum of outer products, of what came in and of how the
loss changes with what went out. So its length follows from products of these alone (the ghost norm)
and a weighted sum over examples is one matrix product (book-keeping): one backward pass is enough
for both, and no gradient of a single example has to be held.

    g_i = sum_t s_it x_it^T,   |g_i|^2 = sum_(t, u) (x_it . x_iu) (s_it . s_iu)
    sum_i c_i g_i = sum_(i, t) c_i s_it x_it^T

Shapes: x `b t d` came into a dense layer, s `b t d2` is the loss's slope by what went out; t counts
positions, or the windows of a convolution.

References:
    Xuechen Li, Florian Tramèr, Percy Liang, Tatsunori Hashimoto. Large language models can be
    strong differentially private learners. ICLR 2022. https://arxiv.org/abs/2110.05679
    Zhiqi Bu, Yu-Xiang Wang, Sheng Zha, George Karypis. Differentially private optimization on large
    model at small cost. ICML 2023. https://arxiv.org/abs/2210.00038
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv1d_weight, conv2d_weight, conv3d_weight


@runtime_checkable
class Use(Protocol):
    """One use of a weight."""

    def each(self, slope: Tensor, /) -> Float[Tensor, "b ..."]:
        """The gradients of the weight, example by example, given those of the answer."""
        ...

    def length(self, slope: Tensor, /) -> Float[Tensor, " b"]:
        """Their squared lengths."""
        ...

    def total(self, slope: Tensor, share: Float[Tensor, " b"], /) -> Tensor:
        """Their sum, each times a share."""
        ...


def _length(each: Float[Tensor, "b ..."]) -> Float[Tensor, " b"]:
    return each.flatten(1).square().sum(1)


def _total(each: Float[Tensor, "b ..."], share: Float[Tensor, " b"]) -> Tensor:
    return torch.tensordot(share, each, 1)


@dataclass
class Product:
    """A matrix that vectors were multiplied by; `x` is `b t d`."""

    x: Float[Tensor, "b t d"]

    def each(self, slope: Tensor, /) -> Float[Tensor, "b d2 d"]:
        """See `Use`."""
        return slope.flatten(1, -2).mT @ self.x if slope.ndim > 2 else slope[:, :, None] * self.x

    def length(self, slope: Tensor, /) -> Float[Tensor, " b"]:
        """See `Use`; by the smaller of the two ways."""
        slope = slope.flatten(1, -2) if slope.ndim > 2 else slope[:, None]
        places, wide, high = self.x.shape[1], self.x.shape[2], slope.shape[2]
        if 2 * places**2 <= wide * high:
            return ((self.x @ self.x.mT) * (slope @ slope.mT)).sum((1, 2))
        return _length(slope.mT @ self.x)

    def total(self, slope: Tensor, share: Tensor, /) -> Float[Tensor, "d2 d"]:
        """See `Use`."""
        slope = slope.flatten(1, -2) if slope.ndim > 2 else slope[:, None]
        return (slope * share[:, None, None]).flatten(0, 1).mT @ self.x.flatten(0, 1)


@dataclass
class Window:
    """The filters of a convolution of one, two or three dimensions."""

    x: Float[Tensor, "b c *n"]
    filters: torch.Size
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def each(self, slope: Tensor, /) -> Tensor:
        """See `Use`."""
        x, slope = self._parts(slope)
        return torch.einsum("bgpt,bgdt->bgpd", slope, x).reshape(len(x), *self.filters)

    def length(self, slope: Tensor, /) -> Float[Tensor, " b"]:
        """See `Use`; by the smaller of the two ways."""
        x, slope = self._parts(slope)
        if 2 * x.shape[3] ** 2 <= x.shape[2] * slope.shape[2]:
            return ((x.mT @ x) * (slope.mT @ slope)).sum((1, 2, 3))
        return _length(slope @ x.mT)

    def total(self, slope: Tensor, share: Tensor, /) -> Tensor:
        """See `Use`."""
        weighed = slope * share.reshape(-1, *[1] * (slope.ndim - 1))
        ways: dict[int, Any] = {3: conv1d_weight, 4: conv2d_weight, 5: conv3d_weight}
        return ways[slope.ndim](
            self.x, self.filters, weighed, self.stride, self.padding, self.dilation, self.groups
        )

    def _parts(self, slope: Tensor) -> tuple[Float[Tensor, "b c d t"], Float[Tensor, "b c d2 t"]]:
        """The windows and the slopes of the answers, by groups."""
        x, sizes = self.x, self.filters[2:]
        if any(self.padding):
            x = F.pad(x, [each for one in reversed(self.padding) for each in (one, one)])
        for place, (size, step, gap) in enumerate(
            zip(sizes, self.stride, self.dilation, strict=True), 2
        ):
            reach = (size - 1) * gap + 1
            x = x.unfold(place, reach, step)[..., ::gap]  # its places, and one more dimension
            x = x.narrow(place, 0, slope.shape[place])
        axes = len(sizes)
        order = [0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes)]
        windows = x.permute(order).reshape(len(x), self.groups, -1, slope[0, 0].numel())
        return windows, slope.reshape(len(x), self.groups, -1, slope[0, 0].numel())


@dataclass
class Rows:
    """Rows of a table that were looked up."""

    number: Int[Tensor, "b ..."]
    table: torch.Size
    unused: int

    def each(self, slope: Tensor, /) -> Float[Tensor, "b v d"]:
        """See `Use`."""
        number, slope = self._parts(slope)
        found = slope.new_zeros(len(slope), *self.table)
        return found.scatter_add_(1, number[:, :, None].expand_as(slope), slope)

    def length(self, slope: Tensor, /) -> Float[Tensor, " b"]:
        """See `Use`; the places of one row belong together."""
        number, slope = self._parts(slope)
        alike = number[:, :, None] == number[:, None]
        return ((slope @ slope.mT) * alike).sum((1, 2))

    def total(self, slope: Tensor, share: Tensor, /) -> Float[Tensor, "v d"]:
        """See `Use`."""
        number, slope = self._parts(slope)
        found = slope.new_zeros(self.table)
        return found.index_add_(0, number.flatten(), (slope * share[:, None, None]).flatten(0, 1))

    def _parts(self, slope: Tensor) -> tuple[Int[Tensor, "b t"], Float[Tensor, "b t d"]]:
        number = self.number.reshape(len(self.number), -1)
        slope = slope.reshape(*number.shape, -1)
        if self.unused >= 0:
            slope = slope * (number != self.unused)[:, :, None]
        return number, slope


@dataclass
class Added:
    """A bias: added to the last dimension of an answer, or to that of its channels."""

    channels: int

    def each(self, slope: Tensor, /) -> Float[Tensor, "b d"]:
        """See `Use`."""
        moved = slope.movedim(self.channels, 1)
        return moved.flatten(2).sum(2) if moved.ndim > 2 else moved

    def length(self, slope: Tensor, /) -> Float[Tensor, " b"]:
        """See `Use`."""
        return _length(self.each(slope))

    def total(self, slope: Tensor, share: Float[Tensor, " b"], /) -> Tensor:
        """See `Use`."""
        return _total(self.each(slope), share)


@dataclass
class Scaled:
    """Gains of standardised features: over the last dimensions, or over channels."""

    x: Float[Tensor, "b ..."]
    gains: torch.Size
    channels: bool

    def each(self, slope: Tensor, /) -> Tensor:
        """See `Use`."""
        product = slope * self.x
        if self.channels:
            return product.flatten(2).sum(2)
        return product.reshape(len(product), -1, *self.gains).sum(1)

    def length(self, slope: Tensor, /) -> Float[Tensor, " b"]:
        """See `Use`."""
        return _length(self.each(slope))

    def total(self, slope: Tensor, share: Float[Tensor, " b"], /) -> Tensor:
        """See `Use`."""
        return _total(self.each(slope), share)
