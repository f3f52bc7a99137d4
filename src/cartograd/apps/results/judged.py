"""Whether what was made of a model may replace it, by a margin on examples of the data."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Judged(Protocol):
    """What `replace` found."""

    @property
    def may(self) -> bool:
        """Whether it may."""
        ...

    @property
    def said(self) -> str:
        """The verdict in a sentence."""
        ...

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        ...


def changed(count: int, asked: int, /) -> str:
    """How many answers changed, in words.

    >>> changed(0, 16), changed(3, 16)
    ('none of 16 changed', '3 of 16 changed')
    """
    return f"{count or 'none'} of {asked} changed"
