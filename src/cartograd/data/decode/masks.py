"""Masks from files: the class of each pixel, by a number, a level of grey, or a colour.

A mask is read as codes first (numbers of palettes and of grey pictures, colours as r g b in one
number), and a legend says which class each code is. Where nobody gives one, the codes that occur
are the classes. Masks are scaled to the nearest pixel, so that no class between two comes up.

>>> legend = Legend(("sky", "sea"), {0: 0, 7: 1}, void=frozenset({255}))
>>> classes(np.array([[0, 7], [255, 7]]), legend, "mask.png").tolist()
[[0, 1], [-100, 1]]
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from PIL import ImageOps
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.data.decode.images import opened
from cartograd.data.decode.table_files import read_table

IGNORED = -100
"""The class of a pixel that has none."""

VOID = 255
"""The number that means no label, unless somebody says otherwise."""

MOST = 256
"""Codes that masks may have; more of them are those of a photograph."""

NO_LABEL = ("void", "ignore", "ignored", "unlabeled", "unlabelled")
"""Names in a legend that stand for no label."""

LEGENDS = ("legend.csv", "classes.csv", "class_dict.csv", "labels.csv")
"""Files in which a legend is looked for."""


@dataclass(frozen=True)
class Legend:
    """Which class each code is.

    Attributes:
        labels: the names of the classes, in order.
        numbers: the number of the class of each code.
        void: codes that mean no label.
        colours: whether codes are colours.
        notes: what was decided, a line each.
    """

    labels: tuple[str, ...]
    numbers: Mapping[int, int]
    void: frozenset[int] = frozenset()
    colours: bool = False
    notes: tuple[str, ...] = ()


def codes(path: Path, /, *, colours: bool = False) -> np.ndarray:
    """The code of each pixel; of a palette its number, unless colours are wanted.

    Raises:
        UsageError: not a readable picture.
    """
    with opened(str(path), str(path)) as image:
        turned = ImageOps.exif_transpose(image)
        if turned.mode in ("RGB", "RGBA") or (colours and turned.mode in ("P", "PA", "L", "1")):
            return _as_codes(np.asarray(turned.convert("RGB")))
        if turned.mode in ("LA", "PA", "CMYK", "YCbCr"):
            turned = turned.convert("L")
        return np.asarray(turned).astype(np.int64)


def is_coloured(path: Path, /) -> bool:
    """Whether a mask tells classes by colours.

    Raises:
        UsageError: not a readable picture.
    """
    with opened(str(path), str(path)) as image:
        return image.mode in ("RGB", "RGBA")


def counted(path: Path, /, *, colours: bool = False) -> dict[int, int]:
    """How many pixels of each code a mask has.

    Raises:
        UsageError: not a readable picture, or more codes than masks have.
    """
    values, counts = np.unique(codes(path, colours=colours), return_counts=True)
    if len(values) > MOST:
        raise UsageError(
            f"{path} has {len(values):,} colours or levels; expected one for each class (at most "
            f"{MOST}): a mask is saved without loss (.png), and is no photograph"
        )
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def found_legend(
    seen: Collection[int], /, *, colours: bool, labels: Sequence[str], void: int | None
) -> Legend:
    """A legend where no file gives one: the codes that occur, in order, are the classes.

    Args:
        seen: the codes of all masks.
        colours: whether they are colours.
        labels: names of the classes, if they are known: of the numbers from 0 on, or of the codes.
        void: the number that means no label; None for 255, where more than 0 and 255 occur.

    Raises:
        UsageError: there are not as many names as codes, or fewer than two classes.
    """
    two = set(seen) <= {0, VOID}
    none = frozenset[int]() if colours or (void is None and two) else frozenset({void or VOID})
    own = sorted(set(seen) - none)
    notes = []
    if not colours and two and VOID in seen and void is None:
        notes.append(f"masks hold 0 and {VOID} alone: two classes (void={VOID}: no label there)")
    if labels and not colours and own and own[-1] < len(labels):
        own = list(range(len(labels)))
    if labels and len(own) != len(labels):
        raise UsageError(
            f"masks have {len(own)} classes ({_shown(own, colours)}) and labels names "
            f"{len(labels)}; expected a name for each, or a legend.csv of lines name,number or "
            "name,r,g,b"
        )
    names = tuple(labels) or _names(own, colours)
    if len(own) < 2:
        only = _shown(own, colours) or "nothing"
        raise UsageError(f"masks hold {only} alone; expected the pixels of at least two classes")
    if not labels:
        kind = "colours" if colours else "numbers"
        notes.append(f"classes by the {kind} in the masks: {', '.join(names)} (labels= names them)")
    return Legend(names, {code: i for i, code in enumerate(own)}, none, colours, tuple(notes))


def read_legend(path: Path, /, *, void: int | None) -> Legend:
    """A legend from a table of lines name,number or name,r,g,b (or name,#rrggbb).

    Raises:
        UsageError: no such table, a line is none of these, or a code is there twice.
    """
    table = read_table(path)
    rows = [tuple(map(str.strip, row)) for row in (table.header, *table.rows)]
    if not _numbers(rows[0][1:]):
        rows = rows[1:]
    named: dict[str, int] = {}
    for row in rows:
        numbers = _numbers(row[1:])
        if not numbers or len(numbers) not in (1, 3) or row[0] in named:
            raise UsageError(
                f"{path}: {','.join(row)!r} is no line of a legend, or its name is there twice; "
                "expected name,number or name,r,g,b"
            )
        named[row[0]] = numbers[0] if len(numbers) == 1 else _code(numbers)
    colours = any(len(_numbers(row[1:])) == 3 for row in rows)
    if len(set(named.values())) < len(named):
        raise UsageError(f"{path}: two names have one number or colour; expected one for each")
    none = {code for name, code in named.items() if name.lower() in NO_LABEL}
    own = {name: code for name, code in named.items() if code not in none}
    if not colours and VOID not in own.values():
        none.add(VOID if void is None else void)
    numbers = {code: number for number, code in enumerate(own.values())}
    return Legend(tuple(own), numbers, frozenset(none), colours)


def classes(values: np.ndarray, legend: Legend, name: str, /) -> np.ndarray:
    """The class of each pixel; below 0 where there is none.

    Raises:
        UsageError: a code is none of the legend's; where it is first, is said.
    """
    found = np.full(values.shape, IGNORED - 1, dtype=np.int16)
    for code, number in legend.numbers.items():
        found[values == code] = number
    for code in legend.void:
        found[values == code] = IGNORED
    strange = np.argwhere(found < IGNORED)
    if len(strange):
        row, column = strange[0].tolist()
        code = int(values[row, column])
        raise UsageError(
            f"{name} has {_shown([code], legend.colours)} at row {row}, column {column} (in "
            f"{len(strange):,} pixels), which is no class; expected one of "
            f"{_shown(list(legend.numbers), legend.colours)}"
        )
    return found


def mask(
    path: Path, legend: Legend, /, *, height: int, width: int, fit: str = "crop"
) -> Int[Tensor, "y x"]:
    """A mask of the wanted size, as its picture is brought to it (`images.pixels`).

    Raises:
        UsageError: not a readable picture, or a code that is no class.
    """
    found = classes(codes(path, colours=legend.colours), legend, str(path))
    return torch.from_numpy(fitted(found, height, width, fit))


def fitted(found: np.ndarray, height: int, width: int, fit: str, /) -> np.ndarray:
    """The nearest pixel of each place of another size; what is beside the picture has no label."""
    rows, columns = found.shape
    tall, wide, top, left = float(rows), float(columns), 0.0, 0.0
    inner = height, width
    if fit == "crop":
        tall, wide = min(rows, columns * height / width), min(columns, rows * width / height)
        top, left = (rows - tall) / 2, (columns - wide) / 2
    elif fit.startswith("pad"):
        shape, wanted = columns / rows, width / height
        inner = (
            (max(1, round(rows / columns * width)), width)
            if shape > wanted
            else (height, max(1, round(shape * height)))
        )
    down = np.minimum((top + (np.arange(inner[0]) + 0.5) * tall / inner[0]).astype(int), rows - 1)
    across = np.minimum(
        (left + (np.arange(inner[1]) + 0.5) * wide / inner[1]).astype(int), columns - 1
    )
    made = np.full((height, width), IGNORED, dtype=np.int16)
    y, x = round((height - inner[0]) * 0.5), round((width - inner[1]) * 0.5)
    made[y : y + inner[0], x : x + inner[1]] = found[down[:, None], across]
    return made


def _as_codes(pixels: np.ndarray) -> np.ndarray:
    wide = pixels.astype(np.int64)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


def _code(colour: Sequence[int]) -> int:
    return (colour[0] << 16) | (colour[1] << 8) | colour[2]


def _numbers(cells: Sequence[str]) -> list[int]:
    """The numbers of a line, or those of a colour like #ff8000; none if it is another."""
    cells = [cell for cell in cells if cell]
    if len(cells) == 1 and len(cells[0]) == 7 and cells[0][0] == "#":
        try:
            return list(bytes.fromhex(cells[0][1:]))
        except ValueError:
            return []
    return [int(cell) for cell in cells] if all(cell.isdecimal() for cell in cells) else []


def _names(own: Sequence[int], colours: bool) -> tuple[str, ...]:
    """What classes are called that nobody named."""
    if list(own) in ([0, 1], [0, VOID], [0, 0xFFFFFF]):
        return ("background", "object")
    return tuple(f"#{code:06x}" if colours else str(code) for code in own)


def _shown(own: Sequence[int], colours: bool) -> str:
    words = [f"#{code:06x}" if colours else str(code) for code in own]
    return ", ".join(words[:8]) + (", ..." if len(words) > 8 else "")
