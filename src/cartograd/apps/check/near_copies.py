"""Examples that are nearly equal: scaled or recompressed pictures, texts with a few words changed.

**Pictures** (and spectrograms of sounds): the low frequencies of the cosine transform of a small
grey picture, each above or below their median, are 63 bits; whether it grows brighter to the right
of each of 8 x 8 places, 64 others. Pairs that agree in a quarter of either hash are found by
sorting (those that differ in three bits or less always do); whether they are alike is then seen in
the pixels. **Texts**: the least hashes of the runs of letters are equal with the
probability that two texts share runs; pairs that agree in a band of them are compared in full.

References:
    C. Zauner: Implementation and benchmarking of perceptual image hash functions. 2010.
    A. Broder: On the resemblance and containment of documents, SEQUENCES 1997.
    https://doi.org/10.1109/SEQUEN.1997.666900
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product
from zlib import crc32

import numpy as np
from jaxtyping import Float, UInt64

from cartograd.apps.check.copies import findings
from cartograd.apps.check.looked import Looked
from cartograd.apps.results.data_card import DataFinding

BITS = 6
"""Bits in which a hash of like pictures may differ."""

PIECES = 4
"""Pieces of a hash, one of which must be equal."""

APART, ALIKE, TINY = 0.04, 0.985, 0.997
"""Greatest mean difference of like pictures (of black to white), least correlation, and that of
pictures so small that different ones come close by chance."""

CROWD = 200
"""Examples with one piece of a hash beyond which each is compared with the next ones alone."""

CHUNK = 2048
"""Pairs of pictures that are compared at a time."""

RUN, HASHES, BANDS, SHARED = 5, 64, 16, 0.8
"""Letters of a run, hashes of a text, bands of them, and runs that like texts share."""

PRIME = (1 << 61) - 1


def near_copies(seen: Looked, /) -> list[DataFinding]:
    """Examples that are nearly the same as another, and not equal to it."""
    if seen.grey is not None:
        sides = seen.signature.example.dims[1:]
        tiny = min(size for size in sides if isinstance(size, int)) < seen.grey.shape[-1]
        pairs = like_pictures(seen.grey, alike=TINY if tiny and len(sides) == 2 else ALIKE)
    elif seen.texts is not None and seen.signature.task.name != "next-token":
        pairs = like_texts(seen.texts)
    else:
        return []
    other = [(a, b) for a, b in pairs if seen.keys[a] != seen.keys[b]]
    return findings(seen, joined(other), "near copies", "that are nearly the same as another")


def hashes(grey: Float[np.ndarray, "n y x"], /) -> UInt64[np.ndarray, " n"]:
    """The perceptual hash of small grey pictures.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).random((3, 32, 32))
    >>> bool((hashes(x) == hashes(0.5 * x + 0.1)).all())  # neither contrast nor brightness matter
    True
    """
    side = grey.shape[-1]
    at = np.arange(side)
    cosines = np.cos(np.pi * (2 * at + 1) * np.arange(8)[:, None] / (2 * side))
    low = np.einsum("ky,nyx,lx->nkl", cosines, grey, cosines, optimize=True)
    low = low.reshape(len(grey), 64)[:, 1:]  # without the mean brightness
    above = low > np.median(low, axis=1, keepdims=True)
    return above @ (np.uint64(1) << np.arange(63, dtype=np.uint64))


def slopes(grey: Float[np.ndarray, "n y x"], /) -> UInt64[np.ndarray, " n"]:
    """Whether small grey pictures of 32 x 32 grow brighter to the right, at 8 x 8 places."""
    low = grey.reshape(len(grey), 8, 4, 8, 4).mean((2, 4))
    right = np.concatenate([low[:, :, 1:], low[:, :, :1]], axis=2)
    above = (right > low).reshape(len(grey), 64)
    return above @ (np.uint64(1) << np.arange(64, dtype=np.uint64))


def like_pictures(
    grey: Float[np.ndarray, "n y x"], /, *, alike: float = ALIKE
) -> list[tuple[int, int]]:
    """Pairs of pictures that are nearly equal, the earlier one first.

    Args:
        grey: small pictures of 32 x 32, from 0 to 1.
        alike: least correlation of two that are.
    """
    count, keys = len(grey), [np.zeros(0, np.int64)]
    for codes, piece in product((hashes(grey), slopes(grey)), range(PIECES)):
        first, second = _neighbours((codes >> np.uint64(16 * piece)) & np.uint64(0xFFFF))
        close = np.bitwise_count(codes[first] ^ codes[second]) <= BITS
        keys.append(first[close] * count + second[close])
    found = np.unique(np.concatenate(keys))
    parts = (found[at : at + CHUNK] for at in range(0, len(found), CHUNK))
    kept = [part[_alike(grey, part // count, part % count, alike)] for part in parts]
    return [divmod(int(key), count) for part in kept for key in part]


def _alike(grey: np.ndarray, first: np.ndarray, second: np.ndarray, alike: float) -> np.ndarray:
    """Which pairs of pictures are nearly equal, pixel by pixel."""
    one, other = (grey[rows].reshape(len(rows), -1).astype(np.float32) for rows in (first, second))
    apart = np.abs(one - other).mean(1)
    one, other = (part - part.mean(1, keepdims=True) for part in (one, other))
    sizes = [np.linalg.norm(part, axis=1) for part in (one, other)]
    both = np.einsum("nd,nd->n", one, other)
    rich = np.minimum(*sizes) > 1e-3  # of pictures of one colour nothing can be said
    return rich & (apart <= APART) & (both >= alike * sizes[0] * sizes[1])


def _neighbours(parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of places with the same value; in a crowd each with some that follow it alone."""
    ranks = np.argsort(parts, kind="stable")
    values, found = parts[ranks], list[np.ndarray]()
    step = 1
    while step <= CROWD:
        same = np.flatnonzero(values[step:] == values[:-step])
        if not len(same):
            break
        found.append(np.stack([ranks[same], ranks[same + step]]))
        step += 1
    if not found:
        return np.zeros(0, int), np.zeros(0, int)
    pairs = np.concatenate(found, axis=1)
    return pairs.min(0), pairs.max(0)


def like_texts(texts: Sequence[str], /) -> list[tuple[int, int]]:
    """Pairs of texts that share most runs of letters, the earlier one first.

    >>> text = "the cat sat on the mat all day long and did not see the mouse"
    >>> like_texts([text, text.replace("mouse", "house"), "no cat was here"])
    [(0, 1)]
    """
    runs = [_runs(text) for text in texts]
    rng = np.random.default_rng(0)
    factors = rng.integers(1, 1 << 31, (HASHES, 1), dtype=np.uint64)
    shifts = rng.integers(0, 1 << 31, (HASHES, 1), dtype=np.uint64)
    least = np.stack(
        [((factors * own + shifts) % np.uint64(PRIME)).min(1) for own in runs]
    ).reshape(len(texts), BANDS, -1)
    pairs, sets = set[tuple[int, int]](), [set(own.tolist()) for own in runs]
    for band in range(BANDS):
        homes = defaultdict[bytes, list[int]](list)
        for row, own in enumerate(least[:, band]):
            homes[own.tobytes()].append(row)
        for rows in homes.values():
            most = max(1, CROWD // len(rows))
            pairs |= {(a, b) for i, a in enumerate(rows) for b in rows[i + 1 : i + 1 + most]}
    return sorted(pair for pair in pairs if _share(sets[pair[0]], sets[pair[1]]) >= SHARED)


def _runs(text: str) -> np.ndarray:
    """Numbers of the runs of letters of a text."""
    whole = " ".join(text.lower().split())
    last = max(1, len(whole) - RUN + 1)
    found = {crc32(whole[at : at + RUN].encode()) for at in range(last)}
    return np.array(sorted(found), dtype=np.uint64)


def _share(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other)


def joined(pairs: Iterable[tuple[int, int]], /) -> list[list[int]]:
    """Pairs as groups of all that hang together.

    >>> joined([(0, 2), (2, 5), (1, 3)])
    [[0, 2, 5], [1, 3]]
    """
    home: dict[int, list[int]] = {}
    for a, b in pairs:
        one, other = home.setdefault(a, [a]), home.setdefault(b, [b])
        if one is not other:
            one += other
            home |= dict.fromkeys(other, one)
    distinct = {id(rows): rows for rows in home.values()}
    return sorted(sorted(rows) for rows in distinct.values())
