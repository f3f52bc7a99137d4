"""Who has which examples: alike for all clients, or each class in shares of its own.

Examples of real clients differ: one has few of a class that another has many of. Shares drawn from
a Dirichlet distribution, class by class, are the usual picture of that; the smaller `alpha`, the
fewer classes a client sees.

    share of client i in class c = p_ci,   p_c ~ Dirichlet(alpha, ..., alpha)

References:
    Tzu-Ming Harry Hsu, Hang Qi, Matthew Brown. Measuring the effects of non-identical data
    distribution for federated visual classification. 2019. https://arxiv.org/abs/1909.06335
"""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.hashing import mixed
from cartograd.data.dataset.plan import order


def alike(examples: int, clients: int, /, *, seed: int) -> list[Int[Tensor, "..."]]:
    """The numbers of each client's examples, as many for each, without regard to classes.

    >>> [len(part) for part in alike(7, 3, seed=0)]
    [3, 2, 2]
    """
    return list(order(examples, seed=seed, epoch=0).tensor_split(clients))


def by_class(
    targets: Int[Tensor, " n"], clients: int, /, *, alpha: float, seed: int
) -> list[Int[Tensor, "..."]]:
    """The numbers of each client's examples; a client may get none.

    >>> parts = by_class(torch.arange(20) % 2, 3, alpha=0.5, seed=0)
    >>> sorted(torch.cat(parts).tolist()) == list(range(20))
    True
    """
    rng = np.random.default_rng(mixed(seed, clients))
    found: list[list[Tensor]] = [[] for _ in range(clients)]
    for label in targets.unique().tolist():
        members = (targets == label).nonzero()[:, 0]
        members = members[torch.from_numpy(rng.permutation(len(members)))]
        shares = rng.dirichlet(np.full(clients, alpha))
        ends = (shares.cumsum()[:-1] * len(members)).round().astype(int)
        for own, part in zip(found, members.tensor_split(ends.tolist()), strict=True):
            own.append(part)
    return [torch.cat(own).sort().values for own in found]


def divided(
    targets: Tensor, clients: int, /, *, alpha: float | None, seed: int
) -> list[Int[Tensor, "..."]]:
    """The examples of each client.

    Raises:
        UsageError: fewer than two clients have examples, or there are no classes to share out.
    """
    if clients < 2:
        raise UsageError(
            f"federated: clients={clients} is a training on all examples at one place; expected at "
            "least 2, or leave federated= out"
        )
    if clients > len(targets):
        raise UsageError(
            f"federated: clients={clients} are more than the {len(targets)} training examples; "
            "each needs one at least"
        )
    if alpha is None:
        return alike(len(targets), clients, seed=seed)
    if targets.ndim != 1 or targets.is_floating_point():
        raise UsageError(
            f"federated: alpha={alpha:g} shares out classes, and these examples have no class "
            "each; leave alpha= out"
        )
    parts = by_class(targets, clients, alpha=alpha, seed=seed)
    if sum(len(part) > 0 for part in parts) < 2:
        raise UsageError(
            f"federated: with alpha={alpha:g} one client has all examples and the others none; "
            "take a larger alpha, or another seed"
        )
    return parts
