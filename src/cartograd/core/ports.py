"""Ports and signatures: the inputs and outputs of a model, in one record.

Training reads the sizes off it, export the dynamic dimensions, the server how to decode a
request, explainers the baseline, attacks the bounds, and the web map the widget to show.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from cartograd.core import task as tasks
from cartograd.core.agreement import check_port
from cartograd.core.column import Column, column_of
from cartograd.core.errors import UsageError, unknown
from cartograd.core.fits import check_fields
from cartograd.core.language import keep
from cartograd.core.older_outputs import task_of_old
from cartograd.core.sizes import sizes_of
from cartograd.core.task import Task
from cartograd.core.timeline import Timeline, timeline_of

KINDS = ("image", "table", "text", "audio", "series", "vector", "label", "value")
"""What a port carries. `value` (real numbers) is for outputs, and so is `label` (classes), but for
the class that an example is asked of."""

FITS = ("crop", "pad", "pad-white", "stretch")
"""How a picture of another shape is brought to a port's size."""

USUAL = {"label": "classify", "value": "regress", "vector": "embed"}
"""The task of an output that names none, by its kind: one answer for the whole example."""


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
        timeline: how a table's rows become series, for an input of kind `series`.
        rate: samples per second, for an input of kind `audio`.
        padding_id: the padding token, for `text`.
        pair: of `text` that is two texts in one row the names of both, such as the columns of a
            table; empty where it is one.
        separator_id: the token after which the second of them begins.
        fit: one of `FITS`, for an input of kind `image`.
        bits: of the numbers in pictures of more than 8 bits; 2^bits - 1 is white.
        made_by: how a degraded picture was made of a whole one, as a spec; empty for the others.
        levels: how many evenly spaced values from 0 to 1 the numbers take, where that is known and
            counts; 0 for any.
        positive: of two classes the one that precision, recall and F1 are of.
        unseen: classes of which training had no example, of the class that an example is asked of.
        thresholds: from which probability on the positive class of two is named, or each label;
            empty for a half. temperature: by which logits are divided (see `core.decided`).
        unit: of a value, in which it was written: a currency, `%`, or nothing.
        task: what the answer means (see `core.task`), for an output. Where it is left out it is
            `classify` for a label, `regress` for a value, `embed` for a vector.
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
    pair: tuple[str, ...] = ()
    separator_id: int | None = None
    task: str = ""
    fit: str = "crop"
    bits: int = 16
    levels: int = 0
    made_by: str = ""
    positive: str = ""
    unseen: tuple[str, ...] = ()
    timeline: Timeline | None = None
    thresholds: tuple[float, ...] = ()
    temperature: float = 1.0
    unit: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"port {self.name!r}: unknown kind {self.kind!r}, expected {KINDS}")
        if len(self.mean) != len(self.std):
            raise UsageError(f"port {self.name!r}: mean and std differ in length")
        if any(s <= 0 for s in self.std):
            raise UsageError(f"port {self.name!r}: std has a value that is not positive")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise UsageError(f"port {self.name!r}: bounds {self.bounds} are not low < high")
        if self.fit not in FITS:
            raise unknown("fit", self.fit, FITS)
        if self.positive and self.positive not in self.labels:
            raise UsageError(f"port {self.name!r}: positive={self.positive!r} is no label of it")
        if self.task:
            tasks.find(self.task)
        keep((*self.labels, *(column.name for column in self.columns)))
        if not self.temperature > 0 or not all(0 <= one <= 1 for one in self.thresholds):
            raise UsageError(f"port {self.name!r}: temperature or a threshold is out of range")

    @property
    def size(self) -> int:
        """How many numbers one example holds.

        Raises:
            UsageError: a dimension is not fixed.
        """
        if not all(isinstance(dim, int) for dim in self.dims):
            raise UsageError(f"port {self.name!r} has no fixed size: {self.dims}")
        return math.prod(dim for dim in self.dims if isinstance(dim, int))

    @property
    def mean_log_std(self) -> float:
        """The mean logarithm of the standard deviations, by which densities change their unit."""
        return sum(map(math.log, self.std)) / max(1, len(self.std))

    @property
    def seen(self) -> tuple[int, ...]:
        """The numbers of the classes of which training had examples."""
        return tuple(i for i, label in enumerate(self.labels) if label not in self.unseen)

    @property
    def unnamed(self) -> bool:
        """Whether its classes have no names but their numbers."""
        return self.labels == tuple(map(str, range(len(self.labels))))


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", tuple(map(_with_task, self.outputs)))
        for port in self.inputs:
            check_port(port, None)
        for port in self.outputs:
            check_port(port, tasks.find(port.task).classes_axis if port.task else None)

    @property
    def input(self) -> Port:
        """The first input."""
        return self.inputs[0]

    @property
    def output(self) -> Port:
        """The first output."""
        return self.outputs[0]

    @property
    def task(self) -> Task:
        """What the first output means.

        Raises:
            UsageError: it names no task.
        """
        if not self.output.task:
            raise UsageError(
                f"the output {self.output.name!r} of kind {self.output.kind!r} names no task; "
                f"expected one of {', '.join(tasks.names())}: Port(..., task=...)"
            )
        return tasks.find(self.output.task)

    @property
    def draws(self) -> bool:
        """Whether the model gives examples of its own, made of noise."""
        return bool(self.outputs and self.output.task and self.task.draws)

    @property
    def example(self) -> Port:
        """What the model is about: its first input, or the examples that it draws or restores."""
        return self.output if self.draws or self.target == "whole" else self.input

    @property
    def condition(self) -> Port | None:
        """The input that says of which class an example is to be, if there is one."""
        return next((port for port in self.inputs[1:] if port.kind == "label"), None)

    @property
    def classes(self) -> int | None:
        """How many classes there are to choose from; none where the answer is no class."""
        axis = self.task.classes_axis
        if axis is None:
            return len(self.output.labels) if self.target == "boxes" else None
        return int(self.output.dims[axis])

    @property
    def target(self) -> str | None:
        """What a right answer is: a `class`, `classes`, a `value` in a unit; none if neither."""
        return self.task.target if self.outputs and self.output.task else None

    def sizes(self) -> dict[str, int]:
        """Arguments that follow from the data: `build` gives them to models that take them."""
        sizes: dict[str, int] = {}
        if self.outputs and self.output.task and not self.task.own_size:
            classes = self.classes
            sizes["classes"] = self.output.size if classes is None else classes
        elif self.condition is not None:
            sizes["classes"] = len(self.condition.labels)
        if self.inputs:
            sizes |= sizes_of(self.example)
        text = next((port for port in self.inputs if port.kind == "text" and port.bounds), None)
        if text is not None and text.bounds is not None:
            sizes["vocabulary"] = int(text.bounds[1]) + 1
            if text.padding_id is not None:
                sizes["padding_id"] = text.padding_id
            if text.separator_id is not None:
                sizes["separator_id"] = text.separator_id
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
            inputs = tuple(_port(port) for port in data["inputs"])
            outputs = tuple(
                port if "task" in given else replace(port, task=task_of_old(inputs, port, USUAL))
                for given in data["outputs"]
                for port in (_port(given),)
            )
            return cls(inputs, outputs)
        except (LookupError, TypeError, AttributeError, OverflowError) as error:
            raise UsageError(f"this does not describe a signature: {error!r}") from error


def _with_task(port: Port) -> Port:
    """An output with its task.

    Raises:
        UsageError: it has a label at each position, which may mean several things.
    """
    if port.task or port.kind not in USUAL:
        return port
    if port.kind == "label" and len(port.dims) > 1:
        what = f"the output {port.name!r} has labels of shape {port.dims}"
        tasks = "tag, next-token, masked-token or ctc: Port(..., task='tag')"
        raise UsageError(f"{what} and names no task; expected one such as {tasks}")
    return replace(port, task=USUAL[port.kind])


def _port(data: Any) -> Port:
    fixed: dict[str, Any] = {
        key: tuple(item) if isinstance(item, list) else item for key, item in data.items()
    }
    fixed["columns"] = tuple(column_of(column) for column in data.get("columns", ()))
    fixed["timeline"] = timeline_of(data.get("timeline"))
    port = Port(**fixed)
    check_fields(port, f"port {port.name!r}")
    if any(isinstance(dim, int) and dim < 1 for dim in port.dims):
        raise UsageError(f"port {port.name!r}: dims={port.dims}; expected sizes of at least 1")
    return port
