"""What torch has for data, read into memory once: a Dataset or a DataLoader, or one for each part.

What it becomes is said with its size. Data that would not fit are refused after the first batch.
"""

from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data import Dataset as TorchDataset

from cartograd.core.batch_error import made
from cartograd.core.errors import UsageError
from cartograd.core.memory import available
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.tensors import tensors

TARGETS = ("labels", "label", "targets", "target", "y")
"""What the targets of a batch are called, where a batch is a dict."""

MOST = 1_000_000
"""Examples after which a stream that tells no length is taken for one without end."""

PARTS = ("train", "valid", "test")


def gathered(
    data: Any, /, *, whole: bool = False, labels: Sequence[str] = (), task: str | None = None
) -> Dataset:
    """The examples of torch's data, gathered batch by batch and once.

    A batch is a tuple whose last part is the target, or a dict in which it is called `labels`,
    `target` or `y`; all else is inputs, in their order or by their names. Inputs are taken as they
    are: whoever wrote the data has standardised them, or has not.

    Args:
        data: a Dataset or DataLoader, of which validation and test examples are cut, or a mapping
            with `train` and maybe `valid` and `test`.
        whole: cut nothing off.
        labels: names of the classes.
        task: what the targets are, where they do not tell.

    Raises:
        UsageError: it is none of these, has no end or no targets, its examples differ in shape, or
            they do not fit into memory.
    """
    parts = data if isinstance(data, Mapping) else {"train": data}
    if "train" not in parts or not set(parts) <= set(PARTS):
        raise UsageError(
            f"data of the parts {', '.join(map(str, parts))}; expected train, valid and test, each "
            "a DataLoader or a Dataset of torch"
        )
    pairs = {name: _pair(name, part) for name, part in parts.items()}
    x, y = pairs["train"]
    cut = {"valid": 0.0, "test": 0.0} if whole else {"valid": 0.1, "test": 0.2}
    shares: dict[str, Any] = cut | {name: pairs[name] for name in PARTS[1:] if name in pairs}
    made = tensors(
        x, y, labels=labels, standardise=False, name=_name(parts["train"]), task=task, **shares
    )
    one = "by one process, " if any(map(is_stream, parts.values())) else ""
    decided = [_told(list(pairs.values()), one), *made.about.get("decided", ())]
    return replace(made, about=made.about | {"decided": decided})


def _told(pairs: list[tuple[Any, Tensor]], how: str) -> str:
    """What was read, in a line."""
    count = sum(len(targets) for _, targets in pairs)
    held = sum(map(_bytes, pairs))
    return (
        f"{count:,} examples ({_size(held)}) were read into memory once, {how}in the dataset's "
        "order; what it changes at random is drawn once (cartograd.fit takes a loader as it comes)"
    )


def _bytes(held: Any) -> int:
    """The bytes of a tensor, or of all in a nest of them."""
    if isinstance(held, Tensor):
        return held.nbytes
    if isinstance(held, str):  # the name of a class
        return len(held)
    parts = held.values() if isinstance(held, Mapping) else held
    return sum(map(_bytes, parts))


def _size(count: float) -> str:
    """Bytes for a reader."""
    return f"{count / 1e9:.2g} GB" if count >= 1e9 else f"{max(count / 1e6, 0.01):.2g} MB"


def _name(part: Any) -> str:
    return type(part.dataset if isinstance(part, DataLoader) else part).__name__.lower()


def is_stream(part: Any, /) -> bool:
    """Whether it is read from the front to its end, which nobody knows."""
    return isinstance(part.dataset if isinstance(part, DataLoader) else part, IterableDataset)


def _pair(name: str, part: Any) -> tuple[Any, Any]:
    """Inputs and targets of all examples."""
    if isinstance(part, TorchDataset):
        part = DataLoader(part, batch_size=256)
    if not isinstance(part, DataLoader):
        raise UsageError(
            f"{name} is {type(part).__name__}; expected a DataLoader or a Dataset of torch"
        )
    # In the order of the dataset, whole: what shuffles or drops the rest is for training.
    # Each worker would read the whole of a stream, unless it takes a part by its own number.
    stream, size = is_stream(part), part.batch_size or 256
    loader = DataLoader(
        part.dataset, batch_size=None if _is_batched(part) else size, collate_fn=part.collate_fn,
        num_workers=0 if stream else part.num_workers,
    )  # fmt: skip
    batches, read, examples = [], 0, 0
    for number, batch in enumerate(_batches(name, loader)):
        read, examples = read + _bytes(batch), examples + len(batch[1])
        if stream:
            _check_ends(name, part, examples, read)
        elif number == 0:
            _check_fits(name, read * len(loader))
        batches.append(batch)
    if not batches:
        raise UsageError(f"{name}: there are no examples")
    names = list(batches[0][0])
    try:
        inputs = {key: torch.cat([batch[key] for batch, _ in batches]) for key in names}
        targets = _below([target for _, target in batches])
    except (RuntimeError, KeyError) as error:
        raise UsageError(
            f"{name}: the examples differ ({error}); bring them to one shape, or train on batches "
            "as they are: cartograd.fit(objective, loader)"
        ) from error
    if names == [""]:
        return inputs[""], targets
    return (tuple(inputs.values()) if names[0].isdecimal() else inputs), targets


def _is_batched(loader: DataLoader[Any]) -> bool:
    """Whether the dataset itself gives batches."""
    return loader.batch_size is None and loader.batch_sampler is None


def _below(targets: list[Any]) -> Any:
    """Targets of all batches: numbers, or names."""
    if isinstance(targets[0], Tensor):
        return torch.cat(targets)
    return [one for batch in targets for one in batch]


def _check_fits(name: str, count: int) -> None:
    """Refuse what does not fit into memory twice: in batches, and in one piece."""
    free = available()
    if free and 2 * count > free:
        raise UsageError(
            f"{name}: all examples would take {_size(count)}, twice while they are put together, "
            f"and {_size(free)} of memory are free; train on the batches as they come: "
            "cartograd.fit(objective, loader, validate=loader)"
        )


def _check_ends(name: str, part: Any, examples: int, read: int) -> None:
    """Refuse a stream that does not fit into memory twice, or does not seem to end."""
    free = available()
    endless = examples > MOST and not isinstance(part.dataset, Sized)
    if endless or (free and 2 * read > free):
        raise UsageError(
            f"{name}: {examples:,} examples of the stream ({_size(read)}) are read, {_size(free)} "
            "of memory are free, and no end is known; give it an end (itertools.islice) or a "
            "__len__, or train on it as it comes: cartograd.fit(objective, loader)"
        )


def _batches(name: str, loader: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each batch as its inputs by name (or number, or alone) and its targets, or their names."""
    for batch in made(iter(loader), name):
        if isinstance(batch, Mapping):
            key = next((key for key in TARGETS if key in batch), None)
            if key is None:
                raise UsageError(
                    f"{name}: a batch has {', '.join(map(str, batch))} and no targets; expected "
                    f"them under one of {', '.join(TARGETS)}"
                )
            inputs, target = {k: v for k, v in batch.items() if k != key}, batch[key]
        elif isinstance(batch, tuple | list) and len(batch) > 1:
            *given, target = batch
            numbered = {str(i): one for i, one in enumerate(given)}
            inputs = {"": given[0]} if len(given) == 1 else numbered
        else:
            raise UsageError(
                f"{name}: a batch is {type(batch).__name__}; expected (inputs, targets), or a dict"
            )
        named = isinstance(target, list | tuple) and all(isinstance(x, str) for x in target)
        checked = inputs.values() if named else (*inputs.values(), target)
        if not all(isinstance(one, Tensor) for one in checked):
            raise UsageError(
                f"{name}: a batch holds what is no tensor; give the loader a collate_fn that makes "
                "tensors"
            )
        yield inputs, target
