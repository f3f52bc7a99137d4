"""Sums, products, truncation and comparison of shared numbers, with the help of a dealer.

Sums need no message. A product takes a random triple `c = a b` that a dealer hands out: two masked
numbers are opened, and the rest is sums (Beaver). Numbers are cut to their binary places by masking
with a number of which the dealer knows the upper part, and their sign is read off by comparing the
masked number, which all see, with the bits of the mask, which are shared (a tree of six rounds).

    x y = d e + d b + a e + c,   d = x - a,  e = y - b opened
    sign(x) = c_63 xor r_63 xor (c mod 2^63 < r mod 2^63),   c = x + r opened
    relu(x) = x - x sign(x)

Shapes: shares are `m *n`, a row for each party that is here; bits have their place first in `n`.

References:
    Donald Beaver. Efficient multiparty protocols using circuit randomization. CRYPTO 1991.
    https://doi.org/10.1007/3-540-46766-1_34
    Daniel Escudero, Satrajit Ghosh, Marcel Keller, Rahul Rachuri, Peter Scholl. Improved primitives
    for MPC over mixed arithmetic-binary circuits. CRYPTO 2020. https://eprint.iacr.org/2020/338
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from cartograd.frontier.secure_inference.parties import Parties
from cartograd.frontier.secure_inference.ring import Stream, shifted

Bilinear = Callable[[Tensor, Tensor], Tensor]
Shares = Int[Tensor, "m ..."]
BitShares = UInt8[Tensor, "m ..."]
HALF = 1 << 62


class Arithmetic:
    """What parties can do with shared numbers.

    Args:
        parties: who.
        secret: what the dealer's numbers follow from.
        fraction_bits: binary places of numbers.
    """

    def __init__(self, parties: Parties, /, *, secret: bytes, fraction_bits: int):
        self.parties, self.places = parties, fraction_bits
        self.stream = Stream(secret)

    def shared(self, value: Int[Tensor, "*n"], /) -> Shares:
        """Shares of a number that the one who asks has; the others know its shape."""
        return self._numbers(lambda: value, value.shape)

    def product(self, op: Bilinear, x: Shares, y: Shares, /) -> Shares:
        """A product of any kind (of matrices, a convolution), with the places of both factors."""
        masks = [self._drawn(one.shape[1:]) for one in (x, y)]
        a, b = (self._numbers(lambda m=m: m, m.shape) for m in masks)
        d, e = self.parties.opened(x - a), self.parties.opened(y - b)
        both = op(d, e)
        c = self._numbers(lambda: op(*masks), both.shape)
        mixed = [op(d, own_b) + op(own_a, e) for own_a, own_b in zip(a, b, strict=True)]
        return self.parties.plus(torch.stack(mixed) + c, both)

    def cut(self, x: Shares, /) -> Shares:
        """The numbers without their last binary places, off by one unit of the last at most."""
        k = self.places
        mask = self._drawn(x.shape[1:])
        r = self._numbers(lambda: mask, mask.shape)
        upper = self._numbers(lambda: shifted(mask, k), mask.shape)
        top = self._numbers(lambda: shifted(mask, 63), mask.shape)
        seen = self.parties.opened(self.parties.plus(x + r, torch.tensor(HALF)))
        wrapped = top * ((1 - shifted(seen, 63)) << (64 - k))
        return self.parties.plus(wrapped - upper, shifted(seen, k) - (HALF >> k))

    def negative(self, x: Shares, /) -> Shares:
        """1 where a number is below zero, 0 elsewhere, as shared whole numbers."""
        mask = self._drawn(x.shape[1:])
        r = self._numbers(lambda: mask, mask.shape)
        r_bits = self._bits(lambda: bits_of(mask), (64, *mask.shape))
        seen = bits_of(self.parties.opened(x + r))
        below = self._below(seen[:63], r_bits[:, :63])
        sign = self.parties.plus(r_bits[:, 63] ^ below, seen[63])
        coin = self.stream.bits(mask.shape) if self.parties.deals else seen[63]
        hidden = self._bits(lambda: coin, mask.shape)
        number = self._numbers(lambda: coin.long(), mask.shape)
        turned = self.parties.opened(sign ^ hidden).long()
        return self.parties.plus(number * (1 - 2 * turned), turned)

    def relu(self, x: Shares, /) -> Shares:
        """Numbers, zero where they are negative."""
        return x - self.product(torch.mul, x, self.negative(x))

    def larger(self, x: Shares, y: Shares, /) -> Shares:
        """The larger of two."""
        return x + self.relu(y - x)

    def _below(self, seen: UInt8[Tensor, "..."], r: BitShares) -> BitShares:
        """Whether a number that all see is below a shared one, both as bits from the lowest on."""
        seen, r = seen.flip(0), r.flip(1)  # the highest bit that differs decides
        less = r * (1 - seen)
        same = self.parties.plus(r, 1 - seen)
        while less.shape[1] > 1:
            if less.shape[1] % 2:
                same = torch.cat([same, self.parties.plus(torch.zeros_like(same[:, :1]), one())], 1)
                less = torch.cat([less, torch.zeros_like(less[:, :1])], 1)
            upper, lower = same[:, ::2], torch.stack([less[:, 1::2], same[:, 1::2]], 1)
            both = self._both(upper[:, None].expand_as(lower).contiguous(), lower)
            less, same = less[:, ::2] ^ both[:, 0], both[:, 1]
        return less[:, 0]

    def _both(self, x: BitShares, y: BitShares) -> BitShares:
        """Whether two shared bits are set."""
        shape = x.shape[1:]
        drawn = [
            self.stream.bits(shape) if self.parties.deals else torch.zeros(shape, dtype=torch.uint8)
            for _ in range(2)
        ]
        a, b = (self._bits(lambda m=m: m, shape) for m in drawn)
        c = self._bits(lambda: drawn[0] & drawn[1], shape)
        d, e = self.parties.opened(torch.stack([x ^ a, y ^ b], 1))
        return self.parties.plus(c ^ (d & b) ^ (a & e), d & e)

    def _drawn(self, shape: Sequence[int]) -> Int[Tensor, "*n"]:
        """A mask that the dealer knows; nothing elsewhere."""
        if self.parties.deals:
            return self.stream.draw(shape)
        return torch.zeros(tuple(shape), dtype=torch.int64)

    def _numbers(self, make: Callable[[], Tensor], shape: Sequence[int]) -> Shares:
        count = self.parties.count
        return self.parties.deal(lambda: self.stream.shares(make(), count), shape, torch.int64)

    def _bits(self, make: Callable[[], Tensor], shape: Sequence[int]) -> BitShares:
        count = self.parties.count
        return self.parties.deal(lambda: self.stream.bit_shares(make(), count), shape, torch.uint8)


def bits_of(x: Int[Tensor, "*n"], /) -> UInt8[Tensor, "..."]:
    """The bits of numbers, from the lowest on.

    >>> bits_of(torch.tensor([6, -1]))[:4].T.tolist()
    [[0, 1, 1, 0], [1, 1, 1, 1]]
    """
    places = torch.arange(64).reshape(64, *[1] * x.ndim)
    return ((x >> places) & 1).to(torch.uint8)


def one() -> UInt8[Tensor, ""]:
    """A bit that is set."""
    return torch.tensor(1, dtype=torch.uint8)
