"""What a model takes, read off its `forward`, beside what data give."""

import inspect
from typing import Any, Protocol, get_args, runtime_checkable

from jaxtyping import AbstractArray
from torch import nn

from cartograd.apps.load.reading import check_reads
from cartograd.core import registry
from cartograd.core.build import entry, today
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset

MEANT = {
    "c y x": "pictures",
    "1 n": "sounds",
    "t": "texts",
    "s": "texts",
}
"""What an input of a model is, by the letters of an example's shape."""

SIZES = ("channels", "size", "features", "levels", "sample_rate", "context", "horizon", "season")
"""What is no choice of a model but a fact of the data."""

GIVEN = {
    "image": "pictures",
    "audio": "sounds",
    "series": "series",
    "text": "texts",
    "table": "rows of a table",
    "label": "classes",
}
"""What a port of data is, by its kind."""


@runtime_checkable
class OfKinds(Protocol):
    """A model whose examples have to mean something, whatever their shape."""

    kinds: tuple[str, ...]
    """Kinds of their port, the usual one first."""


def check_takes(model: Any, data: Dataset, /) -> None:
    """Refuse data whose examples are of another number, rank or type than a model's inputs.

    Args:
        model: a spec or a module; only of a spec is anything known.
        data: what it is to learn from.

    Raises:
        UsageError: the model of this name takes other inputs.
    """
    if not isinstance(model, str | Spec):
        return
    check_reads(model, data)
    spec = Spec.parse(model)
    card, preset = registry.find(spec.name, kind="model")
    made = entry(card)
    _check_kind(made, card.name, data)
    _check_sizes(spec.name, preset | today(card, spec.args), data)
    inputs = _inputs(made)
    ports = data.signature.inputs
    if inputs is None:
        return
    needed = [shape for shape, needs in inputs if needs]
    fitting = len(needed) <= len(ports) <= len(inputs)
    if fitting and all(_fits(shape, port) for (shape, _), port in zip(inputs, ports, strict=False)):
        return
    raise UsageError(
        f"{card.name} takes {' and '.join(map(_meant, needed))}, and {data.name} gives "
        f"{' and '.join(map(_given, ports))}; take other data, or a model for these "
        "(`cartograd list model`)"
    )


def _check_kind(made: Any, name: str, data: Dataset) -> None:
    """Refuse examples of another kind than those that a model says it is for.

    A picture's numbers in a row have the shape of a sound, and mean something else.

    Raises:
        UsageError: they are.
    """
    port, known = data.signature.example, inspect.signature(made).parameters
    if isinstance(made, OfKinds) and port.kind not in made.kinds:
        raise UsageError(
            f"{name} takes {GIVEN[made.kinds[0]]}, and {data.name} gives {_given(port)}; take "
            "other data, or a model for these (`cartograd list model`)"
        )
    if port.kind == "series" and "horizon" not in known:
        raise UsageError(
            f"{name} knows no steps to come, and {data.name} is to be forecast; take a model of "
            "series, such as n-beats, patchtst or exponential-smoothing"
        )


def _check_sizes(name: str, given: dict[str, Any], data: Dataset) -> None:
    """Refuse sizes that somebody gave and that are not those of the data.

    Raises:
        UsageError: which, and what it is.
    """
    sizes = data.signature.sizes()
    wrong = [key for key in SIZES if key in sizes and given.get(key) not in (None, sizes[key])]
    told = len(data.signature.condition.labels) if data.signature.condition is not None else 0
    if isinstance(classes := given.get("classes"), int) and classes < told:
        wrong.append("classes")
    if wrong:
        key = wrong[0]
        raise UsageError(
            f"{name}: {key}={given[key]}, and {data.name} has {key}={sizes[key]}; leave it out: it "
            "follows from the data"
        )


def _inputs(made: Any, /) -> list[tuple[type[AbstractArray], bool]] | None:
    """The tensors that a class takes, and whether each must be given; None where it tells not.

    Of a function the class of what it makes tells.
    """
    if inspect.isfunction(made):
        made = inspect.signature(made).return_annotation
    if not inspect.isclass(made) or not issubclass(made, nn.Module):
        return None
    _, *parameters = inspect.signature(made.forward).parameters.values()
    found = []
    for parameter in parameters:
        kinds = get_args(parameter.annotation) or (parameter.annotation,)
        arrays = [
            kind for kind in kinds if inspect.isclass(kind) and issubclass(kind, AbstractArray)
        ]
        if not arrays:
            return None
        found.append((arrays[0], parameter.default is parameter.empty))
    return found


def _dims(shape: type[AbstractArray]) -> list[str]:
    """The letters of an example's shape."""
    return shape.dim_str.split()[1:]


def _fits(shape: type[AbstractArray], port: Port) -> bool:
    """Whether examples of a port have the rank, the fixed sizes and the type of an input."""
    dims, types = _dims(shape), shape.dtypes
    if isinstance(types, tuple) and port.dtype not in types:
        return False
    if "..." in dims:  # of numbers: in one row, whose length the model has to know
        return not isinstance(types, tuple) or all(isinstance(size, int) for size in port.dims)
    return len(dims) == len(port.dims) and all(
        not letter.isdecimal() or letter == str(size)
        for letter, size in zip(dims, port.dims, strict=True)
    )


def _meant(shape: type[AbstractArray]) -> str:
    """An input of a model in words."""
    dims = " ".join(_dims(shape))
    return MEANT.get(dims, "rows of numbers")


def _given(port: Port) -> str:
    """A port of data in words, with the shape of an example."""
    rows = "series" if len(port.dims) > 1 else "rows of numbers"
    shape = f" ({' x '.join(map(str, port.dims))})" if port.dims else ""
    return f"{GIVEN.get(port.kind, rows)}{shape}"
