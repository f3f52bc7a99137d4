"""Drawn examples as a file: a grid of pictures, a cloud of points, or rows of numbers."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.report.pictures import png, shades
from cartograd.apps.report.sounds import wav
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.core.ports import Port

SIDE = 96
"""Small pictures are enlarged by whole numbers up to about this many pixels."""

FRAME, STAGE, LAST = 80, 500, 1500
"""Milliseconds of each frame of a film, of each stage of a training, and of the last one."""

GAP = 2
"""Pixels between two pictures."""

KINDS = (".png", ".gif", ".html", ".wav", ".csv", ".npy")
"""What can be written."""

MEANT = {
    ".png": "a picture is of pictures or of points in the plane",
    ".gif": "films are of pictures",
    ".html": "pages are of pictures",
    ".wav": "sounds are of samples at a known rate",
}
"""What some files can show alone."""


def check_kind(path: Path, port: Port, /) -> None:
    """Refuse a file that cannot show such examples, before they are drawn.

    Raises:
        UsageError: its ending is unknown, or no picture can be made of them.
    """
    if path.suffix.lower() not in KINDS:
        raise UsageError(
            f"{path} would be of an unknown kind; expected a file that ends in {', '.join(KINDS)}"
        )
    kind, fitting = path.suffix.lower(), kinds_of(port)
    if kind not in fitting:
        *others, last = fitting
        raise UsageError(
            f"{path}: {MEANT[kind]}, and these are {port.size} numbers of kind {port.kind!r}; "
            f"write {', '.join(others)} or {last}"
        )


def kinds_of(port: Port, /) -> tuple[str, ...]:
    """The endings of files that can show such examples."""
    own = {"image": (".png", ".gif", ".html"), "audio": (".wav",) if port.rate else ()}
    flat = (".png",) if port.kind != "image" and port.size == 2 else ()
    return (*own.get(port.kind, ()), *flat, ".csv", ".npy")


def check_finite(x: Float[Tensor, "..."], /) -> None:
    """Refuse to write what no file can show.

    Raises:
        UsageError: there are numbers that are not finite.
    """
    broken = int((~x.isfinite()).sum())
    if broken:
        raise UsageError(
            f"{broken:,} of the {x.numel():,} numbers that were drawn are not finite; train the "
            "model longer or at a lower rate, or draw with less guidance or temperature"
        )


def write_samples(
    path: Path, port: Port, x: Float[Tensor, "b ..."], /, *, across: int | None = None
) -> Path:
    """Write examples, whole or not at all.

    Args:
        path: ends in `.png` (a grid of pictures, or points in the plane), `.wav` (sounds, one after
            the other), `.csv` (a row of numbers each) or `.npy` (an array of the examples' shape).
        port: what the numbers are.
        x: the examples.
        across: pictures to a row of the grid; nearly as many rows as columns if not given.

    Raises:
        UsageError: see `check_kind` and `check_finite`.
    """
    check_kind(path, port)
    check_finite(x)
    kind = path.suffix.lower()
    if kind == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, x.numpy(), allow_pickle=False)
        return write_file(path, buffer.getvalue())
    if kind == ".wav":
        return write_file(path, wav(x, port.rate or 0))
    if kind == ".csv":
        names = ",".join(f"{port.name}_{i}" for i in range(port.size))
        rows = (",".join(f"{value:.9g}" for value in row) for row in x.flatten(1).tolist())
        return write_file(path, "\n".join([names, *rows]) + "\n")
    if port.kind == "image":
        return write_file(path, png(grid([shades(one, port) for one in x], across=across)))
    return _cloud(path, port, x)


def write_picture(path: Path, port: Port, x: Float[Tensor, "c y x"], /) -> Path:
    """Write one picture in its own size, pixel by pixel, whole or not at all.

    Raises:
        UsageError: it cannot be written, or see `check_finite`.
    """
    check_finite(x)
    return write_file(path, png(shades(x, port)))


def write_film(path: Path, port: Port, frames: Float[Tensor, "t b ..."], /) -> Path:
    """Write frames of pictures as a GIF that goes on for ever, whole or not at all.

    Raises:
        UsageError: see `check_kind`.
    """
    from PIL import Image

    check_kind(path, port)
    check_finite(frames)
    shots = [Image.fromarray(_flat(grid([shades(x, port) for x in frame]))) for frame in frames]
    return write_file(path, _gif(shots, FRAME))


def write_sheet(
    stem: Path, port: Port, x: Float[Tensor, "n1 n2 c y x"], /, *, film: bool = False
) -> list[Path]:
    """Write rows of pictures as `stem.png`, and their columns one after the other as `stem.gif`.

    Args:
        stem: the files' name without its ending.
        port: what the numbers are.
        x: the pictures.
        film: whether there is a film, too.

    Raises:
        UsageError: a file cannot be written.
    """
    check_finite(x)
    tiles = [shades(one, port) for one in x.flatten(0, 1)]
    sheet = grid(tiles, across=x.shape[1])
    files = [write_file(stem.with_suffix(".png"), png(sheet))]
    return (
        [*files, write_film(stem.with_suffix(".gif"), port, x.transpose(0, 1))] if film else files
    )


def write_growth(path: Path, grids: Sequence[Path], /) -> Path:
    """Write the film of pictures that lie in files, in their order, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    from PIL import Image

    return write_file(
        path, _gif([Image.open(io.BytesIO(one.read_bytes())) for one in grids], STAGE)
    )


def _gif(shots: list[Any], each: int) -> bytes:
    """A film that goes on for ever; milliseconds of each picture."""
    buffer = io.BytesIO()
    times = [each] * (len(shots) - 1) + [LAST]
    shots[0].save(buffer, "GIF", save_all=True, append_images=shots[1:], duration=times, loop=0)
    return buffer.getvalue()


def _flat(picture: np.ndarray) -> np.ndarray:
    """Grey pictures without their one channel."""
    return picture[..., 0] if picture.shape[-1] == 1 else picture


def grid(tiles: list[np.ndarray], /, *, across: int | None = None) -> np.ndarray:
    """Pictures side by side on white, `across` to a row or nearly as many rows as columns.

    >>> grid([np.zeros((100, 100, 1), np.uint8)] * 5).shape
    (202, 304, 1)
    """
    height, width, channels = tiles[0].shape
    factor = max(1, SIDE // max(height, width))
    across = across or math.ceil(math.sqrt(len(tiles)))
    down = math.ceil(len(tiles) / across)
    height, width = height * factor, width * factor
    size = down * (height + GAP) - GAP, across * (width + GAP) - GAP, channels
    whole = np.full(size, 255, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // across * (height + GAP), number % across * (width + GAP)
        whole[top : top + height, left : left + width] = tile.repeat(factor, 0).repeat(factor, 1)
    return whole


def _cloud(path: Path, port: Port, x: Tensor) -> Path:
    """Points in the plane."""
    from matplotlib.figure import Figure

    from cartograd.apps.report.png import write
    from cartograd.apps.report.theme import BLUE

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(*x.flatten(1).T.tolist(), s=8, color=BLUE, alpha=0.6)
    axes.set_aspect("equal")
    axes.set_title(f"{len(x)} drawn examples of {port.name}")
    return write(figure, path)
