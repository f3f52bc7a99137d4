"""From the body of a request to the tensor of the input port, or a refusal that says why."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Shaped

from cartograd.apps.server.refusal import RefusalError
from cartograd.core.arrays import Tensor
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port
from cartograd.data.decode.read import read

FILES = {"image": ("image/png", "image/jpeg"), "audio": ("audio/wav", "audio/flac")}
"""Types of a body that is a file, by the kind of the port."""

CALLED = {"image": "a PNG or JPEG file", "audio": "a WAV or FLAC file"}
"""What such a file is called in an error."""

KEYS = ("inputs", "top", "draws", "language", "question", "impossible")
"""What a request in JSON may hold."""

ALONE = re.compile(r"^(inputs\[0\]|input row 1|(row|text|picture|input) 1)(?=\b|\W)")
"""What errors call the first example of a request, which here is the only one."""


@dataclass(frozen=True)
class Asked:
    """A request in full.

    Attributes:
        inputs: the examples; texts, where these are asked a question.
        options: how they are to be answered: `top` labels, the mean of so many `draws` with dropout
            on, the `language` of what is said, the `question` about them; those that were given.
        notes: what is answered though the model cannot know it, a line each.
        refused: why an example is not among the inputs, by its number in the request.
    """

    inputs: Shaped[Tensor, "b ..."] | list[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    refused: Mapping[int, str] = field(default_factory=dict)


def decode(
    port: Port,
    kind: str,
    body: bytes,
    /,
    *,
    most: int,
    draws: int,
    tokenizer: Any = None,
    asks: bool = False,
) -> Asked:
    """Read a body of a type that `accepts` allows.

    Args:
        port: what the model takes.
        kind: the body's media type.
        body: its bytes.
        most: how many examples a request may hold.
        draws: how many passes with dropout it may ask for.
        tokenizer: what turns text into the model's numbers.
        asks: whether the model is asked about texts, and takes them as they are written.

    Raises:
        RefusalError: 400 the body is not JSON; 422 its content does not fit the port.
        UsageError: the content does not fit the port. Where some of several examples do not, the
            others are read, and these are `refused`.
    """
    notes: list[str] = []
    if kind in FILES.get(port.kind, ()):
        return Asked(read(port, [body], notes=notes), notes=tuple(notes))
    request = parsed(body, like='{"inputs": [...]}')
    inputs = _inputs(request, port, most)
    options, refused = _options(request, draws), {}

    def taken(items: list[Any], notes: list[str]) -> Tensor | list[str]:
        return _texts(items) if asks else _tensor(port, items, tokenizer, notes)

    try:
        examples = taken(inputs, notes)
    except (RefusalError, UsageError):
        refused = _refused(taken, inputs)
        kept = [item for number, item in enumerate(inputs) if number not in refused]
        if not kept or not refused:  # nothing to answer, or they do not go together
            raise
        examples = taken(kept, notes)
    return Asked(examples, options, tuple(notes), refused)


def _texts(inputs: list[Any]) -> list[str]:
    """Texts, none of them empty."""
    for number, item in enumerate(inputs):
        if not isinstance(item, str) or not item.strip():
            raise RefusalError(422, f"inputs[{number}] is {_shape(item)}; expected some text")
    return inputs


def _refused(taken: Callable[[list[Any], list[str]], Any], inputs: list[Any]) -> dict[int, str]:
    """Which examples cannot be read even alone, and why."""
    found = {}
    for number, item in enumerate(inputs):
        try:
            taken([item], [])
        except (RefusalError, UsageError) as error:
            found[number] = ALONE.sub("it", str(error))
    return found


def accepts(port: Port, /) -> tuple[str, ...]:
    """The media types that a model's server takes."""
    return ("application/json", *FILES.get(port.kind, ()))


def parsed(body: bytes, /, *, like: str) -> Any:
    """What a body in JSON says.

    Args:
        body: its bytes.
        like: a body that would be understood.

    Raises:
        RefusalError: 400 it is not JSON.
    """

    def refuse(word: str) -> NoReturn:
        raise UsageError(f"{word} is not JSON")

    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, f"the body is not JSON ({error}); expected {like}") from error


def _inputs(request: Any, port: Port, most: int) -> list[Any]:
    if not isinstance(request, dict) or "inputs" not in request:
        raise RefusalError(
            422, f'the body has no "inputs"; expected {{"inputs": [...]}}, each {_wanted(port)}'
        )
    for key in request:
        if key not in KEYS:
            raise RefusalError(422, str(unknown("key", key, KEYS)))
    inputs = request["inputs"]
    if not isinstance(inputs, list) or not inputs:
        raise RefusalError(
            422, f'"inputs" holds no examples; expected a list with one or more: {_wanted(port)}'
        )
    if len(inputs) > most:
        raise RefusalError(
            422, f'"inputs" holds {len(inputs)} examples; expected at most {most} in a request'
        )
    return inputs


def _options(request: dict[str, Any], draws: int) -> dict[str, Any]:
    """How the examples are to be answered, checked; null is as if left out."""
    given = {key: request[key] for key in KEYS[1:] if request.get(key) is not None}
    for key, most in (("top", None), ("draws", draws)):
        number = given.get(key, 1)
        whole = isinstance(number, int) and not isinstance(number, bool)
        if not whole or number < 1 or (most is not None and number > most):
            wanted = "from 1 on" if most is None else f"from 1 to {most}"
            raise RefusalError(422, f'"{key}" is {number!r}; expected a whole number {wanted}')
    for key, type_, wanted in (
        ("language", str, 'the code of one, like "en"'),
        ("question", str, "text"),
        ("impossible", bool, "true or false"),
    ):
        if not isinstance(given.get(key, type_()), type_):
            raise RefusalError(422, f'"{key}" is {given[key]!r}; expected {wanted}')
    return given


def _tensor(port: Port, inputs: list[Any], tokenizer: Any, notes: list[str]) -> Tensor:
    if port.pair and all(isinstance(item, dict | list) for item in inputs):
        return read(port, inputs, tokenizer=tokenizer)
    if port.kind == "text" and not port.pair and all(isinstance(item, str) for item in inputs):
        return read(port, inputs, tokenizer=tokenizer)
    if port.kind in FILES and all(isinstance(item, dict) for item in inputs):
        files = [_file(number, item) for number, item in enumerate(inputs)]
        return read(port, files, notes=notes)
    if port.columns:
        rows = [_row(number, item, port) for number, item in enumerate(inputs)]
        return read(port, rows, notes=notes)
    return _numbers(port, inputs)


def _file(number: int, item: dict[str, Any]) -> bytes:
    text = item.get("base64")
    if set(item) != {"base64"} or not isinstance(text, str):
        raise RefusalError(
            422, f'inputs[{number}] has the keys {sorted(item)}; expected {{"base64": "..."}}'
        )
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusalError(422, f"inputs[{number}] is not base64 ({error})") from error


def _row(number: int, item: Any, port: Port) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise RefusalError(422, f"inputs[{number}] is {_shape(item)}; expected {_wanted(port)}")
    for key, cell in item.items():
        if isinstance(cell, list | dict):
            raise RefusalError(
                422, f"inputs[{number}].{key} is not a cell; expected a number, text or null"
            )
    return item


def _numbers(port: Port, inputs: list[Any]) -> Tensor:
    values = _array(inputs)
    if values is None or not _fits(port, values.shape[1:]):
        number = next((i for i, item in enumerate(inputs) if not _fits_alone(port, item)), 0)
        shape = _shape(inputs[number])
        raise RefusalError(422, f"inputs[{number}] is {shape}; expected {_wanted(port)}")
    return read(port, values)


def _array(item: Any) -> np.ndarray | None:
    """Nested lists of numbers as an array; `None` if they are ragged or hold something else."""
    try:
        values = np.array(item)
    except (ValueError, OverflowError):
        return None
    return values if values.dtype.kind in "iuf" else None


def _fits_alone(port: Port, item: Any) -> bool:
    values = _array(item)
    return values is not None and _fits(port, values.shape)


def _fits(port: Port, shape: tuple[int, ...]) -> bool:
    """Whether a shape is the port's; a letter stands for any size but none."""
    return len(shape) == len(port.dims) and all(
        have == want if isinstance(want, int) else have > 0
        for have, want in zip(shape, port.dims, strict=True)
    )


def _shape(item: Any) -> str:
    values = _array(item)
    if values is not None:
        return f"numbers of shape {list(values.shape)}" if values.shape else "a single number"
    kind = {dict: "an object", str: "text", bool: "true or false", type(None): "null"}
    return kind.get(type(item), "a list that is not all numbers, or not of one shape")


def _wanted(port: Port) -> str:
    numbers = f"numbers of shape {list(port.dims)}"
    if port.kind in CALLED:
        return f'{numbers}, or {{"base64": "{CALLED[port.kind]}"}}'
    if port.pair:
        names = ", ".join(f'"{name}": "..."' for name in port.pair)
        return f"an object {{{names}}}, or the two texts in a list"
    if port.kind == "text":
        return f"text, or {numbers}"
    if port.columns:
        names = ", ".join(f'"{column.name}": ...' for column in port.columns[:3])
        more = ", ..." if len(port.columns) > 3 else ""
        return f"an object {{{names}{more}}} with a cell for each column"
    return numbers
