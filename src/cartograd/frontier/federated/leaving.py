"""Secure aggregation with clients that leave: the sum of those that sent is found all the same.

A mask between two clients stays in the sum when one of them leaves. So each client divides its
secrets among all, by Shamir's scheme: a share is a point of a polynomial, and `threshold` of these
give the polynomial, fewer nothing. Of a client that left the others tell the key of its masks; of
one that sent, the seed of a mask of its own, without which what came late would lie open. Never
both: that would be its update.

    keys       u -> all:     g^s_u                                     (1: who is left shares)
    shares     u -> v:       shares of s_u and of b_u, sealed          (2: who is left sends)
    sums       u -> server:  y_u = x_u + m(b_u) + sum_v +- m(g^(s_u s_v))   (3: who is left tells)
    secrets    u -> server:  of each v its share of b_v if v sent, else of s_v

Shapes: updates are ` d` whole numbers modulo 2^64, so that the sum is exact.

Departures: server and clients are honest but curious, so there is no round of signatures; shares
are sealed by the lasting secrets of `masks`, and the keys of masks are new in each round.

References:
    Keith Bonawitz and others. Practical secure aggregation for privacy-preserving machine learning.
    CCS 2017. https://eprint.iacr.org/2017/281
    Adi Shamir. How to share a secret. Communications of the ACM 22, 1979.
    https://doi.org/10.1145/359168.359176

>>> told = shared(1234, [0, 1, 2, 3], threshold=3)
>>> regained({place: told[place] for place in (3, 0, 2)})
1234
"""

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.data.dataset.plan import generator
from cartograd.frontier.federated.masks import PRIME, Masks, revealed, stretched, whole

FIELD = 2**521 - 1
"""A prime above all secrets."""
WIDE = 66
"""Bytes of a share."""
STAGES = ("before it shared its secrets", "before it sent", "before it told its shares")
"""When a client may leave, from 1 on."""


def shared(secret: int, places: Iterable[int], /, *, threshold: int) -> dict[int, int]:
    """A point for each place of a polynomial that is the secret at zero."""
    rest = [secrets.randbelow(FIELD) for _ in range(threshold - 1)]

    def at(x: int) -> int:
        value = 0
        for one in reversed([secret, *rest]):
            value = (value * x + one) % FIELD
        return value

    return {place: at(place + 1) for place in places}


def regained(shares: Mapping[int, int], /) -> int:
    """The secret, from enough shares: Lagrange's polynomial at zero."""
    total = 0
    for place, share in shares.items():
        above, below = 1, 1
        for other in shares:
            if other != place:
                above = above * (other + 1) % FIELD
                below = below * (other - place) % FIELD
        total += share * above * pow(below, -1, FIELD)
    return total % FIELD


class Client:
    """One of those that add up their updates in a round.

    Args:
        own: its number.
        masks: lasting secrets, by which shares are sealed.
        number: of the round.
        threshold: how many have to be there in the end.
    """

    def __init__(self, own: int, masks: Masks, number: int, /, *, threshold: int):
        self.own, self.number, self.threshold = own, number, threshold
        self._masks, self._key, self._seed = masks, secrets.randbits(256), secrets.randbits(256)
        self.public = pow(2, self._key, PRIME)
        self._others: Mapping[int, int] = {}
        self._held: dict[int, tuple[int, int]] = {}
        self._told = False

    def shares(self, public: Mapping[int, int], /) -> dict[int, bytes]:
        """For each that has a key, shares of the own key and seed, which it alone can open."""
        self._others = public
        keys, seeds = (
            shared(one, public, threshold=self.threshold) for one in (self._key, self._seed)
        )
        pairs = {
            other: keys[other].to_bytes(WIDE) + seeds[other].to_bytes(WIDE) for other in public
        }
        return {other: self._sealed(pair, other, out=True) for other, pair in pairs.items()}

    def sent(
        self, update: Float[Tensor, " d"], sealed: Mapping[int, bytes], /
    ) -> Int[Tensor, " d"]:
        """The update under masks: one of its own, and one with each that shared its secrets."""
        for other, one in sealed.items():
            opened = self._sealed(one, other, out=False)
            self._held[other] = int.from_bytes(opened[:WIDE]), int.from_bytes(opened[WIDE:])
        total = whole(update)
        total += stretched(self._seed.to_bytes(32), 0, len(total)).to(total)
        for other in sealed:
            if other != self.own:
                mask = between(self._key, self._others[other], len(total)).to(total)
                total += mask if other > self.own else -mask
        return total

    def tells(self, sent: Collection[int], /) -> dict[int, int]:
        """Its share of the seed of each that sent, and of the key of each that did not.

        Raises:
            UsageError: too few sent, or it is asked a second time: both together would lay open
                what a client sent.
        """
        if self._told or len(sent) < self.threshold:
            raise UsageError(
                f"secure aggregation: client {self.own + 1} tells its shares once, and of a sum of "
                f"{self.threshold} at least; it was asked {'again' if self._told else 'of less'}"
            )
        self._told = True
        return {other: pair[other in sent] for other, pair in self._held.items()}

    def _sealed(self, words: bytes, other: int, /, *, out: bool) -> bytes:
        """Under a stream that both ends have; the same again opens it."""
        if other == self.own:
            return words
        way = (self.own, other) if out else (other, self.own)
        told = self._masks.between(self.own, other) + repr((self.number, *way)).encode()
        stream = np.frombuffer(hashlib.shake_256(told).digest(len(words)), np.uint8)
        return (np.frombuffer(words, np.uint8) ^ stream).tobytes()


def between(key: int, public: int, count: int, /) -> Int[Tensor, " d"]:
    """The mask of two clients, from one's key and the other's public half."""
    agreed = hashlib.sha256(pow(public, key, PRIME).to_bytes(256)).digest()
    return stretched(agreed, 0, count)


def secure_sum(
    updates: Mapping[int, Float[Tensor, " d"]],
    masks: Masks,
    number: int,
    /,
    *,
    threshold: int,
    leaves: Mapping[int, int],
) -> tuple[Int[Tensor, " d"], list[int]]:
    """The sum of the updates that were sent, and whose these are.

    Args:
        updates: by client.
        masks: their lasting secrets.
        number: of the round.
        threshold: how many have to be there in the end.
        leaves: before which stage a client leaves (`STAGES`, from 1); others stay.

    Raises:
        UsageError: fewer than the threshold are left at a stage.
    """
    clients = {k: Client(k, masks, number, threshold=threshold) for k in updates}
    public = {k: one.public for k, one in clients.items()}
    there = [[k for k in clients if leaves.get(k, len(STAGES) + 1) > stage] for stage in (1, 2, 3)]
    for stage, left in enumerate(there):
        if len(left) < threshold:
            raise UsageError(
                f"secure aggregation: {len(left)} of {len(clients)} clients are left in round "
                f"{number + 1}, as some left {STAGES[stage]}; expected {threshold} at least: lower "
                "dropouts="
            )
    sharing, sending, telling = there
    boxes = {u: clients[u].shares(public) for u in sharing}
    sums = {v: clients[v].sent(updates[v], {u: boxes[u][v] for u in sharing}) for v in sending}
    told = {u: clients[u].tells(sending) for u in telling}
    total = sum(sums.values(), 0 * next(iter(sums.values())))
    for v in sharing:
        secret = regained({u: told[u][v] for u in telling})
        if v in sums:
            total = total - stretched(secret.to_bytes(32), 0, len(total)).to(total)
            continue
        for u in sending:  # what is left of its masks with them
            mask = between(secret, public[u], len(total)).to(total)
            total = total - (mask if v > u else -mask)
    return total, sending


def left_over(
    updates: Float[Tensor, "n d"],
    sizes: Float[Tensor, " n"],
    places: list[int],
    masks: Masks,
    number: int,
    /,
    *,
    seed: int,
    dropouts: float,
) -> Float[Tensor, " d"]:
    """The mean of the updates that were sent, by how many examples their clients have.

    Clients send their number of examples in the same sum, as nobody knows before who leaves.

    Args:
        updates: of all that take part.
        sizes: how many examples each has.
        places: their numbers.
        masks: their lasting secrets.
        number: of the round.
        seed: of who leaves, and when.
        dropouts: which part leaves.
    """
    parts = (sizes / sizes.sum())[:, None]
    rows = torch.cat([parts * updates, parts], 1)
    total, _ = secure_sum(
        dict(zip(places, rows, strict=True)), masks, number, threshold=majority(len(places)),
        leaves=drawn(places, number, seed=seed, dropouts=dropouts),
    )  # fmt: skip
    found = revealed(total, rows)
    return found[:-1] / found[-1]


def drawn(places: list[int], number: int, /, *, seed: int, dropouts: float) -> dict[int, int]:
    """Who leaves in a round, and before which stage."""
    g = generator(seed, "dropouts", number)
    gone = torch.randperm(len(places), generator=g)[: round(dropouts * len(places))]
    stages = torch.randint(1, len(STAGES) + 1, gone.shape, generator=g)
    return {places[k]: stage for k, stage in zip(gone.tolist(), stages.tolist(), strict=True)}


def several() -> bool:
    """Whether clients are in several processes."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def majority(clients: int, /) -> int:
    """How many have to be there in the end: more than half, so that no two halves find two sums."""
    return clients // 2 + 1


def check(name: str, taking: int, /, *, secure: bool, dropouts: float) -> None:
    """Refuse what cannot be added up.

    Raises:
        UsageError: nothing is masked, or too few would be left.
    """
    if dropouts and not secure:
        raise UsageError(
            f"{name}: dropouts={dropouts:g} is of clients whose masks stay in a sum; add "
            "secure=true (without masks, those that do not answer are left out by share=)"
        )
    if dropouts and several():
        raise UsageError(f"{name}: dropouts= is of clients in one process; leave it or --nproc out")
    left = taking - round(dropouts * taking)
    if dropouts and left < majority(taking):
        raise UsageError(
            f"{name}: dropouts={dropouts:g} leaves {left} of {taking} clients, and fewer than "
            f"{majority(taking)} cannot find the sum; lower it"
        )
