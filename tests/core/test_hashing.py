"""Mixing: the published numbers of SplitMix64, and ours from tensors as from single numbers."""

import torch

from cartograd.core.hashing import GOLDEN, fractions, mixed, scrambled


def test_splitmix64_as_published():
    """The first outputs for the seed 1234567 (the reference implementation by S. Vigna)."""
    known = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431)
    steps = torch.arange(4) * (GOLDEN - 2**64) + 1234567
    assert [int(n) % 2**64 for n in scrambled(steps)] == list(known)


def test_one_number_is_mixed_as_tensors_are():
    for number in (0, 1, 77, 2**40):
        assert mixed(number) == int(scrambled(torch.tensor(number))) % 2**64 >> 2


def test_fractions():
    numbers = torch.tensor([0, -1, -(2**63), 2**62])
    assert fractions(numbers).tolist() == [0.0, 1 - 2.0**-53, 0.5, 0.25]
