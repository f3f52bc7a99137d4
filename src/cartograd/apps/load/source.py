"""Data for a verb: from a spec, or as it was given, and made to fit a model that is there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from cartograd.apps.load.anew import encoded_anew, of_classes, relabelled, shown
from cartograd.apps.load.answering import as_the_model_answers
from cartograd.apps.load.as_trained import as_trained
from cartograd.apps.load.framed import Framed, framed, of_frame
from cartograd.apps.load.likely import TARGETS
from cartograd.apps.load.located import located, taken
from cartograd.apps.load.named import check_source
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.memory import affordable
from cartograd.core.paths import expanded
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.dataset.gathered import gathered
from cartograd.data.dataset.tensor_targets import TASKS
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.dataset.token_rows import respelt
from cartograd.data.decode.frames import Frame
from cartograd.data.decode.table import joined

Data = str | Path | Spec | Framed | Frame | Dataset | Examples | DataLoader[Any] | TorchDataset[Any]
"""What verbs take for data: a spec, a dataset, one part of it, data of torch, or a frame."""


_KEPT: ContextVar[dict[str, Dataset] | None] = ContextVar("kept", default=None)
"""What was read while it is kept, by its spec."""


@contextmanager
def read_once() -> Iterator[None]:
    """Keep what a spec or path gave, so that many trainings on the same files read them once."""
    before = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(before)


def dataset(spec: Any, /, **args: Any) -> Dataset:
    """The examples that a spec names, in three parts and with their signature.

    Args:
        spec: `"digits"`, `"csv:people.csv,target=income"`, a `Spec`, a path such as `"photos"` or
            `"people.csv,target=income"`, or a `pathlib.Path` (see `located`); a `Dataset` stays as
            it is. Torch's own Dataset or DataLoader, or a mapping of those (`train`, `valid`,
            `test`), is read into memory (see `gathered`). A table in memory (a DataFrame, a
            Dataset or DatasetDict of Hugging Face) is read as a file of a table is.
        **args: further arguments of the source.

    Raises:
        UsageError: an unknown source or argument, a path that is missing or not wanted, or what
            the source itself finds wrong with its files.
    """
    if isinstance(spec, Dataset):
        return spec
    kept = _KEPT.get()
    if kept is None or not isinstance(spec, str | Path | Spec):
        return _read(spec, args)
    word = f"{spec} {sorted(args.items())!r}"
    if word not in kept:
        kept[word] = _read(spec, args)
    return kept[word]


def _read(spec: Any, args: Mapping[str, Any]) -> Dataset:
    """The examples that a spec names, read anew."""
    spec = framed(spec)
    if isinstance(spec, Framed):
        return _of_frame(spec.told(**args))
    if isinstance(spec, DataLoader | TorchDataset | Mapping):
        return gathered(spec)
    if not isinstance(spec, str | Path | Spec):
        raise UsageError(
            f"{type(spec).__name__} is no data; expected a name or path, a cartograd.Dataset, or a "
            "DataLoader or Dataset of torch; cartograd.tensors makes one of tensors"
        )
    given, spec = spec, located(spec, **args)
    if spec.subject is not None and spec.subject.startswith("~"):
        spec = Spec(spec.name, spec.args, str(expanded(spec.subject)))
    check_source(spec)
    with affordable(str(spec)[:100]):
        made = build(spec, kind="data", **args)()
    decided = [*taken(given, spec, made), *made.about.get("decided", ())]
    return replace(made, about=made.about | {"decided": decided}) if decided else made


def _of_frame(given: Framed) -> Dataset:
    """A table in memory, read as a file of a table is.

    Raises:
        UsageError: nobody says what is to be predicted.
    """
    table, args = given.table, dict(given.args)
    if "target" not in args:
        named = [name for name in table.header if name.casefold() in TARGETS]
        if len(named) != 1:
            columns = ", ".join(table.header[:12]) + (", ..." if len(table.header) > 12 else "")
            raise UsageError(
                f"the {table.source} is a table; say which of its columns is to be predicted "
                f"({columns}): target={''.join(table.header[-1:])!r}"
            )
        args["target"] = named[0]
    return build(Spec(given.source, args), kind="data")(table)


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
    if isinstance(data, Frame):
        data = of_frame(data)
    if isinstance(data, DataLoader | TorchDataset):
        task = model.output.task if model.output.task in TASKS else None
        data = gathered(data, whole=True, labels=model.output.labels, task=task).train
    if isinstance(data, str | Path | Spec | Framed):
        spec = _timed(data, model) if isinstance(data, Framed) else located(data)
        own = spec.spec if isinstance(spec, Framed) else spec
        data = dataset(spec, **as_trained(own, model, part))
        if data.signature.input.columns != model.input.columns:
            data = encoded_anew(spec, data, model)
    if isinstance(data, Dataset):
        data = as_the_model_answers(data, model)
    if isinstance(data, Dataset):
        if tokenizer is not None and data.tokenizer is not None:
            data = respelt(data, tokenizer, model.input)
        if notes is not None:
            notes += data.told
        data = _part(data, part)
    if isinstance(data, Split) and of_classes(model, data.signature):
        data = relabelled(data, model)
    _check_fits(model, data.signature)
    return data


def _timed(data: Framed, model: Signature) -> Framed:
    """A table in memory with the column of times that the model knows, if it knows one."""
    timeline = model.example.timeline
    return data if timeline is None else data.told(**{"time": timeline.time} | dict(data.args))


def _part(data: Dataset, part: str) -> Examples:
    parts: dict[str, Examples] = {"train": data.train, "valid": data.valid, "test": data.test}
    if part != "all":
        return parts[part]
    return pooled(list(parts.values()), data.signature)


def pooled(parts: Sequence[Examples], signature: Signature, /) -> Split:
    """Several parts as one, in memory.

    Args:
        parts: of the same data, of which some may be empty.
        signature: of the data.
    """
    whole = [split.select(range(len(split))) for split in parts if len(split)]
    fills = [port.padding_id or 0 for port in signature.inputs]
    columns = zip(*((split.stored, *split.others) for split in whole), strict=True)
    inputs, *others = (_below(list(one), fill) for one, fill in zip(columns, fills, strict=True))
    targets = _below([split.targets for split in whole], IGNORED)
    names = [split.name(i) for split in whole for i in range(len(split))]
    table = joined([split.table for split in whole])
    return Split(inputs, targets, signature, names, others=others, table=table)


def _below(tensors: Sequence[Tensor], fill: int) -> Tensor:
    """Tensors one below the other; rows of text are filled up to the width of the longest."""
    if tensors[0].ndim == 2 and len({tensor.shape[1] for tensor in tensors}) > 1:
        width = max(tensor.shape[1] for tensor in tensors)
        tensors = [F.pad(one, (0, width - one.shape[1]), value=fill) for one in tensors]
    return torch.cat(list(tensors))


def as_read_by(
    model: Signature, spec: str | Path | Spec | Framed | Dataset, data: Dataset, /
) -> Dataset:
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
    whole = spec if isinstance(spec, Framed) else located(spec)
    return encoded_anew(whole, data, replace(model, outputs=data.signature.outputs))


def _check_fits(model: Signature, data: Signature) -> None:
    """Refuse data that means something else than what a model was trained on."""
    for what, ours, theirs in (
        ("an input of kind", model.input.kind, data.input.kind),
        ("inputs of shape", model.input.dims, data.input.dims),
        ("inputs made by", model.input.made_by, data.input.made_by),
        ("an answer of kind", _answer(model), _answer(data)),
        ("outputs of shape", _size(model), _size(data)),
        ("the classes", model.output.labels, data.output.labels),
        ("answers in the unit", model.output.unit, data.output.unit),
    ):
        if what == "the classes" and data.output.unnamed and len(ours) == len(theirs):
            continue
        if ours != theirs and ours and theirs:
            raise UsageError(
                f"this data does not fit the model: the model knows {what} {shown(ours)}, "
                f"the data has {shown(theirs)}"
            )


def _size(signature: Signature) -> tuple[int | str, ...]:
    """The shape of an answer; a single logit is one for two classes."""
    output = signature.output
    single = output.task == "classify" and output.dims == (1,)
    return (2,) if single else output.dims


def _answer(signature: Signature) -> str:
    return signature.task.target or signature.task.name
