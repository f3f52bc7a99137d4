"""Your own tensors as a dataset."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.splits import assign
from cartograd.data.dataset.statistics import measured
from cartograd.data.dataset.tensor_targets import output_port, refuse, target, targets_mean

Part = float | tuple[Any, Any]
"""A share to be cut from the examples, or a pair of tensors of its own."""

Inputs = Shaped[Tensor, "n ..."] | np.ndarray | Sequence[Any] | Mapping[str, Any]
"""One input, or several: in their order, or by name."""


def tensors(
    x: Inputs,
    y: Shaped[Tensor, "n ..."] | np.ndarray,
    /,
    *,
    labels: Sequence[str] = (),
    kind: str | Sequence[str] | None = None,
    bounds: tuple[float, float] | None = None,
    valid: Part = 0.1,
    test: Part = 0.2,
    standardise: bool = True,
    name: str = "tensors",
    task: str | None = None,
) -> Dataset:
    """Make a dataset of tensors (or numpy arrays).

    uint8 images are read as pixels (0..255 stands for [0, 1]). Integer targets are classes;
    floating targets, of shape `n` or `n m`, are values to predict. A matrix `n m` of true and
    false, or of nothing but 0 and 1, says of each of m labels whether it holds (`multi-label`).
    Shares are cut by a hash of an example's index.

    Several inputs (a tuple, or a dict of names) go to a model one after the other, or by their
    names where it has arguments of these; whole numbers and true or false among them are token
    ids and masks (`kind="text"`), which are given as they are.

    >>> data = tensors(torch.rand(20, 2), torch.arange(20) % 2, labels=("no", "yes"))
    >>> len(data.train) + len(data.valid) + len(data.test), data.signature.output.labels
    (20, ('no', 'yes'))

    Args:
        x: inputs; `n c y x` is an image, `n d` a vector, unless `kind` says otherwise. A tuple or
            a dict of tensors is several inputs.
        y: targets, one for each input.
        labels: names of the classes or labels; by default "0", "1", ...
        kind: kind of the input port, or of each; `text` for token ids, which are whole numbers
            that nothing standardises.
        bounds: smallest and largest valid input; by default [0, 1] for images.
        valid: a share of the examples, or `(x, y)` tensors of their own.
        test: likewise.
        standardise: measure mean and std on the training examples; a model then takes inputs
            as they are and standardises them itself.
        name: what to call the data.
        task: `classify`, `multi-label` or `regress`, where the targets do not tell: `regress` of a
            matrix of 0 and 1.

    Raises:
        UsageError: lengths differ, a value is not finite or out of bounds, a target is not
            among the labels; the row is named.
    """
    names, given = _named(x)
    pairs: dict[str, tuple[list[Tensor], Tensor]] = {"train": (given, torch.as_tensor(y))}
    shares: dict[str, float] = {}
    for part, value in (("valid", valid), ("test", test)):
        if isinstance(value, int | float):
            shares[part] = float(value)
        else:
            pairs[part] = _named(value[0])[1], torch.as_tensor(value[1])
    kinds = [kind] * len(given) if kind is None or isinstance(kind, str) else list(kind)
    if {len(given)} != {len(kinds), *(len(pair[0]) for pair in pairs.values())}:
        raise UsageError(
            f"there are {len(given)} inputs in train; expected as many kinds, and as many inputs "
            "in every part"
        )
    whole = zip(*(pair[0] for pair in pairs.values()), strict=True)
    ports = tuple(
        _input_port(list(parts), one, bounds, name)
        for parts, one, name in zip(whole, kinds, names, strict=True)
    )
    meant, told = targets_mean([pair[1] for pair in pairs.values()], task)
    checked = {part: _checked(part, *pair, ports=ports, task=meant) for part, pair in pairs.items()}
    output = output_port([pair[1] for pair in checked.values()], labels, meant)
    signature = Signature(ports, (output,))
    splits = {
        part: Split(first, targets, signature, _rows(part, targets), others=others)
        for part, ((first, *others), targets) in checked.items()
    }
    decided = [*_taken(given, ports), *told]
    about = {"decided": decided} if decided else {}
    return assemble(name, splits, shares, standardise=standardise, about=about)


def assemble(
    name: str,
    splits: dict[str, Split],
    shares: dict[str, float] | None = None,
    /,
    *,
    keys: Sequence[str | bytes] = (),
    standardise: bool = True,
    about: dict[str, Any] | None = None,
    tokenizer: Any = None,
) -> Dataset:
    """A dataset of the splits that exist; missing ones are cut from `train` by a hash of `keys`.

    Mean and std of the ports are measured on what is left for training.

    Raises:
        UsageError: there is too little to cut from.
    """
    whole = splits["train"]
    classes = whole.targets
    if whole.signature.target != "class" or classes.ndim != 1:
        classes = None
    parts = ("train", "valid", "test")
    cut = dict(splits)
    if not set(parts) <= set(splits):
        wanted = {} if shares is None else shares
        valid, test = (0.0 if part in splits else wanted.get(part, 0.0) for part in parts[1:])
        keys = keys or [str(i) for i in range(len(whole))]
        indices = assign(keys, classes, valid=valid, test=test)
        own = {part: whole.select(index) for part, index in zip(parts, indices, strict=True)}
        cut = own | {part: split for part, split in splits.items() if part != "train"}
    train, signature = cut["train"], whole.signature
    if standardise:
        target = signature.output
        stored = (train.stored, *train.others)
        sources = [
            # A table's columns are standardised one by one, and what a token's number is says
            # nothing of its size.
            port if port.kind in ("table", "text") else measured(port, one)
            for port, one in zip(signature.inputs, stored, strict=True)
        ]
        if signature.target == "value":
            target = measured(target, train.targets)
        signature = Signature(tuple(sources), (target,))
    final = {
        part: Split(
            one.stored, one.stored_targets, signature, one.names, others=one.others, table=one.table
        )
        for part, one in cut.items()
    }
    return Dataset(name, **final, signature=signature, about=about or {}, tokenizer=tokenizer)


def _named(x: Inputs) -> tuple[list[str], list[Tensor]]:
    """The names of several inputs, or an empty name of one, and the inputs."""
    if isinstance(x, Mapping):
        return list(x), [torch.as_tensor(one) for one in x.values()]
    several = isinstance(x, tuple | list) and all(isinstance(v, Tensor | np.ndarray) for v in x)
    if several and x:
        return [f"input{i}" for i in range(1, len(x) + 1)], [torch.as_tensor(one) for one in x]
    return [""], [torch.as_tensor(x)]


def _rows(part: str, targets: Tensor) -> list[str]:
    return [f"{part} row {i + 1}" for i in range(len(targets))]


def _taken(given: list[Tensor], ports: tuple[Port, ...]) -> list[str]:
    """What whole numbers were taken for, where nobody said it."""
    x = given[0]
    if len(given) > 1 or x.is_floating_point() or x.dtype == torch.uint8 or x.ndim != 2:
        return []
    kind = "token ids" if ports[0].kind == "text" else "numbers; of token ids say kind='text'"
    return [f"whole numbers are taken as {kind}"]


def _input_port(
    parts: list[Tensor], kind: str | None, bounds: tuple[float, float] | None, name: str
) -> Port:
    """The port of one input, from what it is in each part."""
    x = parts[0]
    if x.ndim < 2:
        raise UsageError(
            f"inputs have shape {tuple(x.shape)}; expected one row per example, (n, ...)"
        )
    whole = not x.is_floating_point() and not x.is_complex()
    if kind is None and name and whole and x.ndim == 2:
        kind = "text"
    kind = kind or {2: "vector", 4: "image"}.get(x.ndim, "vector")
    if kind == "text":
        return _token_port(parts, bounds, name or "tokens")
    if kind == "image" and x.ndim != 4:
        raise UsageError(f"images have shape {tuple(x.shape)}; expected (n, channels, rows, cols)")
    if bounds is None and kind == "image":
        bounds = (0.0, 1.0)
    name = name or ("image" if kind == "image" else "input")
    return Port(name, kind, tuple(x.shape[1:]), bounds=bounds)


def _token_port(parts: list[Tensor], bounds: tuple[float, float] | None, name: str) -> Port:
    if any(part.is_floating_point() and (part != part.round()).any() for part in parts):
        raise UsageError(f"{name}: token ids are whole numbers, and these are not")
    if bounds is None:
        most = max(int(part.max()) for part in parts if part.numel())
        bounds = (0, max(most, 1))
    low, high = (int(bound) for bound in bounds)
    return Port(name, "text", tuple(parts[0].shape[1:]), "int64", (low, high))


def _checked(
    part: str, inputs: list[Tensor], y: Tensor, *, ports: tuple[Port, ...], task: str
) -> tuple[list[Tensor], Tensor]:
    """Inputs and targets in the types we train on, or an error that names the row."""
    given = [_input(part, x, y, port=port) for x, port in zip(inputs, ports, strict=True)]
    return given, target(part, y, task)


def _input(part: str, x: Tensor, y: Tensor, *, port: Port) -> Tensor:
    if len(x) != len(y):
        raise UsageError(f"{part}: {len(x)} inputs but {len(y)} targets; expected one for each")
    if not len(x):
        raise UsageError(f"{part}: there are no examples")
    if tuple(x.shape[1:]) != port.dims:
        raise UsageError(
            f"{part}: inputs have shape {tuple(x.shape[1:])}; expected {port.dims} as in train"
        )
    if port.kind == "text":
        x = x.long()
    elif x.dtype != torch.uint8 or port.kind != "image":
        x = x.float()
    refuse(part, "input", x, ~x.isfinite(), "is not a finite number; mend it or leave it out")
    if port.bounds is not None and x.dtype != torch.uint8:
        low, high = port.bounds
        outside = (x < low) | (x > high)
        refuse(part, "input", x, outside, f"is out of bounds; expected {low:g} to {high:g}")
    return x
