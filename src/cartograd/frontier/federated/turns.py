"""Which examples each batch of each client holds, as one table for all clients."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.data.dataset.plan import order


def turns(
    clients: Sequence[Int[Tensor, "..."]], draws: Sequence[int], /, *, size: int, epochs: int
) -> Int[Tensor, "n t b"]:
    """The numbers of the examples in each batch of each client; -1 where there is none.

    A client's batches are as large as the examples suffice for, at most `size`.

    Args:
        clients: the numbers of each one's examples.
        draws: for each client the seed of the order of its examples.
        size: of a batch.
        epochs: how often each client goes through its examples.

    >>> turns([torch.arange(2), torch.tensor([7])], [0, 0], size=1, epochs=1).shape
    torch.Size([2, 2, 1])
    """
    sizes = torch.tensor([len(own) for own in clients])
    each = sizes.clamp(max=size)
    batches = -(-sizes // each)
    table = torch.full((len(clients), epochs * int(batches.max()), int(each.max())), -1)
    client = torch.arange(len(clients)).repeat_interleave(sizes)
    begins = (sizes.cumsum(0) - sizes)[client]  # where the client's examples begin in all
    place, numbers = torch.arange(len(client)) - begins, torch.cat([*clients])
    step, row, every = place // each[client], place % each[client], batches[client]
    for epoch in range(epochs):
        drawn = zip(sizes.tolist(), draws, strict=True)
        orders = torch.cat([order(count, seed=draw, epoch=epoch) for count, draw in drawn])
        table[client, epoch * every + step, row] = numbers[begins + orders]
    return table
