"""Where the parties are: all in this process, or each in one of its own beside that of the dealer.

A shared value is a tensor with a row for each party that is here. All processes run the same model,
so that the dealer knows which random numbers are needed next; it sees shapes and no values.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
import torch.distributed as dist
from torch import Tensor

from cartograd.core.errors import UsageError


@runtime_checkable
class Parties(Protocol):
    """Those who compute together.

    Attributes:
        count: how many there are.
        deals: whether random numbers for all are made here.
        sent: bytes that parties sent each other.
        dealt: bytes that they got from the dealer, shares of inputs and weights among them.
        rounds: how often they waited for each other.
    """

    count: int
    deals: bool
    sent: int
    dealt: int
    rounds: int

    def deal(
        self, make: Callable[[], Tensor], shape: Sequence[int], dtype: torch.dtype, /
    ) -> Tensor:
        """Hand out a row of what the dealer makes to each party."""
        ...

    def opened(self, shares: Tensor, /) -> Tensor:
        """The sum of the shares, which all parties learn; of bits whether it is odd."""
        ...

    def plus(self, shares: Tensor, public: Tensor, /) -> Tensor:
        """Shares of a sum with what all know; of bits of the exclusive or."""
        ...

    def revealed(self, shares: Tensor, /) -> Tensor:
        """The sum, which the one who asked learns."""
        ...


class Together:
    """Parties in one process.

    Args:
        count: how many.

    Raises:
        UsageError: fewer than two.
    """

    def __init__(self, count: int, /):
        if count < 2:
            raise UsageError(f"parties={count} would see everything; expected at least 2")
        self.count, self.deals = count, True
        self.sent = self.dealt = self.rounds = 0

    def deal(
        self, make: Callable[[], Tensor], shape: Sequence[int], dtype: torch.dtype, /
    ) -> Tensor:
        """See `Parties`."""
        del shape, dtype  # for parties that cannot see what is made
        found = make()
        self.dealt += found.numel() * found.element_size()
        return found

    def opened(self, shares: Tensor, /) -> Tensor:
        """See `Parties`."""
        self.rounds += 1
        self.sent += shares.numel() * shares.element_size() * (self.count - 1)
        return total(shares)

    def plus(self, shares: Tensor, public: Tensor, /) -> Tensor:
        """See `Parties`."""
        return torch.cat([joined(shares[:1], public), shares[1:]])

    def revealed(self, shares: Tensor, /) -> Tensor:
        """See `Parties`."""
        self.sent += shares.numel() * shares.element_size()
        self.rounds += 1
        return total(shares)


class Apart:
    """Parties in processes of their own by torch.distributed; the last process deals and asks.

    Args:
        count: how many parties; there has to be one process more.

    Raises:
        UsageError: there is another number of processes.
    """

    def __init__(self, count: int, /):
        size = dist.get_world_size()
        if size != count + 1 or count < 2:
            raise UsageError(
                f"parties={count} need {max(count, 2) + 1} processes, one of which deals and asks; "
                f"there are {size}"
            )
        self.count, self.rank = count, dist.get_rank()
        self.deals = self.rank == count
        self.group = dist.new_group(list(range(count)))
        self.sent = self.dealt = self.rounds = 0

    def deal(
        self, make: Callable[[], Tensor], shape: Sequence[int], dtype: torch.dtype, /
    ) -> Tensor:
        """See `Parties`."""
        own = torch.zeros(tuple(shape), dtype=dtype)
        parts = [*make().unbind(), torch.zeros_like(own)] if self.deals else None
        whole = None if parts is None else [part.contiguous() for part in parts]
        dist.scatter(own, whole, src=self.count)
        self.dealt += own.numel() * own.element_size() * self.count
        return own[None]

    def opened(self, shares: Tensor, /) -> Tensor:
        """See `Parties`; the dealer gets zeros."""
        self.rounds += 1
        self.sent += shares.numel() * shares.element_size() * self.count * (self.count - 1)
        whole = shares[0].clone()
        if not self.deals:
            dist.all_reduce(whole, group=self.group)
        return total(whole[None])

    def plus(self, shares: Tensor, public: Tensor, /) -> Tensor:
        """See `Parties`."""
        return joined(shares, public) if self.rank == 0 else shares

    def revealed(self, shares: Tensor, /) -> Tensor:
        """See `Parties`."""
        self.rounds += 1
        self.sent += shares.numel() * shares.element_size() * self.count
        whole = torch.zeros_like(shares[0]) if self.deals else shares[0].clone()
        dist.reduce(whole, dst=self.count)
        return total(whole[None])


def total(shares: Tensor, /) -> Tensor:
    """What shares add up to: modulo 2^64, bits modulo 2."""
    if shares.dtype == torch.uint8:
        return (shares.sum(0) & 1).to(torch.uint8)
    return shares.sum(0)


def joined(shares: Tensor, public: Tensor, /) -> Tensor:
    """A share with a number added to it, or a bit."""
    return shares ^ public if shares.dtype == torch.uint8 else shares + public
