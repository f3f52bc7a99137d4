"""Preparation that is told: how an ONNX file of anyone wants its examples, in a few lines of TOML.

They stand in the file's metadata under `preprocessing`, or beside it as `model.toml`:

    [input]
    kind = "image"            # image, table, vector or text
    size = [224, 224]         # height and width; by default those of the graph
    channels = 3              # 1 for grey
    order = "RGB"             # or BGR
    resize = "bilinear"       # nearest, box, bicubic, lanczos
    fit = "crop"              # crop, pad, pad-white, stretch
    scale = 255               # pixels from 0 to 255 are divided by this
    mean = [0.485, 0.456, 0.406]
    std = [0.229, 0.224, 0.225]
    layout = "chw"            # or hwc

    [output]
    labels = ["cat", "dog"]   # none of a value
    gives = "probabilities"   # or logits, values
    name = "scores"           # of the graph's output, if it has several
    task = "classify"         # or multi-label, where several classes may hold

A table names its `columns` of numbers in order; a text its `tokenizer` (tokenizer.json), the
`length` of a row, the side of its `padding` and the token `padding_id`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import FITS
from cartograd.data.decode.filters import FILTERS
from cartograd.data.text.tokenizer import Tokenizer

CHOICES = {
    "kind": ("image", "table", "vector", "text"), "order": ("RGB", "BGR"), "resize": tuple(FILTERS),
    "fit": FITS, "layout": ("chw", "hwc"), "padding": ("left", "right"),
    "gives": ("", "logits", "probabilities", "values"), "task": ("", "classify", "multi-label"),
}  # fmt: skip
"""What words may be."""


@dataclass(frozen=True)
class Told:
    """What the lines say; see the head of this file."""

    kind: str = "image"
    size: tuple[int, ...] = ()
    channels: int = 3
    order: str = "RGB"
    resize: str = "bilinear"
    fit: str = "crop"
    scale: float = 255.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: str = "chw"
    columns: tuple[str, ...] = ()
    tokenizer: str = ""
    length: int = 0
    padding: str = "right"
    padding_id: int = 0
    labels: tuple[str, ...] = ()
    gives: str = ""
    name: str = ""
    task: str = ""


OUTPUT = ("labels", "gives", "name", "task")


def told(text: str, where: str, /) -> Told:
    """What lines of TOML say.

    Args:
        text: the lines.
        where: they stand, for errors.

    Raises:
        UsageError: they are no TOML, or say something that is not known.
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is not TOML: {error}") from error
    given: dict[str, Any] = {}
    for part, words in said.items():
        if part not in ("input", "output") or not isinstance(words, Mapping):
            raise unknown(f"part of {where}", part, ("input", "output"))
        known = [one.name for one in fields(Told) if (one.name in OUTPUT) == (part == "output")]
        for word, value in words.items():
            if word not in known:
                raise unknown(f"word of [{part}] in {where}", word, known)
            given[word] = _typed(where, word, value)
    made = Told(**given)
    for word, choices in CHOICES.items():
        if vars(made)[word] not in choices:
            raise unknown(f"{word} in {where}", str(vars(made)[word]), filter(None, choices))
    if len(made.mean) != len(made.std):
        raise UsageError(f"{where}: mean and std differ in length; expected a number each")
    return made


def _typed(where: str, word: str, value: Any) -> Any:
    """A value of the type that the word has."""
    usual = Told.__dataclass_fields__[word].default
    if isinstance(usual, tuple) and isinstance(value, list):
        return tuple(value)
    number = isinstance(usual, float) and isinstance(value, int | float)
    if number and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(usual):
        kinds = {tuple: "a list", str: "text", int: "a whole number", float: "a number"}
        raise UsageError(f"{where}: {word} = {value!r}; expected {kinds[type(usual)]}")
    return value


def check_whole(said: Told, where: str, /) -> None:
    """Refuse lines that leave out what nothing else says.

    Raises:
        UsageError: a picture has no size or means of other channels, a table no columns, or
            classes have no labels.
    """
    if said.gives != "values" and not said.labels:
        raise UsageError(f'{where}: [output] needs labels = [...], or gives = "values"')
    if said.kind == "table" and not said.columns:
        raise UsageError(f"{where}: a table needs columns = [...], in the graph's order")
    if said.kind == "image" and len(said.size) != 2:
        raise UsageError(f"{where}: a picture needs size = [height, width]")
    if said.kind == "image" and len(said.mean) not in (0, 1, said.channels):
        raise UsageError(
            f"{where}: mean has {len(said.mean)} numbers, and pictures {said.channels} channels"
        )


def tokenizer_of(said: Told, folder: Path, where: str, /) -> Tokenizer | None:
    """What cuts the texts; None where there are none.

    Raises:
        UsageError: it is not named, or not there.
    """
    if said.kind != "text":
        return None
    if not said.tokenizer:
        raise UsageError(f'{where}: a text needs a tokenizer = "tokenizer.json"')
    file = folder / said.tokenizer
    if not file.is_file():
        raise UsageError(f"{where}: there is no {file}; expected the tokenizer's file")
    return Tokenizer.from_json(file.read_text(encoding="utf-8"))
