"""Which checkpoints of a run stay."""

from dataclasses import dataclass

from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec


@dataclass(frozen=True)
class Retention:
    """Which checkpoints stay.

    Attributes:
        last: this many of the newest.
        best: those at the end of this many best epochs, which are saved in any case. The best
            weights are part of every checkpoint, so going on needs none.
        every: those of steps that it divides, which are saved in any case; 0 for none.
    """

    last: int = 2
    best: int = 0
    every: int = 0

    @classmethod
    def parse(cls, text: str, /) -> "Retention":
        """From the form `last=2,best=1,every=1000`; what is left out is as by default.

        Raises:
            UsageError: a word is unknown or not a number that it can be.
        """
        given = Spec.parse(f"keep:{text}")
        if given.subject is not None:
            raise UsageError(f"keep={text!r} is not of the form last=2,best=1,every=1000")
        least = {"last": 1, "best": 0, "every": 0}
        for key, number in given.args.items():
            if key not in least:
                raise unknown("word in keep", key, least)
            if type(number) is not int or number < least[key]:
                raise UsageError(
                    f"keep: {key}={number!r}; expected a whole number of at least {least[key]}"
                )
        return cls(**given.args)


NEWEST = Retention()
"""As by default: the newest two, each with the best weights in it."""


def retention(keep: str | None, /, *, judged: bool) -> Retention:
    """Which checkpoints stay: as it was said, else the newest two.

    Args:
        keep: what was said.
        judged: whether a number says which epoch is the best.

    Raises:
        UsageError: it is no retention, or the best is wanted and nothing tells it.
    """
    kept = NEWEST if keep is None else Retention.parse(keep)
    if kept.best and not judged:
        raise UsageError("keep needs a number to tell the best by; give validate= or monitor=")
    return kept
