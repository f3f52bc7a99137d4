"""Secure aggregation: a server that learns the sum of its clients' updates, and nothing else.

Each pair of clients agrees on a secret and stretches it to a mask of random numbers, which one adds
to what it sends and the other subtracts. What a client sends looks like noise; in the sum all masks
cancel, exactly, since numbers are whole ones modulo 2^64.

    y_i = round(2^32 x_i) + sum_(j > i) m_ij - sum_(j < i) m_ij   mod 2^64,   sum_i y_i = sum_i x_i

The secrets are those of a Diffie-Hellman exchange, of which the server passes on the public half;
masks are streams of SHAKE-256. The server is taken to be honest but curious: one that invents
clients, or hands out other public keys than it got, learns more.

Shapes: updates are `n d`, a row for each client.

References:
    Keith Bonawitz and others. Practical secure aggregation for privacy-preserving machine learning.
    CCS 2017. https://eprint.iacr.org/2017/281
    Tero Kivinen, Mika Kojo. More modular exponential Diffie-Hellman groups. RFC 3526, 2003.
    https://www.rfc-editor.org/rfc/rfc3526
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import UsageError

PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
"""The group of 2,048 bits of RFC 3526, whose generator is 2."""
BITS = 32
"""Binary places of what is sent."""
FEWEST = 3
"""Clients of a round: the sum of two tells each the other's update."""


class Masks:
    """The secrets of all clients of a federation, as far as this process has them.

    Args:
        clients: how many there are.
    """

    def __init__(self, clients: int, /):
        self.private = [secrets.randbits(256) for _ in range(clients)]
        self.public = {place: pow(2, own, PRIME) for place, own in enumerate(self.private)}
        self._agreed: dict[tuple[int, int], bytes] = {}

    def introduce(self, public: Mapping[int, int], /) -> None:
        """Take public keys of clients that are elsewhere."""
        self.public |= public
        self._agreed.clear()

    def between(self, own: int, other: int, /) -> bytes:
        """What two clients know and nobody else, from the private key of one of them."""
        if (own, other) not in self._agreed:
            shared = pow(self.public[other], self.private[own], PRIME)
            self._agreed[own, other] = hashlib.sha256(shared.to_bytes(256, "big")).digest()
        return self._agreed[own, other]

    def hidden(
        self,
        update: Float[Tensor, " d"],
        /,
        *,
        own: int,
        members: Sequence[int],
        number: int,
    ) -> Int[Tensor, " d"]:
        """What a client sends: its update in whole numbers, and its masks.

        Args:
            update: to add up.
            own: the client's number.
            members: all that take part, itself too.
            number: of the round; each has other masks.
        """
        sent = whole(update)
        for other in members:
            if other != own:
                mask = stretched(self.between(own, other), number, len(sent)).to(sent.device)
                sent += mask if other > own else -mask
        return sent


def stretched(secret: bytes, number: int, count: int, /) -> Int[Tensor, " d"]:
    """So many whole numbers of 64 bits that follow from a secret and the number of a round.

    >>> torch.equal(stretched(b"a", 1, 4), stretched(b"a", 1, 4))
    True
    """
    stream = hashlib.shake_256(secret + number.to_bytes(8, "big")).digest(8 * count)
    return torch.from_numpy(np.frombuffer(stream, dtype="<i8").copy())


def whole(update: Float[Tensor, " d"], /) -> Int[Tensor, " d"]:
    """Numbers in units of 2^-32.

    Raises:
        UsageError: one is not finite, or too large for a sum of them to fit.
    """
    if not bool((update.abs() < 2.0 ** (63 - BITS - 12)).all()):
        raise UsageError(
            f"a client's update holds {float(update.abs().max()):g}, which is too large to be "
            "added up in whole numbers; lower lr="
        )
    return (update.double() * 2.0**BITS).round().long()


def revealed(total: Int[Tensor, " d"], like: Tensor, /) -> Float[Tensor, " d"]:
    """The sum of what clients sent, as numbers again."""
    return (total.double() / 2.0**BITS).to(like)
