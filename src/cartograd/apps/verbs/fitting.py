"""Whether model, data and settings of a training belong together; looked at before it is built."""

import torch

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import Signed
from cartograd.core.task import Task, find
from cartograd.core.task import names as names_of_tasks
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.preference_rows import has_pairs
from cartograd.data.dataset.seen_classes import only_class
from cartograd.engine.loop.probe import shapes, unchanged
from cartograd.engine.loop.rehearsal import explained

ON_PAIRS = ("preference", "bradley-terry", "grpo", "ppo")
"""Objectives that take pairs of answers, or the prompts of these."""


def check_objective(name: str, task: Task, data: Dataset, /) -> None:
    """Refuse the objective of a task whose right answers are of another sort than the data's.

    Raises:
        UsageError: it learns values where there are classes, or the other way round, one answer
            for an example where each position has one, or to tell classes apart where there is one.
    """
    _check_pairs(name, data)
    others = [other for other in map(find, names_of_tasks()) if other.objective == name]
    alone = only_class(data)
    if alone is not None:
        raise UsageError(
            f"{data.name} has {alone!r} as the only class of its training examples, so there is "
            "nothing to tell apart; expected examples of at least two classes (a folder of files "
            "for each), or a model of examples alone, such as ddpm"
        )
    fits = [other.target == task.target and (other.each or not task.each) for other in others]
    if others and not any(fits):
        usual = next((one for one in others if one.name == name), others[0])
        instead = "" if task.objective is None else f" for {task.objective!r}"
        raise UsageError(
            f"objective={name} learns the task {usual.name!r} and {data.name} is for the task "
            f"{task.name!r}; leave it out{instead}, or take other data"
        )


def _check_pairs(name: str, data: Dataset) -> None:
    """Refuse pairs of answers for what takes none, and the other way round.

    Raises:
        UsageError: they do not belong together.
    """
    if has_pairs(data) and name not in ON_PAIRS:
        raise UsageError(
            f"{data.name} has pairs of answers, which objective={name} does not compare; leave it "
            f"out, or take one of {', '.join(ON_PAIRS)}"
        )
    if name == "preference" and not has_pairs(data):
        raise UsageError(
            f"objective=preference compares pairs of answers, and {data.name} has none; take "
            "preferences:FILE.jsonl"
        )


def check_parts(data: Dataset, /) -> None:
    """Refuse data without examples to validate or to test on.

    Raises:
        UsageError: a part is empty.
    """
    for name, part in (("validation", data.valid), ("test", data.test)):
        if not len(part):
            raise UsageError(
                f"{data.name} has no {name} examples; each epoch is judged on the validation part "
                "and the result on the test part: give each of them some"
            )


def check_size(size: int, data: Dataset, /) -> None:
    """Refuse a batch of more examples than there are.

    Raises:
        UsageError: it is larger.
    """
    if size > len(data.train):
        raise UsageError(
            f"batch_size={size} is more than the {len(data.train)} training examples of "
            f"{data.name}; {len(data.train)} takes all of them at each step"
        )


def check_whole(objective: str, size: int, accumulate: int, epochs: int, data: Dataset, /) -> None:
    """Refuse a part of the examples for what grows on all of them at once, and another time.

    Raises:
        UsageError: a batch is smaller than the training part, several make a step, or there is
            more than one epoch.
    """
    if objective == "grow" and epochs > 1:
        raise UsageError(
            f"a tree grows on all training examples of {data.name} at once, and epochs={epochs} "
            f"would grow the same {epochs} times; leave it out"
        )
    if objective == "grow" and (size < len(data.train) or accumulate > 1):
        raise UsageError(
            f"a tree grows on all {len(data.train)} training examples of {data.name} at once, and "
            f"batch_size={size}, accumulate={accumulate} give it a part; leave both out"
        )


def check_answer(model: Signed, data: Dataset, /) -> None:
    """Refuse a model whose output has another shape than the data's targets, by one example.

    Raises:
        UsageError: the answer has another shape.
    """
    dims, classes = model.signature.output.dims, model.signature.classes
    examples = data.train.batches(batch_size=1, shuffle=False)
    name = type(model.model).__name__ if model.spec is None else model.spec.name
    *inputs, _ = next(iter(examples.epoch(0, seed=0)))
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    what = f"{name} cannot answer an example of {data.name} ({shapes(inputs)})"
    try:
        with (
            unchanged(model),
            evaluating(model),
            torch.no_grad(),
            explained(what, {"model": model}),
        ):
            answer = model(*(x.to(device) for x in inputs))
            found = tuple(answer.shape)
    except UsageError as error:
        if data.name not in ("folder", "masks"):
            raise
        hint = "if it is made for pictures of another size, give the data size="
        raise UsageError(f"{error}; {hint}") from error
    task = data.signature.task
    at = task.classes_axis
    axis = 1 + at if at is not None and at >= 0 else -1
    if len(found) != 1 + len(dims) or found[axis] != classes:
        several = " at each position" if task.each else ""
        raise UsageError(
            f"{name} answers one example with shape {found}, and {data.name} wants one score for "
            f"each of {classes} classes{several}; take another head or model "
            f"({'such as unet' if task.of_pixels else f'`cartograd show {name}`'})"
        )
