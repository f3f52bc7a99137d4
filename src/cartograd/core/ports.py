"""Ports and signatures: what a model takes and gives, in one record.

Training reads the sizes off it, export the dynamic dimensions, the server how to decode a
request, explainers the baseline, attacks the bounds, and the web map the widget to show.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from cartograd.core.errors import UsageError

KINDS = ("image", "table", "text", "audio", "vector", "label", "value")
"""What a port carries. `label` (classes) and `value` (real numbers) are for outputs."""


@dataclass(frozen=True)
class Column:
    """One column of a table and how its cells become features.

    A numeric cell is `(cell - mean) / std`; a missing one becomes 0 (the mean) and, where
    `indicator` is set, a further feature says that it was missing. A categorical cell is one
    feature per category; a missing or unseen one is all zeros.
    """

    name: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    std: float = 1.0
    indicator: bool = False

    @property
    def width(self) -> int:
        """How many features this column becomes."""
        return len(self.categories) if self.categories is not None else 1 + self.indicator


@dataclass(frozen=True)
class Port:
    """One input or output of a model.

    Attributes:
        name: how users refer to it.
        kind: one of `KINDS`.
        dims: its shape without the batch; a letter (see `core.shapes`) stands for any size.
        dtype: name of the torch dtype, e.g. `float32`.
        bounds: smallest and largest valid value, before standardisation.
        mean, std: per channel of an image, per feature otherwise, or a single number for all;
            empty means that the model takes the values as they are. For an output of kind
            `value` they turn the model's standardised answer back into the target's unit.
        labels: names of the classes, for an output of kind `label`.
        columns: how table cells become features, for an input of kind `table`.
        rate: samples per second, for an input of kind `audio`.
        padding_id: the number that means "nothing here" after a shorter row, for `text`.
    """

    name: str
    kind: str
    dims: tuple[int | str, ...]
    dtype: str = "float32"
    bounds: tuple[float | int, float | int] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    rate: int | None = None
    padding_id: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"port {self.name!r}: unknown kind {self.kind!r}, expected {KINDS}")
        if len(self.mean) != len(self.std):
            raise UsageError(f"port {self.name!r}: mean and std differ in length")
        if any(s <= 0 for s in self.std):
            raise UsageError(f"port {self.name!r}: std has a value that is not positive")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise UsageError(f"port {self.name!r}: bounds {self.bounds} are not low < high")

    @property
    def size(self) -> int:
        """How many numbers one example holds.

        Raises:
            UsageError: a dimension is not fixed.
        """
        if not all(isinstance(dim, int) for dim in self.dims):
            raise UsageError(f"port {self.name!r} has no fixed size: {self.dims}")
        return math.prod(dim for dim in self.dims if isinstance(dim, int))


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives.

    >>> pixels = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0))
    >>> digit = Port("digit", "label", (10,), labels=tuple("0123456789"))
    >>> Signature((pixels,), (digit,)).sizes()
    {'classes': 10, 'features': 64, 'channels': 1, 'size': 8}
    >>> Signature.from_json(Signature((pixels,), (digit,)).to_json()).outputs[0].labels[3]
    '3'
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def input(self) -> Port:
        """The first input."""
        return self.inputs[0]

    @property
    def output(self) -> Port:
        """The first output."""
        return self.outputs[0]

    def sizes(self) -> dict[str, int]:
        """Arguments that follow from the data: `build` gives them to models that take them."""
        sizes: dict[str, int] = {}
        if self.outputs and self.output.kind in ("label", "value"):
            steps = self.output.kind == "label" and len(self.output.dims) - 1  # of a text: (t, v)
            sizes["classes"] = replace(self.output, dims=self.output.dims[steps:]).size
        if self.inputs and all(isinstance(dim, int) for dim in self.input.dims):
            sizes["features"] = self.input.size
        elif self.inputs and self.input.kind == "vector" and isinstance(self.input.dims[-1], int):
            sizes["features"] = self.input.dims[-1]  # of one step of a series
        if self.inputs and self.input.kind == "image":
            channels, height, width = self.input.dims
            if isinstance(channels, int):
                sizes["channels"] = channels
            if isinstance(height, int) and height == width:
                sizes["size"] = height
        text = next((port for port in self.inputs if port.kind == "text" and port.bounds), None)
        if text is not None and text.bounds is not None:
            sizes["vocabulary"] = int(text.bounds[1]) + 1
            if text.padding_id is not None:
                sizes["padding_id"] = text.padding_id
        return sizes

    def to_json(self) -> dict[str, Any]:
        """The signature as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any, /) -> "Signature":
        """The inverse of `to_json`.

        Raises:
            UsageError: the data does not describe a signature.
        """
        try:
            return cls(
                tuple(_port(port) for port in data["inputs"]),
                tuple(_port(port) for port in data["outputs"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"this does not describe a signature: {error!r}") from error


def _port(data: dict[str, Any]) -> Port:
    fixed: dict[str, Any] = {
        key: tuple(item) if isinstance(item, list) else item for key, item in data.items()
    }
    fixed["columns"] = tuple(
        Column(**column | {"categories": _optional_tuple(column.get("categories"))})
        for column in data.get("columns", ())
    )
    return Port(**fixed)


def _optional_tuple(items: list[str] | tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if items is None else tuple(items)
