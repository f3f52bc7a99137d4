"""What torch has for data, read into memory: a Dataset or a DataLoader, or one for each part."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data import Dataset as TorchDataset

from cartograd.core.batch_error import made
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.tensors import tensors

TARGETS = ("labels", "label", "targets", "target", "y")
"""What the targets of a batch are called, where a batch is a dict."""

PARTS = ("train", "valid", "test")


def gathered(data: Any, /, *, whole: bool = False, labels: Sequence[str] = ()) -> Dataset:
    """The examples of torch's data, gathered batch by batch and once.

    A batch is a tuple whose last part is the target, or a dict in which it is called `labels`,
    `target` or `y`; all else is inputs, in their order or by their names. Inputs are taken as they
    are: whoever wrote the data has standardised them, or has not.

    Args:
        data: a Dataset or DataLoader, of which validation and test examples are cut, or a mapping
            with `train` and maybe `valid` and `test`.
        whole: cut nothing off.
        labels: names of the classes.

    Raises:
        UsageError: it is none of these, has no end or no targets, or its examples differ in shape.
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
    return tensors(x, y, labels=labels, standardise=False, name=_name(parts["train"]), **shares)


def _name(part: Any) -> str:
    return type(part.dataset if isinstance(part, DataLoader) else part).__name__.lower()


def _pair(name: str, part: Any) -> tuple[Any, Any]:
    """Inputs and targets of all examples."""
    if isinstance(part, IterableDataset) or (
        isinstance(part, DataLoader) and isinstance(part.dataset, IterableDataset)
    ):
        raise UsageError(
            f"{name}: a stream may have no end; make tensors of it (cartograd.tensors), or train "
            "on it as it is: cartograd.fit(objective, loader)"
        )
    if isinstance(part, TorchDataset):
        part = DataLoader(part, batch_size=256)
    if not isinstance(part, DataLoader):
        raise UsageError(
            f"{name} is {type(part).__name__}; expected a DataLoader or a Dataset of torch"
        )
    # In the order of the dataset, whole: what shuffles or drops the rest is for training.
    loader = DataLoader(
        part.dataset, batch_size=part.batch_size or 256, collate_fn=part.collate_fn,
        num_workers=part.num_workers,
    )  # fmt: skip
    batches = list(_batches(name, loader))
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


def _below(targets: list[Any]) -> Any:
    """Targets of all batches: numbers, or names."""
    if isinstance(targets[0], Tensor):
        return torch.cat(targets)
    return [one for batch in targets for one in batch]


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
