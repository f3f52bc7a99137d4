"""Pairs of texts as they are given: two texts, or a mapping from the names of both to them."""

from collections.abc import Mapping, Sequence
from typing import Any

from cartograd.core.errors import UsageError, nearest
from cartograd.core.ports import Port


def paired(port: Port, sources: Any, /) -> Any:
    """What was given, each pair as a mapping; two texts by themselves are one pair.

    Files stay as they are, and so does all that is given to a port of single texts.

    >>> port = Port("pair", "text", ("t",), pair=("question", "answer"))
    >>> paired(port, ("Who?", "Nobody."))
    [{'question': 'Who?', 'answer': 'Nobody.'}]
    """
    if not port.pair or isinstance(sources, str | bytes | Mapping):
        return sources
    if not isinstance(sources, Sequence):
        return sources
    if len(sources) == 2 and all(isinstance(one, str) for one in sources):
        sources = [sources]
    return [dict(zip(port.pair, one, strict=True)) if _is_pair(one) else one for one in sources]


def sides(port: Port, source: Any, number: int, /) -> tuple[str, str]:
    """Both texts of one pair.

    Raises:
        UsageError: it is none, or one of its texts is missing or empty.
    """
    first, second = port.pair
    if not isinstance(source, Mapping):
        raise UsageError(
            f"pair {number} is {str(source)[:60]!r}; the model reads pairs of texts: expected two "
            f"texts, {first!r} and {second!r}, or a table with columns of these names"
        )
    lacking = [name for name in port.pair if name not in source]
    if lacking:
        near = nearest(lacking[0], [str(name) for name in source])
        raise UsageError(
            f"pair {number} lacks {lacking[0]!r}" + (f"; is {near!r} meant?" if near else "")
        )
    empty = [name for name in port.pair if not str(source[name] or "").strip()]
    if empty:
        raise UsageError(f"pair {number} has no text in {empty[0]!r}; expected two texts")
    return str(source[first]), str(source[second])


def _is_pair(source: Any) -> bool:
    texts = isinstance(source, Sequence) and not isinstance(source, str | bytes)
    return texts and len(source) == 2 and all(isinstance(text, str) for text in source)
