"""What lies at a path: the source that reads it, or what it is that none reads yet.

Endings say most of it. Where one ending stands for several kinds the first lines do: chats and
tables in JSON lines, pairs of texts and tables in .tsv, boxes and captions beside pictures.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Any

from cartograd.apps.load.likely import LINES, TARGETS, are_chats, last_of
from cartograd.core.errors import UsageError
from cartograd.data.decode import dates, images, sounds, text_files
from cartograd.data.decode.columns import among, is_numeric
from cartograd.data.decode.prose import CHINESE
from cartograd.data.decode.rating_columns import rating_columns
from cartograd.data.decode.steps import are_times
from cartograd.data.decode.table import Table, parse_table
from cartograd.data.decode.table_files import read_table
from cartograd.data.sources.captions import FILES, TABLES, TEXTS
from cartograd.data.sources.csv import READING
from cartograd.data.sources.masks import holds_masks

LOOKED = 10_000
"""Files of a folder that are looked at to see what it holds."""

PEEK = 1 << 16
"""Bytes of a file that say of what kind it is."""

SOURCES = (
    ("csv", (".csv", ".tsv", ".xlsx", ".parquet", ".jsonl", ".ndjson", ".gz")),
    ("text", text_files.SUFFIXES),
    ("wav", sounds.SUFFIXES),
)
"""The sources of single files, and what these end in."""

FOLDERS = (
    ("folder", images.SUFFIXES),
    ("wav", sounds.SUFFIXES),
    ("text-folder", text_files.SUFFIXES),
)
"""The sources of folders, and what the files in them end in."""

NEAR = {
    (".zip", ".tar", ".tgz", ".7z", ".rar"): "an archive: unpack it, and give the folder",
    (".xls", ".ods", ".numbers"): "a spreadsheet of another kind: save it as .xlsx or .csv",
    (".docx", ".doc", ".pdf", ".html", ".htm", ".rtf"): "a document: save its text as .txt",
    (".npy", ".npz", ".pt", ".pth", ".mat", ".h5", ".hdf5"): "numbers without names: load them "
    "in Python, and give cartograd.tensors(...) to train",
    (".pkl", ".pickle", ".joblib"): "a pickle, which may run code: save a table as .parquet, "
    "numbers by cartograd.tensors(...)",
    (".mp4", ".avi", ".mov", ".mkv", ".webm"): "a film: write its frames as pictures, a folder "
    "for each class",
    (".safetensors", ".onnx", ".gguf"): "a model, it seems, and no data",
}
"""What files are that nothing reads, with the nearest kind that something does."""

FIRST, FEWEST = 30, 5
"""Lines of a text that say whether it is a table, and rows that one has at least."""


def source_of(path: Path, /) -> str:
    """The source that reads a file or a folder.

    Raises:
        UsageError: none does; what was looked at is said, with the nearest kind.
    """
    return _of_file(path) if path.is_file() else _of_folder(path)


def _of_file(path: Path) -> str:
    ending = path.suffix.lower()
    name = next((name for name, endings in SOURCES if ending in endings), None)
    if ending in LINES and _are_chats(path):
        return "chats"
    if name == "text" and _is_table(path):
        return "csv"
    if name is not None:
        return name
    if ending == ".json":
        return _of_json(path)
    near = next((said for endings, said in NEAR.items() if ending in endings), None)
    if near is not None:
        raise UsageError(f"{path} is {near}")
    known = ", ".join(one for _, endings in SOURCES for one in endings)
    raise UsageError(
        f"{path} is a file that ends in {ending or 'nothing'}; expected a folder, or a "
        f"file that ends in one of {known}; or name its source, as csv:{path}"
    )


def _of_folder(path: Path) -> str:
    files = (file for file in path.rglob("*") if not file.name.startswith("."))
    seen = [file for file in islice(files, LOOKED) if file.is_file()]
    endings = Counter(file.suffix.lower() for file in seen)
    counts = {name: sum(endings[one] for one in kinds) for name, kinds in FOLDERS}
    pictures = counts["folder"]
    if pictures and holds_masks(path):
        return "masks"
    if pictures and (boxes := _boxes(path, seen)):
        return boxes
    if pictures and _has_captions(path):
        return "captions"
    name = max(counts, key=counts.__getitem__)
    if not counts[name]:
        there = ", ".join(f"{count} {one or 'without'}" for one, count in endings.most_common(4))
        tables = [file for file in seen if file.suffix.lower() in SOURCES[0][1]]
        near = f"; a table is given by its file, as {tables[0]}" if tables else ""
        raise UsageError(
            f"{path} holds neither pictures, sounds nor texts ({there or 'it is empty'}); expected "
            f"a folder for each class with files of one of these kinds{near}"
        )
    flat = name == "text-folder" and not any(one.is_dir() for one in path.iterdir())
    return "text" if flat else name


def _is_table(path: Path) -> bool:
    """Whether the first lines of a text are rows of equally many cells under different names."""
    with path.open("rb") as file:
        start = file.read(PEEK)
    try:
        lines = text_files.lines(text_files.decoded(start, str(path)))
        table = parse_table("\n".join(lines[:FIRST]), source=str(path))
    except UsageError:  # of another encoding, cut within a letter, or no rows
        return False
    prose = "." in "".join(table.header)
    return len(table.header) > 1 and len(table) >= FEWEST and all(table.header) and not prose


def _are_chats(path: Path) -> bool:
    """Whether lines of JSON are chats: lists of turns, or instructions with their outputs."""
    with path.open("rb") as file:
        first = file.readline(PEEK)
    try:
        return are_chats(json.loads(first))
    except (ValueError, RecursionError):  # whoever reads the table says what is wrong
        return False


def _of_json(path: Path) -> str:
    """The source of boxes in COCO's format, which is JSON as a whole.

    Raises:
        UsageError: it is none.
    """
    if _is_coco(path):
        return "coco"
    raise UsageError(
        f"{path} is JSON as a whole; expected JSON lines (.jsonl), an object on each line"
    )


def _is_coco(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(PEEK)
    return any(word in start for word in (b'"annotations"', b'"bbox"', b'"file_name"'))


def _boxes(root: Path, seen: Sequence[Path]) -> str:
    """The source that reads the boxes beside pictures; empty if there are none.

    Raises:
        UsageError: they are written in a format that none reads.
    """
    if any(file.name in ("data.yaml", "data.yml") for file in seen) or (
        (root / "labels").is_dir() and (root / "images").is_dir()
    ):
        return "yolo"
    some = [file for file in seen if file.suffix.lower() in (".xml", ".json")]
    for file in some[:3]:
        with file.open("rb") as opened:
            start = opened.read(PEEK)
        if b"<bndbox" in start:
            raise UsageError(
                f"{root} holds pictures with boxes in Pascal VOC's format ({file.name}), which "
                "nothing reads here; write them as COCO or YOLO (a file for all, or a line a box)"
            )
        if file.suffix.lower() == ".json" and _is_coco(file):
            return "coco"
    return ""


def _has_captions(root: Path) -> bool:
    """Whether a table in the folder says in words what each picture shows."""
    file = next((root / name for name in TABLES if (root / name).is_file()), None)
    if file is None:
        return False
    header = set(read_table(file).header)
    return bool(header & set(FILES)) and bool(header & set(TEXTS))


def without_target(path: Path, args: Mapping[str, Any], /) -> tuple[str, dict[str, Any]]:
    """What a table is where nobody says what is to be predicted: the source, and what it is told.

    A column whose name says that it is the target, or two columns of texts parted by tabulators.

    Args:
        path: the table.
        args: what the source is told.

    Raises:
        UsageError: its columns are shown, for one to be chosen.
    """
    reading: dict[str, Any] = {key: args[key] for key in READING if key in args}
    if path.suffix.lower() in (".tsv", ".txt"):
        without: dict[str, Any] = {**reading, "header": False}
        bare = read_table(path, **without)
        first = {cell.casefold() for cell in bare.rows[0]} if bare.rows else set()
        if not first & TARGETS and are_pairs(bare):
            return "pairs", {}
    table = read_table(path, **reading)
    named = [name for name in table.header if name.casefold() in TARGETS]
    if len(named) == 1 and len(table.header) > 1:
        return "csv", {"target": named[0]}
    raise TargetlessError(path, table, args)


class TargetlessError(UsageError):
    """A table of which nobody said what is to be predicted.

    Attributes:
        path: the file.
        likely: its last column that does not name parts.
        told: what the source was told.
    """

    def __init__(self, path: Path, table: Table, args: Mapping[str, Any]):
        header = table.header
        shown = ", ".join(header[:12]) + (", ..." if len(header) > 12 else "")
        likely = last_of(list(header))
        columns = {name: among(table.column(name)) for name in header}
        dated = (name for name, x in columns.items() if dates.order(x) or are_times(x))
        when = next(dated, "")
        super().__init__(
            f"{path} is a table; say which of its columns is to be predicted ({shown}): "
            f"--data {quote(str(path))} --target {quote(likely)}, or "
            + quote(f"{path},target={likely}")
            + (f"; with time={when}, too, it is a series to be forecast" if when else "")
            + (f"; to recommend items to users: --data ratings:{path}" if _rated(table) else "")
        )
        self.path, self.likely, self.told = path, likely, dict(args)


def _rated(table: Table) -> bool:
    """Whether a table has users, items and ratings by their usual names."""
    try:
        rating_columns(table)
    except UsageError:
        return False
    return True


def are_pairs(table: Table, /) -> bool:
    """Whether a table is two columns of texts, nearly each of which is there once."""
    if len(table.header) != 2 or len(table) < 2:
        return False
    for name in table.header:
        cells = table.column(name)
        words = sorted(len(CHINESE.findall(cell)) / 2 + len(cell.split()) for cell in cells)
        if is_numeric(cells) or 2 * len(set(cells)) <= len(cells) or words[len(words) // 2] < 2:
            return False
    return True
