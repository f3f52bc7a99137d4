"""A path in place of a data source: what is there says which source reads it.

A folder of pictures, of sounds or of texts, a table, a text: `photos` stands for `folder:photos`,
and `churn.csv,target=churn` for `csv:churn.csv,target=churn`; a table is a series where `time=` is
named, too. The name of a source comes first; a path of the same name is `./digits`.
"""

from pathlib import Path
from typing import Any

from cartograd.apps.load.likely import TARGETS
from cartograd.apps.load.named import placed
from cartograd.apps.load.recognised import source_of, without_target
from cartograd.core import registry
from cartograd.core.language import chinese
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
    place = text if isinstance(text, Spec) else placed(text)
    if isinstance(place, Spec):
        return place
    path, rest = place
    name = source_of(path)
    spec = Spec.parse(f"{name}:x{rest}")
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
    card = registry.find(spec.name, kind="data")[0]
    title = card.zh if chinese() else card.title
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
