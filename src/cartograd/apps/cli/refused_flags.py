"""Flags that mean nothing to the kind of model a command was given."""

from typing import Any

from cartograd.core.errors import UsageError


def check_unused(given: dict[str, tuple[Any, Any]], of: str, /) -> None:
    """Refuse what would be swallowed.

    Args:
        given: by flag, its value and the one that it has if it is left out.
        of: what such flags are for.

    Raises:
        UsageError: a flag was given.

    >>> check_unused({"--top-k": (None, None), "--length": (128, 128)}, "models that write texts")
    """
    wrong = [flag for flag, (value, usual) in given.items() if value != usual]
    if wrong:
        one = len(wrong) == 1
        raise UsageError(
            f"{', '.join(wrong)} {'is' if one else 'are'} for {of}; "
            f"leave {'it' if one else 'them'} out"
        )
