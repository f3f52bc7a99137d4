"""Ranges of characters as what UTF-8 writes for them: sequences of ranges of bytes.

References:
    Ken Thompson, Rob Pike. UTF-8, 1992; RFC 3629, 2003. https://www.rfc-editor.org/rfc/rfc3629
    Russ Cox. Regular expression matching in the wild. 2010.
    https://swtch.com/~rsc/regexp/regexp3.html

>>> byte_ranges(0x61, 0x7A)
[((97, 122),)]
>>> byte_ranges(0x80, 0x7FF)
[((194, 223), (128, 191))]
"""

LENGTHS = ((0, 0x7F), (0x80, 0x7FF), (0x800, 0xFFFF), (0x10000, 0x10FFFF))
"""Characters of one, two, three and four bytes."""

Bytes = tuple[tuple[int, int], ...]


def byte_ranges(low: int, high: int, /) -> list[Bytes]:
    """Sequences of ranges of bytes that together write exactly the characters of a range.

    Args:
        low: the first code point; none of the range is a surrogate.
        high: the last one.
    """
    found: list[Bytes] = []
    for first, last in LENGTHS:
        if max(low, first) <= min(high, last):
            found += _split(max(low, first), min(high, last), 1)
    return found


def _split(low: int, high: int, place: int) -> list[Bytes]:
    """Cut a range where a leading byte has not all of its followers."""
    size = len(chr(low).encode())
    if place < size:
        unit = 1 << 6 * (size - place)  # characters that share the bytes up to this place
        if low // unit != high // unit:
            if low % unit:
                edge = low - low % unit + unit
                return [*_split(low, edge - 1, place), *_split(edge, high, place)]
            if (high + 1) % unit:
                edge = high - high % unit
                return [*_split(low, edge - 1, place), *_split(edge, high, place)]
        elif low % unit or (high + 1) % unit:
            return _split(low, high, place + 1)
    first, last = chr(low).encode(), chr(high).encode()
    return [tuple(zip(first, last, strict=True))]
