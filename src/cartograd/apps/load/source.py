"""Data for a verb: from a spec, or as it was given, and made to fit a model that is there."""

import inspect
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from cartograd.apps.load.answering import as_the_model_answers
from cartograd.apps.load.as_trained import as_trained
from cartograd.apps.load.located import located, taken
from cartograd.core import registry
from cartograd.core.build import build, entry
from cartograd.core.column import Column
from cartograd.core.errors import UsageError
from cartograd.core.memory import affordable
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.dataset.gathered import gathered
from cartograd.data.dataset.tensor_targets import TASKS
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.dataset.token_rows import respelt
from cartograd.data.decode.columns import Columns
from cartograd.data.decode.dress import as_written
from cartograd.data.decode.encode import encode, unknown
from cartograd.data.decode.table import joined
from cartograd.data.decode.table_files import read_table
from cartograd.data.sources.csv import READING

Data = str | Path | Spec | Dataset | Examples | DataLoader[Any] | TorchDataset[Any]
"""What verbs take for data: a spec, a dataset, one part of it, or data of torch."""


def dataset(spec: Any, /, **args: Any) -> Dataset:
    """The examples that a spec names, in three parts and with their signature.

    Args:
        spec: `"digits"`, `"csv:people.csv,target=income"`, a `Spec`, a path such as `"photos"` or
            `"people.csv,target=income"`, or a `pathlib.Path` (see `located`); a `Dataset` stays as
            it is. Torch's own Dataset or DataLoader, or a mapping of those (`train`, `valid`,
            `test`), is read into memory (see `gathered`).
        **args: further arguments of the source.

    Raises:
        UsageError: an unknown source or argument, a path that is missing or not wanted, or what
            the source itself finds wrong with its files.
    """
    if isinstance(spec, Dataset):
        return spec
    if isinstance(spec, DataLoader | TorchDataset | Mapping):
        return gathered(spec)
    if not isinstance(spec, str | Path | Spec):
        raise UsageError(
            f"{type(spec).__name__} is no data; expected a name or path, a cartograd.Dataset, or a "
            "DataLoader or Dataset of torch; cartograd.tensors makes one of tensors"
        )
    given, spec = spec, located(spec, **args)
    if spec.subject is not None and spec.subject.startswith("~"):
        spec = Spec(spec.name, spec.args, str(Path(spec.subject).expanduser()))
    card, _ = registry.find(spec.name, kind="data")
    places = [
        parameter
        for parameter in inspect.signature(entry(card)).parameters.values()
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY
    ]
    if spec.subject is None and any(place.default is inspect.Parameter.empty for place in places):
        word = places[0].name
        raise UsageError(f"{card.name} needs a {word}: {card.name}:{word.upper()}")
    with affordable(str(spec)[:100]):
        made = build(spec, kind="data", **args)()
    decided = [*taken(given, spec, made), *made.about.get("decided", ())]
    return replace(made, about=made.about | {"decided": decided}) if decided else made


def examples_for(
    model: Signature,
    data: Data,
    part: str,
    /,
    *,
    tokenizer: Any = None,
    notes: list[str] | None = None,
) -> Examples:
    """The examples of one part of the data, prepared as the model was trained on them.

    Pictures of a folder are brought to the model's size; the cells of a table are encoded with
    the model's own categories and statistics, and texts with its tokens.

    Args:
        model: what the model takes and gives.
        data: a spec or a dataset, of which `part` is taken; examples stay as they are.
        part: `train`, `valid`, `test` or `all`.
        tokenizer: the model's.
        notes: a list that gets what was decided while the data were read, a line each.

    Raises:
        UsageError: the data cannot be had, or means something else than the model knows.
    """
    if isinstance(data, DataLoader | TorchDataset):
        task = model.output.task if model.output.task in TASKS else None
        data = gathered(data, whole=True, labels=model.output.labels, task=task).train
    if isinstance(data, str | Path | Spec):
        spec = located(data)
        data = dataset(spec, **as_trained(spec, model, part))
        if data.signature.input.columns != model.input.columns:
            data = _encoded(spec, data, model)
    if isinstance(data, Dataset):
        data = as_the_model_answers(data, model)
    if isinstance(data, Dataset):
        if tokenizer is not None and data.tokenizer is not None:
            data = respelt(data, tokenizer, model.input)
        if notes is not None:
            notes += data.told
        data = _part(data, part)
    if isinstance(data, Split) and _of_classes(model, data.signature):
        data = _relabelled(data, model)
    _check_fits(model, data.signature)
    return data


def _relabelled(data: Split, model: Signature) -> Split:
    """Examples of some of the model's classes, their targets as the model numbers these."""
    own, known = data.signature.output.labels, model.output.labels
    if own == known or not own or not known or not set(own) & set(known):
        return data
    signature = replace(data.signature, outputs=model.outputs)
    targets, others = _classes(data, model), data.others
    return Split(data.stored, targets, signature, data.names, others=others, table=data.table)


def _part(data: Dataset, part: str) -> Examples:
    parts: dict[str, Examples] = {"train": data.train, "valid": data.valid, "test": data.test}
    if part != "all":
        return parts[part]
    whole = [split.select(range(len(split))) for split in parts.values() if len(split)]
    fills = [port.padding_id or 0 for port in data.signature.inputs]
    columns = zip(*((split.stored, *split.others) for split in whole), strict=True)
    inputs, *others = (_below(list(one), fill) for one, fill in zip(columns, fills, strict=True))
    targets = _below([split.targets for split in whole], IGNORED)
    names = [split.name(i) for split in whole for i in range(len(split))]
    table = joined([split.table for split in whole])
    return Split(inputs, targets, data.signature, names, others=others, table=table)


def _below(tensors: Sequence[Tensor], fill: int) -> Tensor:
    """Tensors one below the other; rows of text are filled up to the width of the longest."""
    if tensors[0].ndim == 2 and len({tensor.shape[1] for tensor in tensors}) > 1:
        width = max(tensor.shape[1] for tensor in tensors)
        tensors = [F.pad(one, (0, width - one.shape[1]), value=fill) for one in tensors]
    return torch.cat(list(tensors))


def _encoded(spec: Spec, data: Dataset, model: Signature) -> Dataset:
    """The table anew, with the model's columns and classes."""
    if spec.name != "csv" or not model.input.columns:
        return data
    reading: Any = {key: spec.args[key] for key in READING if key in spec.args}
    table = read_table(data.about["source"], **reading)
    columns, told = as_written(table, model.input.columns)
    for line in (*told, *unknown(table, columns)):
        warnings.warn(line, stacklevel=4)
    features = encode(table, columns)
    rows = {f"{table.unit} {line}": row for row, line in enumerate(table.lines)}
    signature = replace(data.signature, inputs=model.inputs)
    if _of_classes(model, data.signature):
        signature = replace(signature, outputs=model.outputs)

    def anew(split: Examples) -> Split:
        index = [rows[split.name(i)] for i in range(len(split))]
        targets = _classes(split, model)
        cells = table.select(index)
        return Split(features[index], targets, signature, split.names, table=cells)

    parts = [anew(split) for split in (data.train, data.valid, data.test)]
    about = data.about | {"decided": _columns_of(model.input.columns, data)}
    splits = dict(zip(("train", "valid", "test"), parts, strict=True))
    return replace(data, **splits, signature=signature, about=about)


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


def as_read_by(model: Signature, spec: str | Path | Spec | Dataset, data: Dataset, /) -> Dataset:
    """A table of the columns that a model knows, with its categories and statistics of them.

    Other data, and tables of other columns, stay as they are.

    Args:
        model: of the same columns.
        spec: the table.
        data: the same, read by itself.
    """
    known, own = model.input.columns, data.signature.input.columns
    names = [sorted(column.name for column in columns) for columns in (known, own)]
    if isinstance(spec, Dataset) or known == own or names[0] != names[1]:
        return data
    return _encoded(located(spec), data, replace(model, outputs=data.signature.outputs))


def _classes(split: Examples, model: Signature) -> Tensor:
    """The targets as numbers of the model's classes."""
    if not _of_classes(model, split.signature):
        return split.targets
    own = split.signature.output
    strange = [label for label in own.labels if label not in model.output.labels]
    if strange:
        raise UsageError(
            f"this data does not fit the model: it has the class {strange[0]!r} and the model "
            f"knows {_shown(model.output.labels)}"
        )
    place = torch.tensor([model.output.labels.index(label) for label in own.labels])
    if split.signature.task.target == "classes":
        targets = split.targets.new_zeros(len(split.targets), len(model.output.labels))
        targets[:, place] = split.targets
        return targets
    return place[split.targets]


def _of_classes(*signatures: Signature) -> bool:
    """Whether the right answers of all are classes: one for each example, or any number of them."""
    found = {signature.task.target for signature in signatures}
    return found in ({"class"}, {"classes"})


def _check_fits(model: Signature, data: Signature) -> None:
    """Refuse data that means something else than what a model was trained on."""
    for what, ours, theirs in (
        ("an input of kind", model.input.kind, data.input.kind),
        ("inputs of shape", model.input.dims, data.input.dims),
        ("inputs made by", model.input.made_by, data.input.made_by),
        ("an answer of kind", _answer(model), _answer(data)),
        ("outputs of shape", _size(model), _size(data)),
        ("the classes", model.output.labels, data.output.labels),
    ):
        if what == "the classes" and data.output.unnamed and len(ours) == len(theirs):
            continue
        if ours != theirs and ours and theirs:
            raise UsageError(
                f"this data does not fit the model: the model knows {what} {_shown(ours)}, "
                f"the data has {_shown(theirs)}"
            )


def _size(signature: Signature) -> tuple[int | str, ...]:
    """The shape of an answer; a single logit is one for two classes."""
    output = signature.output
    single = output.task == "classify" and output.dims == (1,)
    return (2,) if single else output.dims


def _answer(signature: Signature) -> str:
    return signature.task.target or signature.task.name


def _shown(value: Any) -> str:
    if not isinstance(value, tuple):
        return str(value)
    words = [str(item) for item in value]
    return ", ".join(words[:8]) + (", ..." if len(words) > 8 else "")
