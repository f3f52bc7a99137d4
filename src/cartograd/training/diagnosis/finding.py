"""What a diagnosis found: a name, what was seen, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        name: in few words, e.g. `over-fitting`.
        evidence: what was seen, with its numbers.
        advice: what to try, the likeliest first.
        good: whether this is as it should be.
    """

    name: str
    evidence: str
    advice: tuple[str, ...] = ()
    good: bool = False
