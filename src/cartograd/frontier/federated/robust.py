"""What a server makes of its clients' updates: their mean, or what a few liars cannot move far.

A mean follows anybody who sends numbers that are large enough. A median, a mean without the ends,
or the update that is nearest to most others does not, as long as no more than `faulty` of the
clients are wrong.

    krum = the u_i of the least  sum of |u_i - u_j|^2 over its n - f - 2 nearest j
    bulyan: n - 2f picks of krum; of each coordinate the mean of the n - 4f picks at its median

Shapes: updates are `n d`, a row for each client.

References:
    Peva Blanchard, El Mahdi El Mhamdi, Rachid Guerraoui, Julien Stainer. Machine learning with
    adversaries: Byzantine tolerant gradient descent. NeurIPS 2017. https://arxiv.org/abs/1703.02757
    Dong Yin, Yudong Chen, Kannan Ramchandran, Peter Bartlett. Byzantine-robust distributed
    learning: towards optimal statistical rates. ICML 2018. https://arxiv.org/abs/1803.01498
    El Mahdi El Mhamdi, Rachid Guerraoui, Sébastien Rouault. The hidden vulnerability of distributed
    learning in Byzantium. ICML 2018. https://arxiv.org/abs/1802.07927
"""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError, unknown

Combine = Callable[[Float[Tensor, "n d"], Float[Tensor, " n"]], Float[Tensor, " d"]]
"""One update of those of clients, and of the numbers of their examples."""


def mean(updates: Float[Tensor, "n d"], sizes: Float[Tensor, " n"], /) -> Float[Tensor, " d"]:
    """The mean, in which each example counts alike.

    >>> mean(torch.tensor([[0.0], [4.0]]), torch.tensor([3.0, 1.0])).item()
    1.0
    """
    return (sizes / sizes.sum()).to(updates) @ updates


def median(updates: Float[Tensor, "n d"], _: Float[Tensor, " n"], /) -> Float[Tensor, " d"]:
    """The median of each coordinate; of an even number the mean of the middle two."""
    ranked = updates.sort(0).values
    return (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2


def trimmed_mean(
    updates: Float[Tensor, "n d"], _: Float[Tensor, " n"], /, *, faulty: int
) -> Float[Tensor, " d"]:
    """The mean of each coordinate without its `faulty` largest and smallest."""
    return updates.sort(0).values[faulty : len(updates) - faulty].mean(0)


def krum(
    updates: Float[Tensor, "n d"], _: Float[Tensor, " n"], /, *, faulty: int
) -> Float[Tensor, " d"]:
    """The update that is nearest to most others."""
    return updates[_nearest(updates, faulty)]


def bulyan(
    updates: Float[Tensor, "n d"], sizes: Float[Tensor, " n"], /, *, faulty: int
) -> Float[Tensor, " d"]:
    """The middle of what Krum picks, coordinate by coordinate."""
    left, picks = updates, []
    for _ in range(len(updates) - 2 * faulty):
        place = _nearest(left, faulty)
        picks.append(left[place])
        left = torch.cat([left[:place], left[place + 1 :]])
    chosen = torch.stack(picks)
    nearest = (
        (chosen - median(chosen, sizes[: len(picks)])).abs().argsort(0)[: len(picks) - 2 * faulty]
    )
    return chosen.gather(0, nearest).mean(0)


def _nearest(updates: Float[Tensor, "n d"], faulty: int) -> int:
    """Who has the least sum of squared distances to the nearest of the others."""
    apart = torch.stack([(updates - one).square().sum(1) for one in updates])  # no cube of all
    apart.fill_diagonal_(torch.inf)
    count = max(1, len(updates) - faulty - 2)
    return int(apart.sort(1).values[:, :count].sum(1).argmin())


NEEDS: dict[str, tuple[int, int]] = {
    "mean": (0, 1),
    "median": (0, 1),
    "trimmed-mean": (2, 1),
    "krum": (2, 3),
    "bulyan": (4, 3),
}
"""Clients that a way needs: so many times the faulty ones, and so many more."""


def combination(name: str, /, *, faulty: int, clients: int) -> Combine:
    """A way to combine updates, by its name.

    Raises:
        UsageError: there is no such way, or it cannot stand so many faulty ones of these clients.
    """
    if name not in NEEDS:
        raise unknown("aggregate", name, NEEDS)
    times, more = NEEDS[name]
    if not times:
        if faulty:
            raise UsageError(
                f"federated: faulty={faulty} is for trimmed-mean, krum and bulyan; aggregate={name}"
                " takes no number of them"
            )
        return median if name == "median" else mean
    if clients < times * faulty + more or faulty < 1:
        raise UsageError(
            f"federated: aggregate={name} with faulty={faulty} and {clients} clients in a round; "
            f"expected faulty= of at least 1 and {times} x faulty + {more} clients"
        )
    return partial(
        {"trimmed-mean": trimmed_mean, "krum": krum, "bulyan": bulyan}[name], faulty=faulty
    )
