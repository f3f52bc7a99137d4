"""Whether what a signature says of a port agrees with itself: names, columns, statistics, sizes."""

from typing import Any

from cartograd.core import arrays
from cartograd.core.errors import UsageError, unknown

DTYPES = arrays.dtypes()
"""Names of torch's number types."""

DECIDED = ("classify", "score", "multi-label")
"""Tasks whose answers are named from a threshold on."""


def check_port(port: Any, axis: int | None, /) -> None:
    """Refuse a port whose parts are of different sizes.

    Args:
        port: a `Port` of a signature (any, as ports are checked by this file).
        axis: which of its dimensions counts the classes; None if none does.

    Raises:
        UsageError: its type is none of torch's; its columns become more or fewer features than it
            has; its mean is of another size; it has labels for more or fewer classes.
    """
    if port.dtype not in DTYPES:
        raise unknown(f"dtype of the port {port.name!r}", port.dtype, DTYPES)
    first = port.dims[0] if port.dims else None
    features = sum(column.width for column in port.columns)
    if port.columns and port.dims != (features,):
        raise UsageError(
            f"port {port.name!r}: its columns become {features} features, and dims={port.dims}; "
            f"expected dims=({features},)"
        )
    if isinstance(first, int) and len(port.mean) not in (0, 1, first):
        raise UsageError(
            f"port {port.name!r}: {len(port.mean)} numbers in mean for dims={port.dims}; expected "
            f"1 or {first}"
        )
    expected = len(port.labels) if port.task == "multi-label" else 1
    if port.thresholds and (len(port.thresholds) != expected or port.task not in DECIDED):
        raise UsageError(
            f"port {port.name!r}: {len(port.thresholds)} thresholds; expected one for each label, "
            "or one of two classes"
        )
    if axis is None or not port.labels or not -len(port.dims) <= axis < len(port.dims):
        return
    classes, names = port.dims[axis], len(port.labels)
    if isinstance(classes, int) and classes != names and (classes, names) != (1, 2):
        raise UsageError(
            f"port {port.name!r}: {names} labels for {classes} classes (dims={port.dims}); "
            "expected a label for each class, in the order of the model's answers"
        )
