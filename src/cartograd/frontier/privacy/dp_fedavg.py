"""Differentially private federated averaging: no client counts for more than a bound.

What DP-SGD does with the gradients of examples is done with the updates of clients: each is cut to
a length, and to their sum comes normal noise in proportion to it. Clients join a round by draws of
their own, so the accountant is that of DP-SGD. What is bounded is how much the weights tell of all
that a client has, and not of a single example alone.

    u = (sum_k u_k min(1, clip / |u_k|) + noise clip N(0, 1)) / (share clients),   k by chance share

Shapes: updates are `n d`, a row for each client of the round.

Departures: each client counts alike, whatever it has. The server adds the noise, so clients have to
trust it; masks (`secure`) do not hide updates from it here. Draws come from a secret (ADR 0022).
Two federations are neighbours if one has a client more.

References:
    Brendan McMahan, Daniel Ramage, Kunal Talwar, Li Zhang. Learning differentially private
    recurrent language models. ICLR 2018. https://arxiv.org/abs/1710.06963

>>> from cartograd.frontier.privacy.loss_distribution import epsilon
>>> round(epsilon(rate=0.1, noise=1.0, steps=100, delta=1e-3), 1)
4.8
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.hashing import mixed
from cartograd.data.dataset.dataset import Examples
from cartograd.frontier.federated.federation import Federation
from cartograd.frontier.privacy import loss_distribution
from cartograd.frontier.privacy.dp_sgd import enough_noise

CARD = Card(
    name="dp-fedavg",
    kind="privacy",
    entry="dp_fedavg",
    nodes=("privacy/federated",),
    title="Differentially private federated averaging",
    zh="差分隐私联邦平均（DP-FedAvg）",
    paper="Learning differentially private recurrent language models",
    year=2018,
    url="https://arxiv.org/abs/1710.06963",
    proofs=(
        "law: without noise or clipping, and with all clients of one size, it is averaging",
        "law: no client moves a round by more than the bound, and the noise is of the told spread",
    ),
)


@dataclass(frozen=True)
class ClientBound:
    """What bounds how much a federation tells of a client, and its account.

    Attributes:
        sizes: how many examples each client has.
        rate: chance of a client to join a round.
        noise: spread of the noise in units of `clip`.
        clip: largest length of an update.
        delta: chance with which more may be told.
        secret: what the draws come from.
        told: whether somebody chose the secret.
        steps: rounds in an epoch.
    """

    sizes: Int[Tensor, " n"]
    rate: float
    noise: float
    clip: float
    delta: float
    secret: Callable[[], int]
    told: bool
    steps: int = 1

    def members(self, number: int, /) -> Bool[Tensor, " n"]:
        """Who joins a round; clients without examples would say nothing."""
        drawn = torch.Generator().manual_seed(mixed(self.secret(), number))
        return (torch.rand(len(self.sizes), generator=drawn) < self.rate) & (self.sizes > 0)

    def clipped(self, updates: Float[Tensor, "n d"], /) -> Float[Tensor, "n d"]:
        """Updates that are no longer than the bound."""
        length = updates.norm(dim=1, keepdim=True)
        return updates * (self.clip / length.clamp(min=self.clip))

    def combined(self, updates: Float[Tensor, "n d"], number: int, /) -> Float[Tensor, " d"]:
        """The noisy sum over what is expected to join."""
        drawn = torch.Generator().manual_seed(mixed(self.secret(), -1 - number))
        noise = torch.randn(updates.shape[1], generator=drawn, dtype=updates.dtype)
        total = updates.sum(0) + self.noise * self.clip * noise.to(updates.device)
        return total / (self.rate * len(self.sizes))

    def account(self, steps: int, /) -> dict[str, Any]:
        """The account of a run, as plain values."""
        epsilon = loss_distribution.epsilon(
            rate=self.rate, noise=self.noise, steps=steps, delta=self.delta
        )
        return {
            "method": "dp-fedavg", "epsilon": epsilon, "delta": self.delta, "steps": steps,
            "rate": self.rate, "noise": self.noise, "clip": self.clip,
            "neighbours": "one client more or less, with all its examples",
            "secret": "told, so that nothing is bounded" if self.told else "drawn, in checkpoints",
        }  # fmt: skip


def dp_fedavg(
    federation: Federation,
    part: Examples,  # noqa: ARG001
    size: int,  # noqa: ARG001
    epochs: int,
    /,
    *,
    epsilon: float | None = None,
    delta: float = 1e-3,
    clip: float = 1.0,
    noise: float | None = None,
    secret: int | None = None,
    public_statistics: bool = False,  # noqa: ARG001
) -> ClientBound:
    """Bound how much a federation tells of any one client; the federation keeps to it.

    Args:
        federation: whose rounds; `share` of it is the chance of a client to join one.
        part: the training examples.
        size: of a client's batches.
        epochs: how many rounds.
        epsilon: the odds that are allowed, as a power of e; `noise` follows from it. 3 unless told.
        delta: the chance with which more may be told; below one in the number of clients.
        clip: largest length of a client's update.
        noise: spread of the noise in units of `clip`, in the place of `epsilon`.
        secret: where all draws come from, to repeat a run; whoever knows it can subtract the noise.
        public_statistics: whether the mean, spread and categories of columns, or the words of a
            vocabulary, are known anyway; else data are refused whose are the training examples'.

    Raises:
        UsageError: epsilon and noise are both given, delta is no small chance beside the number of
            clients, or the federation sends what is not bounded.
    """
    terms, clients = federation.terms, len(federation.clients)
    if epsilon is not None and noise is not None:
        raise UsageError(
            f"dp-fedavg: epsilon={epsilon:g} and noise={noise:g} are both given, and each follows "
            "from the other; leave one out"
        )
    if delta * clients >= 1:
        raise UsageError(
            f"dp-fedavg: delta={delta:g} allows to publish one of {clients} clients whole; "
            f"expected less than 1 / {clients}, such as delta={0.1 / clients:.1g}"
        )
    against = {
        f"{terms.name} (control variates are sent besides)": terms.controlled,
        f"aggregate={terms.aggregate}": terms.aggregate != "mean",
        "secure=true (the noise comes to what the server sees)": terms.secure,
        "central=true (the training beside it bounds nothing)": terms.central,
        "batch normalisation (its statistics are not bounded)": bool(federation.local.moving),
    }
    for what, there in against.items():
        if there:
            raise UsageError(f"privacy=dp-fedavg does not go with {what}; take fedavg without it")
    if noise is None:
        epsilon = 3.0 if epsilon is None else epsilon
        noise = enough_noise(epsilon, rate=terms.share, steps=epochs, delta=delta)
    chosen = secrets.randbits(62) if secret is None else secret
    federation.register_buffer("secret", torch.tensor(chosen))
    federation.bound = ClientBound(
        federation.sizes, terms.share, noise, clip, delta,
        lambda: int(federation.secret), secret is not None,
    )  # fmt: skip
    return federation.bound
