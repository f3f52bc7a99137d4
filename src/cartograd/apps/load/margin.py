"""How much of a metric somebody is ready to lose or to call the same: `accuracy=0.5%`."""

import math
import re
from collections.abc import Sequence

from cartograd.core import registry
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec

_FORM = re.compile(r"(?P<name>[^=]+(?::[^=]+=[^=]+)*)=(?P<size>[^=%]+?)\s*(?P<percent>%?)")


def margins(given: Sequence[str], /) -> dict[str, float]:
    """Margins by metric, in the unit of what the metric computes.

    Args:
        given: each like `accuracy=0.5%` (half a percentage point) or `nll=0.02`. A metric that is
            shown in per cent needs the sign, so that 0.5 is not half of everything.

    Raises:
        UsageError: one cannot be read, is not positive, has no metric, or not its metric's unit.

    >>> margins(["accuracy=0.5%", "nll=0.02"])
    {'accuracy': 0.005, 'nll': 0.02}
    """
    found: dict[str, float] = {}
    for text in given:
        name, size = _read(text)
        if name in found:
            raise UsageError(f"the margin of {name} is given twice; give it once")
        found[name] = size
    return found


def _read(text: str) -> tuple[str, float]:
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{text!r} is no margin; expected METRIC=SIZE, like accuracy=0.5% or nll=0.02"
        )
    name, said = match["name"].strip(), match["size"]
    card, _ = registry.find(Spec.parse(name).name, kind="metric")
    try:
        size = float(said)
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        raise UsageError(f"margin {text}: {said!r} is out of range; expected a number above 0")
    percent = bool(match["percent"])
    if percent != (card.unit == "%"):
        unit = f"{name}={said}%" if card.unit == "%" else f"{name}={said}"
        shown = "is shown in per cent" if card.unit == "%" else "is no share of a hundred"
        raise UsageError(f"margin {text}: {name} {shown}; expected e.g. {unit}")
    return name, size / 100 if percent else size
