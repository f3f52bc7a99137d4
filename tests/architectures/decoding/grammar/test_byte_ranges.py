"""Ranges of characters are exactly what UTF-8 writes for them."""

import itertools
import random

from cartograd.architectures.decoding.grammar.byte_ranges import byte_ranges


def test_exactly_the_characters_of_a_range():
    rng = random.Random(0)
    edges = [(0, 0xD7FF), (0xE000, 0x10FFF), (0x7F, 0x80), (0x7FF, 0x800), (0xFFFF, 0x10000)]
    for _ in range(40):
        low = rng.choice((rng.randrange(0xD000), rng.randrange(0xE000, 0x10F000)))
        edges.append((low, min(low + rng.randrange(3000), 0xD7FF if low < 0xD800 else 0x10FFFF)))
    for low, high in edges:
        written = [
            ord(bytes(one).decode())
            for ranges in byte_ranges(low, high)
            for one in itertools.product(*(range(a, b + 1) for a, b in ranges))
        ]
        assert sorted(written) == list(range(low, high + 1))
