"""What a folder's pictures are (sizes, colours, bits), and what is done to bring them to one size.

All of it is known before a picture is scaled, so all that is wrong is said at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cartograd.core.errors import UsageError
from cartograd.data.decode.images import HALF, Header, header, largest, left
from cartograd.data.decode.levels import DEPTHS, depth

P = TypeVar("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Survey:
    """How a folder's pictures are read.

    Attributes:
        shape: channels, height and width of an example.
        bits: of the numbers in pictures of more than 8 bits.
        deep: whether there are such pictures.
        notes: what was decided, a line each.
    """

    shape: tuple[int, int, int]
    bits: int
    deep: bool
    notes: tuple[str, ...]


def survey(
    root: Path,
    files: Sequence[Path],
    /,
    *,
    size: int | None,
    channels: int | None,
    fit: str,
    bits: int | None,
) -> Survey:
    """Look at the headers of all pictures, and into those of more than 8 bits.

    Args:
        root: the folder, for names.
        files: its pictures.
        size: height and width wanted; None for that of the pictures.
        channels: 1 or 3; None for 1 if all are grey.
        fit: how other shapes are brought to the size.
        bits: of pictures of more than 8; None for as few as hold their largest number.

    Raises:
        UsageError: pictures that cannot be read, or of several sizes where none is wanted.
    """
    if channels not in (None, 1, 3):
        raise UsageError(f"channels={channels} is out of range; expected 1 (grey) or 3 (colour)")
    if size is not None and size < 1:
        raise UsageError(f"size={size} is out of range; expected at least 1")
    if bits is not None and bits not in DEPTHS:
        raise UsageError(f"bits={bits} is out of range; expected one of {DEPTHS}")
    headers = every(header, files)
    width, height = headers[0].size if size is None else (size, size)
    if size is None:
        _refuse_other_sizes(files, headers)
    notes = _scaled(root, files, headers, size, fit) if size is not None else []
    notes += _partly(headers)
    deep = [file for file, one in zip(files, headers, strict=True) if one.deep]
    if deep and bits is None:
        most = max(every(largest, deep))
        bits = depth(most)
        notes.append(
            f"{len(deep)} pictures have more than 8 bits, with numbers up to {most:g}: taken as "
            f"{bits} bits, {2**bits - 1} is white (bits= says otherwise)"
        )
    if channels is None:
        channels = 3 if any(one.colour for one in headers) else 1
    return Survey((channels, height, width), bits or DEPTHS[-1], bool(deep), tuple(notes))


def every(look: Callable[[P], T], files: Sequence[P], /) -> list[T]:
    """What is seen of every file.

    Raises:
        UsageError: some cannot be read; they are named together.
    """
    seen = [tried(look, file) for file in files]
    refuse([one for one in seen if isinstance(one, str)])
    return [one for one in seen if not isinstance(one, str)]


def tried(look: Callable[[P], T], file: P, /) -> T | str:
    """What is seen of a file, or why nothing is."""
    try:
        return look(file)
    except UsageError as error:
        return str(error)


def refuse(damaged: list[str], kind: str = "pictures", /) -> None:
    """All that is wrong at once, so that it is mended at once.

    Args:
        damaged: why files cannot be read.
        kind: what they should be.

    Raises:
        UsageError: there is something.
    """
    damaged = sorted(damaged)
    if len(damaged) == 1:
        raise UsageError(damaged[0])
    if damaged:
        more = f" and {len(damaged) - 10} more" if len(damaged) > 10 else ""
        raise UsageError(f"{len(damaged)} {kind}: " + "; ".join(damaged[:10]) + more)


def _refuse_other_sizes(files: Sequence[Path], headers: Sequence[Header]) -> None:
    first = headers[0].size
    for file, one in zip(files, headers, strict=True):
        if one.size != first:
            raise UsageError(
                f"the pictures differ in size: {files[0]} is {first[0]} x {first[1]}, {file} is "
                f"{one.size[0]} x {one.size[1]}; give the size to bring them to, such as size=64"
            )


def _partly(headers: Sequence[Header]) -> list[str]:
    """What of the files is not looked at: further pictures, and what is behind clear parts."""
    films, clear = sum(one.frames > 1 for one in headers), sum(one.clear for one in headers)
    told = f"{films} of {len(headers)} files hold several pictures: the first of each is taken"
    behind = f"{clear} of {len(headers)} pictures may be transparent in parts, which become white"
    return [line for count, line in ((films, told), (clear, behind)) if count]


def _scaled(
    root: Path, files: Sequence[Path], headers: Sequence[Header], size: int, fit: str
) -> list[str]:
    """What becomes of pictures of other sizes and shapes."""
    count, notes = len(files), []
    odd = [file for file, one in zip(files, headers, strict=True) if one.size[0] != one.size[1]]
    if odd:
        done = {
            "crop": "the middle is cut out",
            "pad": "the whole is kept, with black beside it",
            "pad-white": "the whole is kept, with white beside it",
            "stretch": "the shape is changed",
        }
        others = " or ".join(f"fit={other}" for other in done if other != fit)
        notes.append(
            f"{len(odd)} of {count} pictures are not square: {done[fit]} (fit={fit}; {others})"
        )
    cut = [
        file.relative_to(root).as_posix()
        for file, one in zip(files, headers, strict=True)
        if left(one.size, size, size, fit) < HALF
    ]
    if cut:
        shown = ", ".join(cut[:3]) + (", ..." if len(cut) > 3 else "")
        notes.append(f"of {len(cut)} pictures less than half is left by cropping: {shown}")
    small = sum(min(one.size) < size for one in headers)
    if small:
        notes.append(f"{small} of {count} pictures are smaller than {size} and scaled up")
    return notes
