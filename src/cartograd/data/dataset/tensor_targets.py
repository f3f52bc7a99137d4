"""What a tensor of targets means: classes, any number of labels for each example, or values."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port

TASKS = ("classify", "multi-label", "regress")


def targets_mean(parts: Sequence[Tensor], task: str | None, /) -> tuple[str, list[str]]:
    """The task that the targets of all parts are for, and a line where it was chosen for them.

    Args:
        parts: the targets of each part.
        task: as it was said, if it was.

    Raises:
        UsageError: it is none of these tasks, or some parts have values and others classes.
    """
    if task is not None:
        if task not in TASKS:
            raise unknown("task of tensors", task, TASKS)
        return task, []
    if len({y.is_floating_point() for y in parts}) > 1:
        raise UsageError("the targets of train, valid and test differ in type")
    matrix = all(y.ndim == 2 and y.shape[1] > 1 for y in parts)
    if not matrix or not all(bool(((y == 0) | (y == 1)).all()) for y in parts):
        return ("regress" if parts[0].is_floating_point() else "classify"), []
    told = f"targets of 0 and 1 in {parts[0].shape[1]} columns are taken as labels, any of which "
    told += "may hold" if parts[0].dtype == torch.bool else "may hold; of values say task='regress'"
    if all(bool((y.sum(1) == 1).all()) for y in parts):
        told += "; of classes, one of which holds in each row here, give y.argmax(1)"
    return "multi-label", [told]


def target(part: str, y: Tensor, task: str, /) -> Tensor:
    """Targets in the type that we train on.

    Raises:
        UsageError: a value that is none of the task, with its row.
    """
    if task == "multi-label":
        if y.ndim != 2:
            raise UsageError(
                f"{part}: labels have shape {tuple(y.shape)}; expected (n, labels) of 0 and 1"
            )
        y = y.float()
        refuse(part, "target", y, (y != 0) & (y != 1), "is none; expected 0 or 1 for each label")
        return y
    if task == "regress":
        y = y.float().reshape(len(y), -1)
        refuse(part, "target", y, ~y.isfinite(), "is not a finite number")
        return y
    if y.ndim != 1:
        raise UsageError(
            f"{part}: classes have shape {tuple(y.shape)}; expected (n,), or (n, labels) of 0 "
            "and 1 where an example may have several"
        )
    if y.is_floating_point():
        refuse(part, "target", y, y != y.round(), "is no class; expected whole numbers")
    y = y.long()
    refuse(part, "target", y, y < 0, "is out of range; classes count from 0")
    return y


def output_port(targets: Sequence[Tensor], labels: Sequence[str], task: str, /) -> Port:
    """The port of what a model answers, from the targets of each part.

    Raises:
        UsageError: the parts differ, or a class or label has no name.
    """
    if task != "classify":
        widths = {one.shape[1] for one in targets}
        if len(widths) > 1:
            raise UsageError(f"the targets of train, valid and test differ in width: {widths}")
        width = widths.pop()
        if task == "regress":
            return Port("value", "value", (width,), task=task)
        names = tuple(labels) or tuple(map(str, range(width)))
        if len(names) != width:
            raise UsageError(f"there are {len(names)} labels for {width} columns of targets")
        return Port("labels", "label", (width,), labels=names, task=task)
    highest = int(torch.stack([one.max() for one in targets]).max())
    names = tuple(labels) or tuple(str(i) for i in range(highest + 1))
    if highest >= len(names):
        row = int((torch.cat(list(targets)) == highest).nonzero()[0]) + 1
        raise UsageError(
            f"row {row}: the class {highest} is out of range; expected 0 to {len(names) - 1} "
            f"({', '.join(names)})"
        )
    if len(names) < 2:
        raise UsageError("all examples are of one class; expected at least two classes")
    return Port("label", "label", (len(names),), labels=names, task=task)


def refuse(part: str, what: str, values: Tensor, bad: Tensor, why: str, /) -> None:
    """Refuse the first value of `values` that is `bad`, and name its row.

    Raises:
        UsageError: there is one.
    """
    if bad.any():
        position = bad.nonzero()[0].tolist()
        value = values[tuple(position)].item()
        raise UsageError(f"{part} row {position[0] + 1}: the {what} {value:g} {why}")
