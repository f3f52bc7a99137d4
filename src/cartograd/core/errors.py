"""Errors a user can mend: what happened, what was expected, and how to put it right."""

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
    """A mistake in what the user gave: the command line shows it as one line and exits with 2."""


def nearest(word: str, choices: Iterable[str], *, alike: float = 0.5) -> str | None:
    """The choice closest to `word`, or None if none is at least `alike` (1 is equal).

    >>> nearest("resnt", ["resnet", "mlp"])
    'resnet'
    """
    by_lower = {choice.lower(): choice for choice in choices}
    matches = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=alike)
    return by_lower[matches[0]] if matches else None


def unknown(
    what: str, word: str, choices: Iterable[str], *, hint: str = "", every: bool = False
) -> UsageError:
    """The error for a name that is not among `choices`, with the nearest one.

    >>> str(unknown("model", "resnt", ["resnet", "mlp"]))
    "unknown model 'resnt'; did you mean 'resnet'?"

    With `every` the choices are few, and all are named in their order.
    """
    choices = list(choices) if every else sorted(choices)
    near = nearest(word, choices)
    if near:
        advice = f"did you mean {near!r}?"
        advice += f" Expected one of: {', '.join(choices)}" if every else ""
    elif choices:
        shown = ", ".join(choices[:12]) + (", ..." if len(choices) > 12 else "")
        advice = f"expected one of: {shown}"
    else:
        advice = "nothing of this kind is known"
    return UsageError(f"unknown {what} {word!r}; {advice}" + (f" {hint}" if hint else ""))


def first_line(error: BaseException, /) -> str:
    r"""What an error of another library says, in a line.

    >>> first_line(RuntimeError("no\nstack")), first_line(KeyError())
    ('no', 'KeyError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
