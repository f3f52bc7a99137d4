"""A path in place of a data source: what is there says which source reads it.

A folder of pictures, of sounds or of texts, a table, a text: `photos` stands for `folder:photos`,
and `churn.csv,target=churn` for `csv:churn.csv,target=churn`. The name of a source comes first; a
path of the same name is `./digits`.
"""

from collections import Counter
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Any

from cartograd.core import registry
from cartograd.core.errors import UsageError
from cartograd.core.paths import is_there, looks_like_path, no_such_path
from cartograd.core.spec import Spec
from cartograd.data.decode import images, sounds, text_files
from cartograd.data.decode.table_files import read_table

LOOKED = 10_000
"""Files of a folder that are looked at to see what it holds."""

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


def located(text: str | Path | Spec, /, **args: Any) -> Spec:
    """The spec of a data source, or that of the path that the text begins with.

    A `pathlib.Path` is a path whatever is in its name, commas too.

    >>> str(located("digits:valid=0.2"))
    'digits:valid=0.2'

    Args:
        text: names a source or a path.
        **args: further arguments of the source, such as the target of a table.

    Raises:
        UsageError: the text is no spec, or a path where nothing is; the path holds nothing that a
            source reads, or a table whose target is not said: its columns are named.
    """
    if isinstance(text, Spec):
        return text
    if isinstance(text, Path):
        place, comma, rest = str(text), "", ""
    else:
        place, comma, rest = text.partition(",")
        if _names_a_source(text):
            return Spec.parse(text)
    path = Path(place.strip()).expanduser()
    if not is_there(path):
        if isinstance(text, Path) or looks_like_path(place):
            raise no_such_path(place.strip())
        return Spec.parse(text)
    name = _source(path)
    spec = Spec.parse(f"{name}:x{comma}{rest}")
    if name == "text" and "target" in spec.args | args:  # a table that was saved as .txt
        name, spec = "csv", Spec("csv", spec.args)
    if name == "csv" and "target" not in spec.args | args:
        raise UsageError(_targetless(path, spec))
    return Spec(spec.name, spec.args, str(path))


def taken(given: str | Path | Spec, spec: Spec, /) -> list[str]:
    """A line on what a path was taken for; none where the source was named."""
    if isinstance(given, Spec) or spec.name == str(given).partition(":")[0].strip():
        return []
    return [
        f"{spec.subject} is taken as {spec.name}: {registry.find(spec.name, kind='data')[0].title}"
    ]


def _names_a_source(text: str) -> bool:
    return bool(registry.lookup(text.partition(":")[0].strip(), kind="data"))


def _source(path: Path) -> str:
    """The source that reads a file or a folder."""
    if path.is_file():
        ending = path.suffix.lower()
        name = next((name for name, endings in SOURCES if ending in endings), None)
        if name is None:
            known = ", ".join(one for _, endings in SOURCES for one in endings)
            raise UsageError(
                f"{path} is a file that ends in {ending or 'nothing'}; expected a folder, or a "
                f"file that ends in one of {known}; or name its source, as csv:{path}"
            )
        return name
    files = (file for file in path.rglob("*") if not file.name.startswith("."))
    endings = Counter(file.suffix.lower() for file in islice(files, LOOKED) if file.is_file())
    counts = {name: sum(endings[one] for one in kinds) for name, kinds in FOLDERS}
    name = max(counts, key=counts.__getitem__)
    if not counts[name]:
        there = ", ".join(f"{count} {one or 'without'}" for one, count in endings.most_common(4))
        raise UsageError(
            f"{path} holds neither pictures, sounds nor texts ({there or 'it is empty'}); expected "
            "a folder for each class with files of one of these kinds"
        )
    flat = name == "text-folder" and not any(one.is_dir() for one in path.iterdir())
    return "text" if flat else name


def _targetless(path: Path, spec: Spec) -> str:
    """What to say of a table whose target was not said."""
    reading = {
        key: spec.args[key] for key in ("delimiter", "encoding", "sheet") if key in spec.args
    }
    header = read_table(path, **reading).header
    shown = ", ".join(header[:12]) + (", ..." if len(header) > 12 else "")
    likely = "".join(header[-1:])
    return (
        f"{path} is a table; say which of its columns is to be predicted ({shown}): "
        f"--data {quote(str(path))} --target {quote(likely)}, or "
        + quote(f"{path},target={likely}")
    )
