"""One token of each row: the likeliest, or one sampled with an explicit generator."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.protocols import TokenSampler

Generators = torch.Generator | Sequence[torch.Generator] | None
"""The random generator: one for all rows, or one each, so that a row's tokens do not depend on the
other rows. None: greedy, the likeliest token is taken."""


def processed(
    logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], samplers: Sequence[TokenSampler], /
) -> Float[Tensor, "b v"]:
    """Logits after all samplers, in their order."""
    for sampler in samplers:
        logits = sampler(logits, seen)
    return logits


def draw(logits: Float[Tensor, "b v"], generator: Generators = None, /) -> Int[Tensor, " b"]:
    """A token of each row, sampled from the softmax of the logits; greedy without a generator.

    One number in [0, 1) is drawn for each row, and the token is the one in whose interval of the
    cumulative probabilities it falls.
    """
    if generator is None:
        return logits.argmax(1)
    return drawn(logits.softmax(1), generator)


def drawn(
    shares: Float[Tensor, "b v"], generator: torch.Generator | Sequence[torch.Generator], /
) -> Int[Tensor, " b"]:
    """A token of each row, with probabilities in proportion to the row's numbers."""
    reached = shares.cumsum(1, dtype=torch.float64)
    place = uniform(len(shares), generator).to(shares.device) * reached[:, -1]
    return torch.searchsorted(reached, place[:, None], right=True)[:, 0]


def uniform(rows: int, generator: torch.Generator | Sequence[torch.Generator], /) -> Tensor:
    """A number in [0, 1) for each row, in float64."""
    if isinstance(generator, torch.Generator):
        device = generator.device
        return torch.rand(rows, dtype=torch.float64, generator=generator, device=device)
    parts = [uniform(1, own) for own in generator]
    return torch.cat(parts)
