"""Integer hashes, of which counter-based random numbers are made; and the digest of tensors.

The finaliser of SplitMix64 (Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number
generators", https://doi.org/10.1145/2714064.2660195).
"""

from collections.abc import Iterable

import torch
from blake3 import blake3
from jaxtyping import Int
from torch import Tensor

GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = (1 << 64) - 1


def mixed(seed: int, *place: int) -> int:
    """One 62-bit number from several, so that near ones give unrelated results.

    >>> mixed(0, 1) != mixed(1, 0) and mixed(3, 5) == mixed(3, 5)
    True
    """
    state = 0
    for number in (seed, *place):
        state = (state + number + GOLDEN) & _MASK
        state = ((state ^ (state >> 30)) * FIRST) & _MASK
        state = ((state ^ (state >> 27)) * SECOND) & _MASK
        state ^= state >> 31
    return state >> 2


def scrambled(numbers: Int[Tensor, "..."], /) -> Int[Tensor, "..."]:
    """Each 64-bit number as another one, near ones far apart; no two become the same.

    >>> scrambled(torch.arange(3)).unique().numel()
    3
    """
    state = numbers + _signed(GOLDEN)
    state = (state ^ _shifted(state, 30)) * _signed(FIRST)
    state = (state ^ _shifted(state, 27)) * _signed(SECOND)
    return state ^ _shifted(state, 31)


def _shifted(state: Tensor, by: int) -> Tensor:
    """Shifted to the right with zeros coming in: torch's own shift repeats the sign."""
    return (state >> by) & ((1 << (64 - by)) - 1)


def _signed(number: int) -> int:
    """The same 64 bits as torch's integers read them."""
    return number - (1 << 64) if number >> 63 else number


def fractions(numbers: Int[Tensor, "..."], /) -> Tensor:
    """Their upper 53 bits as float64 in [0, 1)."""
    return _shifted(numbers, 11).to(torch.float64) * 2.0**-53


def digest_of(tensors: Iterable[Tensor], words: Iterable[str] = (), /) -> str:
    """The first 16 digits of the BLAKE3 of tensors' types, shapes and numbers, and of words.

    >>> digest_of([torch.zeros(2)]) == digest_of([torch.zeros(2, 1)])
    False
    """
    hashed = blake3()
    for tensor in tensors:
        hashed.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
        whole = tensor.detach().cpu().contiguous()
        if whole.numel():
            hashed.update(whole.reshape(-1).view(torch.uint8).numpy().data)
    for word in words:
        hashed.update(f"{word}\n".encode())
    return hashed.hexdigest()[:16]
