"""A table, or examples of classes, anew as a model knows them: its columns, its classes."""

import warnings
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.load.framed import Framed
from cartograd.core.column import Column
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.decode.columns import Columns
from cartograd.data.decode.dress import as_written
from cartograd.data.decode.encode import encode, unknown
from cartograd.data.decode.table_files import read_table
from cartograd.data.sources.csv import READING


def encoded_anew(spec: Spec | Framed, data: Dataset, model: Signature, /) -> Dataset:
    """The table anew, with the model's columns and classes."""
    if model.input.columns and all(column.numbered for column in model.input.columns):
        return _numbered_anew(data, model)
    if not model.input.columns or (isinstance(spec, Spec) and spec.name != "csv"):
        return data
    if isinstance(spec, Framed):
        table = spec.table
    else:
        reading: Any = {key: spec.args[key] for key in READING if key in spec.args}
        table = read_table(data.about["source"], **reading)
    columns, told = as_written(table, model.input.columns)
    for line in (*told, *unknown(table, columns)):
        warnings.warn(line, stacklevel=4)
    features = encode(table, columns)
    rows = {f"{table.unit} {line}": row for row, line in enumerate(table.lines)}
    signature = replace(data.signature, inputs=model.inputs)
    if of_classes(model, data.signature):
        signature = replace(signature, outputs=model.outputs)

    def anew(split: Examples) -> Split:
        index = [rows[split.name(i)] for i in range(len(split))]
        targets = classes_of(split, model)
        cells = table.select(index)
        return Split(features[index], targets, signature, split.names, table=cells)

    parts = [anew(split) for split in (data.train, data.valid, data.test)]
    about = data.about | {"decided": _columns_of(model.input.columns, data)}
    splits = dict(zip(("train", "valid", "test"), parts, strict=True))
    return replace(data, **splits, signature=signature, about=about)


def _numbered_anew(data: Dataset, model: Signature) -> Dataset:
    """The same pairs by the model's numbers of users and items, whatever their columns are called.

    Raises:
        UsageError: the data are none of users and items.
    """
    columns, own = model.input.columns, data.signature.input.columns
    if len(own) != len(columns) or not all(column.numbered for column in own):
        names = ", ".join(column.name for column in columns)
        raise UsageError(
            f"this data does not fit the model: it knows {names} by number; expected ratings:FILE"
        )
    signature = replace(data.signature, inputs=model.inputs)

    def anew(split: Examples) -> Examples:
        if not isinstance(split, Split) or split.table is None:  # only the model's own pairs
            return split
        table = replace(split.table, header=tuple(column.name for column in columns))
        for line in unknown(table, columns):
            warnings.warn(line, stacklevel=5)
        features = encode(table, columns)
        return Split(features, split.targets, signature, split.names, table=table)

    parts = {part: anew(getattr(data, part)) for part in ("train", "valid", "test")}
    return replace(data, **parts, signature=signature)


def _columns_of(known: tuple[Column, ...], data: Dataset) -> list[str]:
    """What was decided on a table, with the columns as a model knows them."""
    own = data.signature.input.columns
    left_out = data.about.get("left out", {})
    before = Columns(own, left_out).lines()
    names = {column.name for column in known}
    others = [name for name in (*(column.name for column in own), *left_out) if name not in names]
    strange = dict.fromkeys(others, "the model does not know it")
    kept = [line for line in data.about.get("decided", ()) if line not in before]
    return [*kept, *Columns(known, strange).lines()]


def relabelled(data: Split, model: Signature, /) -> Split:
    """Examples of some of the model's classes, their targets as the model numbers these."""
    own, known = data.signature.output.labels, model.output.labels
    if own == known or not own or not known or not set(own) & set(known):
        return data
    signature = replace(data.signature, outputs=model.outputs)
    targets, others = classes_of(data, model), data.others
    return Split(data.stored, targets, signature, data.names, others=others, table=data.table)


def classes_of(split: Examples, model: Signature, /) -> Tensor:
    """The targets as numbers of the model's classes."""
    if not of_classes(model, split.signature):
        return split.targets
    own = split.signature.output
    strange = [label for label in own.labels if label not in model.output.labels]
    if strange:
        raise UsageError(
            f"this data does not fit the model: it has the class {strange[0]!r} and the model "
            f"knows {shown(model.output.labels)}"
        )
    place = torch.tensor([model.output.labels.index(label) for label in own.labels])
    if split.signature.task.target == "classes":
        targets = split.targets.new_zeros(len(split.targets), len(model.output.labels))
        targets[:, place] = split.targets
        return targets
    known = split.targets >= 0  # a pixel may have no class
    return place[split.targets.clamp(min=0)].where(known, split.targets)


def of_classes(*signatures: Signature) -> bool:
    """Whether the right answers of all are classes: one for each example, or any number of them."""
    found = {signature.task.target for signature in signatures}
    return found in ({"class"}, {"classes"})


def shown(value: Any, /) -> str:
    """Names of classes, or sizes, for an error: the first eight."""
    if not isinstance(value, tuple):
        return str(value)
    words = [str(item) for item in value]
    return ", ".join(words[:8]) + (", ..." if len(words) > 8 else "")
