"""A path in place of a data source: what is there says which source reads it.

A folder of pictures, of sounds or of texts, a table, a text: `photos` stands for `folder:photos`,
and `churn.csv,target=churn` for `csv:churn.csv,target=churn`; a table is a series where `time=` is
named, too. The name of a source comes first; a path of the same name is `./digits`.
"""

from pathlib import Path
from typing import Any

from cartograd.apps.load.recognised import TARGETS, source_of, without_target
from cartograd.core import registry
from cartograd.core.errors import UsageError
from cartograd.core.paths import is_there, looks_like_path, no_such_path
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset


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
    if not place.strip():
        raise UsageError("the data's path is empty; expected a file, a folder or a source")
    path = Path(place.strip()).expanduser()
    if not is_there(path):
        if isinstance(text, Path) or looks_like_path(place) or _like_no_name(place):
            raise no_such_path(place.strip(), hint=_after_a_colon(text))
        return Spec.parse(text)
    name = source_of(path)
    spec = Spec.parse(f"{name}:x{comma}{rest}")
    if name == "text" and "target" in spec.args | args:  # a table that was saved as .txt
        name, spec = "csv", Spec("csv", spec.args)
    if name == "csv" and "time" in spec.args | args:
        name, spec = "series", Spec("series", spec.args)
    if name == "csv" and "target" not in spec.args | args:
        name, more = without_target(path, spec.args | args)
        spec = Spec(name, spec.args | more)
    return Spec(spec.name, spec.args, str(path))


def taken(given: str | Path | Spec, spec: Spec, made: Dataset | None = None, /) -> list[str]:
    """A line on what a path was taken for; none where the source was named.

    Args:
        given: by the user.
        spec: the source that reads it.
        made: what it read, if that is known already.
    """
    if isinstance(given, Spec) or spec.name == str(given).partition(":")[0].strip():
        return []
    title = registry.find(spec.name, kind="data")[0].title
    what = title if made is None else counted(spec, made)
    lines = [f"{spec.subject} is taken as {spec.name}: {what}"]
    named = str(spec.args.get("target", "")).casefold() in TARGETS
    if named and "target=" not in str(given):
        lines.append(f"{spec.args['target']} is to be predicted, by its name (--target)")
    return lines


def counted(spec: Spec, made: Dataset, /) -> str:
    """How many examples of what a source read.

    Args:
        spec: the source.
        made: what it read.
    """
    count = sum(map(len, (made.train, made.valid, made.test)))
    classes = len(made.signature.output.labels)
    words = {"folder": "pictures", "wav": "sounds", "text-folder": "texts"}
    if spec.name in words:
        what, several = words[spec.name], classes > 1
        homes = f" in {classes} folders, one for each class" if several else " of no class"
        return f"{count:,} {what}{homes}"
    if spec.name == "text":
        return f"text of {made.about['bytes']:,} bytes, to be gone on with"
    if spec.name == "pairs":
        return f"{count:,} pairs of texts, the second to be written from the first"
    if spec.name == "chats":
        return f"{count:,} chats, of which the answers are learned"
    if spec.name == "captions":
        return f"{count:,} captions of {made.about.get('pictures', 0):,} pictures"
    if spec.name == "series":
        return f"{count:,} windows of series"
    if spec.name in ("coco", "yolo"):
        return f"{count:,} pictures with {made.about['boxes']:,} boxes of {classes} classes"
    if spec.name == "masks":
        return f"{count:,} pictures with masks of {classes} classes"
    return f"a table of {count:,} rows"


def _after_a_colon(text: str | Path) -> str:
    """How settings of a path are written, where what stands before a colon is there."""
    before, _, rest = str(text).partition(":")
    if not rest or not is_there(Path(before.strip()).expanduser()):
        return ""
    return f"; settings of a path follow a comma: {before.strip()},{rest}"


def _names_a_source(text: str) -> bool:
    return bool(registry.lookup(text.partition(":")[0].strip(), kind="data"))


def _like_no_name(place: str) -> bool:
    """Whether a word has in it what no name of a source has: a dot or a slash, before any colon."""
    return any(mark in place.partition(":")[0] for mark in "./\\")
