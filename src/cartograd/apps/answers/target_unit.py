"""In what unit a metric of values is: that of the target, by its name."""

from collections.abc import Iterable

from cartograd.apps.answers import units
from cartograd.core.ports import Port


def of_target(names: Iterable[str], port: Port, /) -> str:
    """Which of some metrics are in the unit of what is predicted, and in which; empty if none is.

    >>> of_target(["rmse", "mae", "r2"], Port("price", "value", (1,), unit="EUR"))
    '; rmse and mae are in EUR (price)'
    >>> of_target(["rmse", "r2"], Port("price", "value", (1,)))
    '; rmse is in the unit of price'
    """
    found = [name for name in names if units.unit(name) == "target"]
    if not found or port.kind != "value" or port.name == port.kind:
        return ""
    said = f"{port.unit} ({port.name})" if port.unit else f"the unit of {port.name}"
    return f"; {' and '.join(found)} {'is' if len(found) == 1 else 'are'} in {said}"
