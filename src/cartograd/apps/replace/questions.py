"""The raw examples that both forms are asked: as a user has them, with what is true of each."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from PIL import Image
from torch import Tensor

from cartograd.apps.load.as_learned import as_learned
from cartograd.apps.load.as_trained import WHOLE
from cartograd.apps.load.parts import part_of
from cartograd.apps.load.source import Data, dataset, examples_for
from cartograd.apps.replace.form import Form
from cartograd.apps.replace.forms.signed_form import comparable
from cartograd.core import registry
from cartograd.core.errors import UsageError
from cartograd.core.paths import expanded
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Examples, Split

MOST = 10_000
"""Examples at most."""

NUMBERS = 2**30
"""Numbers of all examples at most, as they are kept to be shown: a gigabyte of pictures."""

FOREIGN_SIZE = 64
"""Pixels to which pictures are brought to be shown, where neither form says what it takes."""


@dataclass(frozen=True)
class Questions:
    """Raw examples and their right answers.

    Attributes:
        data: what they are called, with the part.
        sources: what a form is given: a path, the bytes of a file, cells by column, a text, or the
            numbers themselves.
        examples: the same as the signature has them, with targets: for pages and regions.
        notes: what was decided while they were read.
        words: what to call the classes in what is shown, if not by their labels.
    """

    data: str
    sources: list[Any]
    examples: Split
    notes: tuple[str, ...] = field(default=(), repr=False)
    words: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def signature(self) -> Signature:
        """What the examples are, and their answers."""
        return self.examples.signature

    @property
    def targets(self) -> Shaped[Tensor, "n ..."]:
        """The right answers: numbers of classes, 0 and 1 for each class, or values."""
        return self.examples.targets

    @property
    def several(self) -> bool:
        """Whether an example may have several classes."""
        return self.signature.target == "classes"

    @property
    def each(self) -> bool:
        """Whether each position of an example has an answer."""
        return self.signature.task.each

    def of_classes(self, labels: Sequence[str], /) -> "Questions":
        """The same, as examples of some of these classes; of their own if these are the same.

        Args:
            labels: all that a form knows.
        """
        own = self.labels
        extra = len(labels) > len(own) and set(own) <= set(labels)
        if not own or not extra or self.several:
            return self
        output = replace(self.signature.output, labels=tuple(labels), dims=(len(labels),))
        signature = replace(self.signature, outputs=(output,))
        place = torch.tensor([list(labels).index(label) for label in own])
        split = self.examples
        renamed = Split(split.stored, place[split.targets], signature, split.names,
                        others=split.others, table=split.table)  # fmt: skip
        return replace(self, examples=renamed)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes; none of values."""
        if self.signature.target not in ("class", "classes"):
            return ()
        output = self.signature.output
        return output.labels or tuple(map(str, range(max(2, self.signature.classes or 0))))


def asked(
    forms: Sequence[Form],
    data: Data | None,
    /,
    *,
    part: str | None = None,
    most: int = MOST,
    seed: int = 0,
) -> Questions:
    """The examples of a part of the data, raw.

    Args:
        forms: which are to be asked; the first one with a signature says how the examples are read
            to be shown.
        data: a spec, a path or a dataset; by default what the first form was trained on.
        part: `train`, `valid`, `test` or `all`; by default what was held back.
        most: examples at most.
        seed: of the choice where there are more.

    Raises:
        UsageError: there are no data, they do not fit the forms, or have no raw examples.
    """
    trained = next((one.facts.trained for one in forms if one.facts.trained), None)
    source = data if data is not None else _own(forms)
    read, notes = as_learned(source, trained)
    part, why = part_of(part, read, trained)
    known = next((one for one in forms if one.signature is not None), None)
    if known is not None and known.signature is not None:
        found = examples_for(
            known.signature, read, part, tokenizer=known.tokenizer, notes=notes
        )  # fmt: skip
    else:
        found = _alone(read, part, notes)
    if not comparable(found.signature):
        raise UsageError(
            "replace compares classes or values, for each example or at each position; this is "
            f"{found.signature.task.name}"
        )
    if not len(found):
        raise UsageError(f"there are no examples in the part {part!r}; expected at least 1")
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))
    most = max(1, min(most, NUMBERS // max(1, found.select([0]).stored.numel())))
    examples = found.select(order[:most].sort().values)
    if len(examples) < len(found):
        notes = [*notes, f"{len(examples):,} of {len(found):,} examples are asked"]
    notes = [*notes, f"measured on {why}"] if why else notes
    return Questions(f"{_called(source)} ({part})", raw(read, examples), examples, tuple(notes))


def _own(forms: Sequence[Form]) -> Data:
    """What the forms were trained on, where that is one thing and a source that is known."""
    known = [one.facts.trained for one in forms if one.facts.trained]
    if known and all(one == known[0] for one in known) and isinstance(known[0], str):
        if registry.lookup(known[0].partition(":")[0], kind="data"):
            return known[0]
        raise UsageError(f"both were trained on {known[0]}, a dataset of your own; say with --data")
    told = " and ".join(str(one) for one in known) or "nothing that they tell of"
    raise UsageError(
        f"the two were trained on {told}, so they have no data in common; say with --data what to "
        "ask them"
    )


def _alone(read: Data, part: str, notes: list[str]) -> Examples:
    """Examples where neither form says what it takes: pictures as small ones, to be shown."""
    more: dict[str, Any] = {}
    if isinstance(read, Spec) and read.name == "folder" and "size" not in read.args:
        more = {"size": FOREIGN_SIZE}
    if isinstance(read, Spec) and part == "all" and read.name in WHOLE:
        more |= {"valid": 0.0, "test": 0.0}
    whole = read if isinstance(read, Split) else dataset(read, **more)
    tokenizer = whole.tokenizer if isinstance(whole, Dataset) else None
    return examples_for(whole.signature, whole, part, tokenizer=tokenizer, notes=notes)


def raw(data: Data, examples: Split, /) -> list[Any]:
    """What a user has of each example: its file, its cells, its text; else its numbers.

    Raises:
        UsageError: texts were not kept.
    """
    kind, table = examples.signature.input.kind, examples.table
    files = _files(data, examples)
    if files and kind in ("image", "audio"):
        return files
    if table is not None and kind == "text" and not examples.signature.task.each:
        return list(table.column(table.header[0]))
    if table is not None and kind == "table":
        return [dict(zip(table.header, row, strict=True)) for row in table.rows]
    if kind == "text" and examples.signature.task.each:
        return list(examples.inputs)  # positions are of tokens, and both have to see the same ones
    if kind == "text":
        raise UsageError(
            "the texts of these data were not kept, and each form has to cut them itself; give a "
            "table with a column of texts, or folders of .txt"
        )
    if kind == "image" and examples.stored.dtype == torch.uint8:
        return [_png(picture) for picture in examples.stored]
    return list(examples.inputs)


def _files(data: Data, examples: Split) -> list[Any]:
    """The files that the examples were read from; none of other data."""
    if not isinstance(data, Spec) or data.subject is None or not examples.names:
        return []
    root = expanded(data.subject)
    found = [root / name for name in examples.names]
    return found if all(file.is_file() for file in found) else []


def _png(picture: Tensor) -> bytes:
    """Pixels as the bytes of a file: what a form reads that knows no tensors."""
    values = np.moveaxis(picture.cpu().numpy(), 0, -1)
    buffer = io.BytesIO()
    Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values).save(buffer, "PNG")
    return buffer.getvalue()


def _called(data: Data) -> str:
    if isinstance(data, str | Path | Spec):
        return str(data)
    return data.name if isinstance(data, Dataset) else "the examples given"
