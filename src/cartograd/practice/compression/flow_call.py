"""One operation of an exported graph, as a rule gets it."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from cartograd.practice.compression.flow import Flow
from cartograd.practice.compression.units import Units

Args = tuple[Any, ...]
Rule = Callable[["Call"], Any]


class Call:
    """One operation of the graph.

    Args:
        units: what was joined so far.
        target: the operation.
        args: flows and numbers.
        kwargs: those by name.
        shape: of the result; of several, those of each.
        name: of the operation: `conv2d`.
        place: where in the model it is done, for the reasons.

    Attributes:
        widths: units of the outputs of its weights.
        bare: channels of a norm that has no weights to show their number.
        heads: units of an attention's heads.
    """

    def __init__(
        self, units: Units, target: Any, args: Args, kwargs: dict[str, Any], shape: Any, name: str,
        place: str,
    ):  # fmt: skip
        self.units, self.target, self.args, self.kwargs = units, target, args, kwargs
        self.shape, self.name = shape, name
        self.why = f"{name} of {place}" if place else name
        self.widths: list[Tensor] = []
        self.bare: list[Tensor] = []
        self.heads: list[Tensor] = []

    def get(self, place: int, key: str = "", otherwise: Any = None) -> Any:
        """An argument by its place or its name."""
        if place < len(self.args):
            return self.args[place]
        return self.kwargs.get(key, otherwise)

    @property
    def flows(self) -> list[Flow]:
        """All flows among the arguments."""
        return flows_of([*self.args, *self.kwargs.values()])


def flows_of(values: Any, /) -> list[Flow]:
    """All flows in some lists."""
    if isinstance(values, Flow):
        return [values]
    if isinstance(values, list | tuple):
        return [flow for value in values for flow in flows_of(value)]
    return []


def dims_of(value: Any, count: int, /) -> list[int]:
    """Dimensions, counted from the front; all of them if none is named."""
    if value is None or value == []:
        return list(range(count))
    return [dim % count for dim in (value if isinstance(value, list | tuple) else [value])]
