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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from PIL import Image
from torch import Tensor

from cartograd.apps.replace.filters import FILTERS, resized
from cartograd.apps.replace.form import Stage
from cartograd.apps.replace.prepared import ROWS, TEXTS, cut, decoded
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import FITS
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


class ByTold:
    """Preparation as it was told.

    Args:
        said: what was.
        folder: where a tokenizer's file is.

    Raises:
        UsageError: a text has no tokenizer, a table no columns, a picture no size.
    """

    def __init__(self, said: Told, folder: Path, where: str, /):
        self.said, self.where, self.tokenizer = said, where, None
        if said.kind == "text":
            if not said.tokenizer:
                raise UsageError(f'{where}: a text needs a tokenizer = "tokenizer.json"')
            file = folder / said.tokenizer
            if not file.is_file():
                raise UsageError(f"{where}: there is no {file}; expected the tokenizer's file")
            self.tokenizer = Tokenizer.from_json(file.read_text(encoding="utf-8"))
        if said.kind == "table" and not said.columns:
            raise UsageError(f"{where}: a table needs columns = [...], in the graph's order")
        if said.kind == "image" and len(said.size) != 2:
            raise UsageError(f"{where}: a picture needs size = [height, width]")

    def read(self, sources: Sequence[Any], /) -> Shaped[Tensor, "b ..."]:
        """The batch that the graph takes."""
        if self.said.kind == "image":
            x = torch.stack([self._pictures(one)[-1].value for one in sources])
            return x if self.said.layout == "chw" else x.movedim(1, -1)
        return self.stages(sources)[-1].value

    def stages(self, sources: Sequence[Any], /) -> list[Stage]:
        """What each step gives."""
        if self.said.kind == "image":
            found = self._pictures(sources[0])
            return [*found[:-1], Stage("normalise", "normalise", found[-1].value[None])]
        if self.said.kind == "text":
            return self._texts(list(sources))
        x = torch.stack([self._numbers(one) for one in sources])
        return [Stage("encode", "encode", x), Stage("normalise", "normalise", self._scaled(x))]

    def parts(self, sources: Sequence[Any], /) -> Iterator[Sequence[Any]]:
        """As many as go together."""
        yield from cut(sources, TEXTS if self.said.kind == "text" else ROWS)

    def _pictures(self, source: Any) -> list[Stage]:
        """Decoded, resized, and scaled to what the graph takes."""
        said, (height, width) = self.said, self.said.size
        x = source if isinstance(source, Tensor) else decoded(source, channels=said.channels)
        x = x.flip(0) if said.order == "BGR" else x
        small = x
        if tuple(x.shape[1:]) != (height, width):
            pixels = x.mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
            picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
            small = resized(picture, height, width, filter=said.resize, fit=said.fit)
        taken = self._scaled(small * (255 / said.scale), axis=0)
        return [
            Stage("decode", "decode", x), Stage("resize", "resize", small),
            Stage("normalise", "normalise", taken),
        ]  # fmt: skip

    def _scaled(self, x: Tensor, *, axis: int = 1) -> Tensor:
        if not self.said.mean:
            return x
        shape = [1] * x.ndim
        shape[axis] = -1
        mean, std = (torch.tensor(one).reshape(shape) for one in (self.said.mean, self.said.std))
        return (x - mean) / std

    def _numbers(self, source: Any) -> Tensor:
        """The cells of a row, or the numbers themselves."""
        if not isinstance(source, Mapping):
            return torch.as_tensor(np.asarray(source), dtype=torch.float32).flatten()
        lacking = [name for name in self.said.columns if name not in source]
        if lacking:
            raise unknown(f"column for {self.where}", lacking[0], [*source])
        try:
            return torch.tensor([float(source[name]) for name in self.said.columns])
        except ValueError as error:
            raise UsageError(f"{self.where}: a cell is no number ({error})") from error

    def _texts(self, texts: list[str]) -> list[Stage]:
        """Tokens, and rows of one length."""
        assert self.tokenizer is not None
        rows, said = self.tokenizer.encoded(texts), self.said
        wide = said.length or max(map(len, rows))
        rows = [row[:wide] for row in rows]
        filled = [
            [said.padding_id] * (wide - len(row)) + row
            if said.padding == "left" else row + [said.padding_id] * (wide - len(row))
            for row in rows
        ]  # fmt: skip
        return [
            Stage("tokenise", "tokenise", torch.tensor(rows[0])),
            Stage("pad", "pad", torch.tensor(filled)),
        ]
