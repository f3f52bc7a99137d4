"""Your own tensors as a dataset."""

from collections.abc import Sequence
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

Part = float | tuple[Any, Any]
"""A share to be cut from the examples, or a pair of tensors of its own."""


def tensors(
    x: Shaped[Tensor, "n ..."] | np.ndarray,
    y: Shaped[Tensor, "n ..."] | np.ndarray,
    /,
    *,
    labels: Sequence[str] = (),
    kind: str | None = None,
    bounds: tuple[float, float] | None = None,
    valid: Part = 0.1,
    test: Part = 0.2,
    standardise: bool = True,
    name: str = "tensors",
) -> Dataset:
    """Make a dataset of tensors (or numpy arrays).

    uint8 images are read as pixels (0..255 stands for [0, 1]). Integer targets are classes;
    floating targets, of shape `n` or `n m`, are values to predict. Shares are cut by a hash of
    an example's index.

    >>> data = tensors(torch.rand(20, 2), torch.arange(20) % 2, labels=("no", "yes"))
    >>> len(data.train) + len(data.valid) + len(data.test), data.signature.output.labels
    (20, ('no', 'yes'))

    Args:
        x: inputs; `n c y x` is an image, `n d` a vector, unless `kind` says otherwise.
        y: targets, one for each input.
        labels: names of the classes; by default "0", "1", ...
        kind: kind of the input port.
        bounds: smallest and largest valid input; by default [0, 1] for images.
        valid: a share of the examples, or `(x, y)` tensors of their own.
        test: likewise.
        standardise: measure mean and std on the training examples; a model then takes inputs
            as they are and standardises them itself.
        name: what to call the data.

    Raises:
        UsageError: lengths differ, a value is not finite or out of bounds, a target is not
            among the labels; the row is named.
    """
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    port = _input_port(x, kind, bounds)
    pairs, shares = {"train": (x, y)}, {}
    for part, value in (("valid", valid), ("test", test)):
        if isinstance(value, int | float):
            shares[part] = float(value)
        else:
            pairs[part] = (torch.as_tensor(value[0]), torch.as_tensor(value[1]))
    checked = {part: _checked(part, *pair, port=port) for part, pair in pairs.items()}
    output = _output_port([pair[1] for pair in checked.values()], labels)
    signature = Signature((port,), (output,))
    splits = {part: Split(*pair, signature, _names(part, pair)) for part, pair in checked.items()}
    return assemble(name, splits, shares, standardise=standardise)


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
        source, target = signature.input, signature.output
        if source.kind not in ("table", "text"):  # columns one by one, numbers of tokens never
            source = measured(source, train.stored)
        if signature.target == "value":
            target = measured(target, train.targets)
        signature = Signature((source, *signature.inputs[1:]), (target,))
    final = {
        part: Split(
            one.stored, one.stored_targets, signature, one.names, others=one.others, table=one.table
        )
        for part, one in cut.items()
    }
    return Dataset(name, **final, signature=signature, about=about or {}, tokenizer=tokenizer)


def _names(part: str, pair: tuple[Tensor, Tensor]) -> list[str]:
    return [f"{part} row {i + 1}" for i in range(len(pair[0]))]


def _input_port(x: Tensor, kind: str | None, bounds: tuple[float, float] | None) -> Port:
    if x.ndim < 2:
        raise UsageError(
            f"inputs have shape {tuple(x.shape)}; expected one row per example, (n, ...)"
        )
    kind = kind or {2: "vector", 4: "image"}.get(x.ndim, "vector")
    if kind == "image" and x.ndim != 4:
        raise UsageError(f"images have shape {tuple(x.shape)}; expected (n, channels, rows, cols)")
    if bounds is None and kind == "image":
        bounds = (0.0, 1.0)
    return Port("image" if kind == "image" else "input", kind, tuple(x.shape[1:]), bounds=bounds)


def _checked(part: str, x: Tensor, y: Tensor, *, port: Port) -> tuple[Tensor, Tensor]:
    """Inputs and targets in the types we train on, or an error that names the row."""
    if len(x) != len(y):
        raise UsageError(f"{part}: {len(x)} inputs but {len(y)} targets; expected one for each")
    if not len(x):
        raise UsageError(f"{part}: there are no examples")
    if tuple(x.shape[1:]) != port.dims:
        raise UsageError(
            f"{part}: inputs have shape {tuple(x.shape[1:])}; expected {port.dims} as in train"
        )
    x = x if x.dtype == torch.uint8 and port.kind == "image" else x.float()
    _refuse(part, "input", x, ~x.isfinite(), "is not a finite number; mend it or leave it out")
    if port.bounds is not None and x.dtype != torch.uint8:
        low, high = port.bounds
        outside = (x < low) | (x > high)
        _refuse(part, "input", x, outside, f"is out of bounds; expected {low:g} to {high:g}")
    if y.is_floating_point():
        y = y.float().reshape(len(y), -1)
        _refuse(part, "target", y, ~y.isfinite(), "is not a finite number")
    elif y.ndim != 1:
        raise UsageError(f"{part}: classes have shape {tuple(y.shape)}; expected (n,)")
    else:
        y = y.long()
        _refuse(part, "target", y, y < 0, "is out of range; classes count from 0")
    return x, y


def _refuse(part: str, what: str, values: Tensor, bad: Tensor, why: str) -> None:
    if bad.any():
        position = bad.nonzero()[0].tolist()
        value = values[tuple(position)].item()
        raise UsageError(f"{part} row {position[0] + 1}: the {what} {value:g} {why}")


def _output_port(targets: list[Tensor], labels: Sequence[str]) -> Port:
    kinds = {target.is_floating_point() for target in targets}
    if len(kinds) > 1:
        raise UsageError("the targets of train, valid and test differ in type")
    if kinds == {True}:
        widths = {target.shape[1] for target in targets}
        if len(widths) > 1:
            raise UsageError(f"the targets of train, valid and test differ in width: {widths}")
        return Port("value", "value", (widths.pop(),), task="regress")
    highest = int(torch.stack([target.max() for target in targets]).max())
    names = tuple(labels) or tuple(str(i) for i in range(highest + 1))
    if highest >= len(names):
        row = int((torch.cat(targets) == highest).nonzero()[0]) + 1
        raise UsageError(
            f"row {row}: the class {highest} is out of range; expected 0 to {len(names) - 1} "
            f"({', '.join(names)})"
        )
    if len(names) < 2:
        raise UsageError("all examples are of one class; expected at least two classes")
    return Port("label", "label", (len(names),), labels=names, task="classify")
