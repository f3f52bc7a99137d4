"""Whether what was made of a model may replace it, by a margin on examples of the data."""

from typing import Any, Protocol, runtime_checkable

PIXELS = 0.01
"""Share of its pixels from which on a mask counts as another one. Next to an edge some probability
is close to one half in nearly every mask, and rounding moves it to the other side."""


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


def changed(count: int, asked: int, /, *, pixels: float | None = None) -> str:
    """How many answers changed, in words.

    Args:
        count: of those that did.
        asked: of all.
        pixels: of masks, the share of all pixels that did.

    >>> changed(0, 16), changed(3, 16)
    ('none of 16 changed', '3 of 16 changed')
    >>> changed(1, 16, pixels=0.0025)
    '1 of 16 changed in more than 1 % of its pixels; 0.25 % of all pixels did'
    """
    told = f"{count} of {asked} changed" if count else f"none of {asked} changed"
    if pixels is None:
        return told
    share = f"{100 * PIXELS:.0f} % of its pixels"
    return f"{told} in more than {share}; {100 * pixels:.2f} % of all pixels did"
