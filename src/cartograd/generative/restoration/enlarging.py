"""By what super-resolution enlarges: the factor of the degradation that it undoes."""

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec


def factor(degradation: str | Spec, /) -> int:
    """By how much the sides of pictures were divided.

    >>> factor("smaller:scale=4")
    4

    Raises:
        UsageError: pictures of another degradation are not smaller.
    """
    made = build(degradation, kind="degradation")
    if Spec.parse(degradation).name != "smaller":
        raise UsageError(
            f"degradation={degradation} leaves pictures as large as they were; super-resolution "
            "undoes smaller:scale=2 and the like"
        )
    return made.scale
