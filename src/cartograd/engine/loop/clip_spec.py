"""Specs of gradient clipping, looked up without importing torch."""

from cartograd.core import known, registry, vocabulary
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec


def clip_spec(given: float | str | Spec | None, /) -> Spec | None:
    """The spec of a clipping; a number is the largest norm.

    >>> str(clip_spec("1.5"))
    'norm:max=1.5'

    Raises:
        UsageError: there is no such way, or its limit is not above zero.
    """
    if given is None:
        return None
    if isinstance(given, str):
        try:
            given = float(given)
        except ValueError:
            given = Spec.parse(given)
    if isinstance(given, bool) or not isinstance(given, int | float | Spec):
        raise UsageError(f"fit: clip={given!r} is of the wrong type; expected a number or a spec")
    if not isinstance(given, Spec):
        vocabulary.check("fit", "clip", given)
        given = Spec("norm", {"max": given})
    if not registry.lookup(given.name, kind="clipping"):
        raise unknown("way to clip", given.name, registry.names(kind="clipping"))
    known.check(given, kind="clipping")
    return given
