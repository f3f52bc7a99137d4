"""Raw input (files, bytes, rows, numbers) as the tensor that a port takes.

The signature is all that is needed, so prediction, serving and explaining prepare their inputs
in the same way as training did.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from cartograd.core import arrays
from cartograd.core.arrays import Tensor
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.decode.images import SUFFIXES, label, pixels
from cartograd.data.decode.pairs import paired, sides
from cartograd.data.decode.series_rows import pasts
from cartograd.data.decode.sounds import SUFFIXES as SOUNDS
from cartograd.data.decode.sounds import read_port
from cartograd.data.decode.stored import as_port
from cartograd.data.decode.table_rows import table_rows
from cartograd.data.decode.text_files import decoded, read_text
from cartograd.data.text.tokens import padded


def read(
    port: Port, sources: Any, /, *, tokenizer: Any = None, notes: list[str] | None = None
) -> Shaped[Tensor, "b ..."]:
    """One or many raw inputs as a batch, within the port's bounds and not standardised.

    What a source may be depends on the port's kind:

    - `image`: a path (a folder stands for its pictures), the bytes of a file, an open file, a PIL
      image, or an array `c y x` of the port's size. See `images.pixels` for how size and
      colours are brought to the port's.
    - `table`: a path of a CSV file, or a mapping from column names to cells; None and empty
      cells are missing, further columns are ignored.
    - `text`: text, bytes of UTF-8, or a path of a file. Shorter texts are filled up on the right.
      Where the port takes pairs, two texts, or a mapping from the names of both to them.
    - `series`: a path of a table, of whose series the last steps are taken; or numbers.
    - `audio`: a path of a sound file (a folder stands for its sounds), the bytes of one, or an
      array of samples.
    - otherwise: numbers, nested as the port's dims are.

    Args:
        port: the input of a model.
        sources: one source, or a sequence of them; a tensor with the batch in front passes.
        tokenizer: what turns text into numbers (`cartograd.data.text.tokenizer`).
        notes: a list that gets a line for whatever is answered though the model cannot know it,
            such as a category that it never saw, or the rest of a panorama.

    Raises:
        UsageError: a source cannot be read, or does not fit the port, or the tokenizer does not;
            it is named.
    """
    if isinstance(sources, Tensor | np.ndarray):
        return _array(port, sources)
    if isinstance(sources, str | Path | bytes | bytearray | Mapping) or not isinstance(
        sources, Sequence
    ):
        sources = [sources]
    if not sources:
        raise UsageError(f"nothing was given for {port.name!r}; expected at least one input")
    if port.kind == "image":
        return _images(port, sources, [] if notes is None else notes)
    if port.kind == "table":
        return table_rows(port, sources, [] if notes is None else notes)
    if port.kind == "series" and isinstance(sources[0], str | Path):
        found = [one for path in sources for one in pasts(port, path, notes)]
        return arrays.stacked([one.x for one in found])
    if port.kind == "audio":
        told = [] if notes is None else notes
        found = [read_port(port, source, told) for source in expanded(sources, SOUNDS)]
        if len({row.shape for row in found}) > 1:
            raise UsageError(f"the sounds for {port.name!r} differ in length; give one at a time")
        return arrays.stacked(found)
    if port.kind == "text":
        return _array(port, padded(encoded(port, sources, tokenizer), port.padding_id))
    return _numbers(port, sources)


def _array(port: Port, values: Tensor | np.ndarray) -> Tensor:
    """A tensor of one example, or of a batch, checked."""
    tensor = arrays.given(values)
    fixed = [dim for dim in port.dims if isinstance(dim, int)]
    if tensor.ndim == len(port.dims):
        tensor = tensor[None]
    shape = tuple(tensor.shape[1:])
    if len(shape) != len(port.dims) or any(
        isinstance(dim, int) and dim != size for dim, size in zip(port.dims, shape, strict=True)
    ):
        expected = ", ".join(str(dim) for dim in port.dims)
        raise UsageError(
            f"{port.name!r} got an example of shape {shape}; expected ({expected})"
            + (f", {int(np.prod(fixed))} numbers" if len(fixed) == len(port.dims) else "")
        )
    tensor = as_port(tensor, port.kind)
    tensor = arrays.typed(tensor, port.dtype)
    row = arrays.strange(tensor)
    if row is not None:
        raise UsageError(f"input {row + 1} for {port.name!r} holds a number that is not finite")
    if port.bounds is not None:
        low, high = port.bounds
        row = arrays.outside(tensor, low, high)
        if row is not None:
            raise UsageError(
                f"input {row + 1} for {port.name!r} is out of bounds; expected {low:g} to {high:g}"
            )
    return tensor


def _images(port: Port, sources: Sequence[Any], notes: list[str]) -> Tensor:
    channels, height, width = port.dims
    if not isinstance(channels, int) or not isinstance(height, int):
        raise UsageError(f"{port.name!r} has no fixed size {port.dims}; give a tensor instead")
    pictures = []
    for number, source in enumerate(expanded(sources), start=1):
        if isinstance(source, Tensor | np.ndarray):
            pictures.append(_array(port, source)[0])
            continue
        name = label(source) if isinstance(source, str | Path) else f"picture {number}"
        wide = width if isinstance(width, int) else None
        size = {"channels": channels, "height": height, "width": wide}
        how = {"fit": port.fit, "bits": port.bits}
        picture = as_port(pixels(source, **size, **how, name=name, notes=notes), "image")
        low, high = port.bounds or (0.0, 1.0)
        pictures.append(picture * (high - low) + low if (low, high) != (0.0, 1.0) else picture)
    if len({picture.shape for picture in pictures}) > 1:
        raise UsageError(f"the pictures for {port.name!r} differ in width; give them one at a time")
    return arrays.stacked(pictures)


def expanded(sources: Sequence[Any], suffixes: tuple[str, ...] = SUFFIXES, /) -> list[Any]:
    """Folders replaced by the files in them at any depth, in order; hidden ones are left out.

    Args:
        sources: files, folders and whatever else a port takes.
        suffixes: of the files that count: of pictures by default.

    Raises:
        UsageError: a folder holds none.
    """
    rows: list[Any] = []
    for source in sources:
        if not isinstance(source, str | Path) or not Path(source).is_dir():
            rows.append(source)
            continue
        inside = sorted(
            file
            for file in Path(source).rglob("*")
            if file.suffix.lower() in suffixes
            and not any(part[0] == "." for part in file.relative_to(source).parts)
        )
        if not inside:
            raise UsageError(f"{source} holds no such files; expected {', '.join(suffixes)}")
        rows.extend(inside)
    return rows


def encoded(port: Port, sources: Sequence[Any], tokenizer: Any = None, /) -> list[list[int]]:
    """Texts (also as bytes, or in files) as numbers, each in its own length.

    Args:
        port: of kind `text`.
        sources: what to encode.
        tokenizer: what turns text into numbers.

    Raises:
        UsageError: there is no tokenizer, or it does not match the port; a file cannot be read or
            is not UTF-8, or a text is empty.
    """
    if tokenizer is None:
        raise UsageError(
            f"{port.name!r} takes numbers of tokens, and there is no tokenizer; give numbers, or "
            "sign the model with one (bytes have Tokenizer.bytes())"
        )
    tokenizer.check(port)
    rows = tokenizer.encoded(
        [
            sides(port, one, number) if port.pair else written(one, f"text {number}")
            for number, one in enumerate(paired(port, sources), start=1)
        ]
    )
    if [] in rows:
        raise UsageError(f"text {rows.index([]) + 1} for {port.name!r} is empty")
    return rows


def written(source: str | Path | bytes | bytearray, name: str, /) -> str:
    """A text; that of a file as training reads it.

    Raises:
        UsageError: a file cannot be read, or the bytes (called `name`) are no text.
    """
    if isinstance(source, bytes | bytearray):
        return decoded(bytes(source), name)
    return read_text(source) if isinstance(source, Path) else source


def _numbers(port: Port, sources: Sequence[Any]) -> Tensor:
    """Numbers for a vector or any other port; text is read as numbers between blanks or commas."""
    parsed = [_parsed(port, source) for source in sources]
    flat = all(isinstance(value, int | float) for value in parsed)
    return arrays.joined([_array(port, _tensor(port, v)) for v in ([parsed] if flat else parsed)])


def _parsed(port: Port, source: Any) -> Any:
    if not isinstance(source, str):
        return source
    try:
        return [float(word) for word in source.strip("[]() ").replace(",", " ").split()]
    except ValueError as error:
        raise UsageError(f"{source!r} is not a list of numbers for {port.name!r}") from error


def _tensor(port: Port, value: Any) -> Tensor:
    try:
        return arrays.given(value, port.dtype)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise UsageError(
            f"{value!r:.60} is not made of numbers, as {port.name!r} takes them"
        ) from error
