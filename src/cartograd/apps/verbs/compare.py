"""Compare two runs: settings, curves, metrics on the same examples, and the changed answers."""

from pathlib import Path
from typing import Any

from torch import Tensor

from cartograd.apps.answers.averaged import about, measure
from cartograd.apps.answers.decisions import probable
from cartograd.apps.load.runs import look
from cartograd.apps.load.source import Data
from cartograd.apps.results.comparison import Change, Comparison, Difference
from cartograd.apps.verbs.together import together, without_bundle
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Examples
from cartograd.engine.loop.fit import Run


def compare(
    first: Run | str | Path,
    second: Run | str | Path,
    /,
    *,
    data: Data | None = None,
    part: str | None = None,
) -> Comparison:
    """Compare two runs.

    Args:
        first: a run, or its folder.
        second: another.
        data: what to measure both on, a spec or a dataset; by default what both were trained on.
        part: of that: `train`, `valid`, `test` or `all`; by default `test` of what both were
            trained on, and `all` of other files or folders that do not come in parts.

    Raises:
        UsageError: one is no run, they are the same, they answer different questions, or the data
            does not fit them.
    """
    looks = look(first), look(second)
    if looks[0].folder.resolve() == looks[1].folder.resolve():
        raise UsageError(f"{first} and {second} are the same run; give two")
    settings = _differing(looks[0].settings, looks[1].settings)
    if reason := without_bundle(looks):
        return Comparison(looks, settings, reason=reason)
    found = together([first, second], data=data, part=part)
    signature, examples = found.signature, found.examples
    outputs = found.outputs[0], found.outputs[1]
    return Comparison(
        looks=looks,
        settings=settings,
        metrics=tuple(_metrics(signature, outputs, found.targets, found.ports)),
        changes=tuple(_changes(signature.output, examples, outputs, found.targets)),
        examples=examples,
        outputs=outputs,
        data=found.data,
    )


def _differing(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    keys = dict.fromkeys([*first, *second])
    pairs = {key: (first.get(key), second.get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _metrics(
    signature: Signature,
    outputs: tuple[Tensor, Tensor],
    targets: Tensor,
    ports: tuple[Port, ...],
) -> list[Difference]:
    from cartograd.practice.metrics.interval import interval
    from cartograd.practice.metrics.paired import doubted, mcnemar

    found = []
    for name in signature.task.usual_metrics(signature.classes):
        metric = measure(name, signature)
        pairs = zip(outputs, ports, strict=True)
        first, second = (probable(metric, item, port) for item, port in pairs)
        seen = first, second
        values = tuple(float(metric(item, targets)) for item in seen)
        sides = tuple(interval(metric, item, targets) for item in seen)
        (low, high), doubt = doubted(metric, *seen, targets)
        p = None
        if name == "accuracy":
            right = [_right(item, targets) for item in outputs]
            only = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
            p = mcnemar(*only)
        of = about(name, signature)
        found.append(Difference(name, values, sides, low, high, p, doubt, of))  # type: ignore[arg-type]
    return found


def _right(outputs: Tensor, targets: Tensor) -> Tensor:
    """Whether each example is answered rightly, with all of its labels where it has several."""
    same = _said(outputs, several=targets.ndim > 1) == targets
    return same.all(1) if same.ndim > 1 else same


def _said(outputs: Tensor, *, several: bool) -> Tensor:
    if several:
        return (outputs >= 0).long()
    return (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)


def _changes(
    port: Port, examples: Examples, outputs: tuple[Tensor, Tensor], targets: Tensor
) -> list[Change]:
    """Changed answers: newly wrong, newly right, then differently wrong; of values the largest."""
    task = examples.signature.task
    several = task.target == "classes"
    if (task.attacked == "class" or several) and outputs[0].ndim == 2:
        said = [_said(item, several=several) for item in outputs]
        rows = (said[0] != said[1]).reshape(len(targets), -1).any(1).nonzero()[:, 0].tolist()
        found = []
        for row in rows:
            words = [_labels(port, item[row]) for item in said]
            truth = _labels(port, targets[row])
            became = "right" if words[1] == truth else "wrong" if words[0] == truth else "other"
            found.append(Change(row, examples.name(row), words[0], words[1], truth, became))
        return sorted(found, key=lambda x: ("wrong", "right", "other").index(x.became))
    if task.explained != "value" or outputs[0].shape[1:] != (1,):
        return []
    moved = (outputs[1] - outputs[0])[:, 0].abs()
    errors = [(item - targets).abs()[:, 0] for item in outputs]
    rows = moved.argsort(descending=True, stable=True)[:20].tolist()
    found = []
    for row in rows:
        first, second, truth = (f"{float(item[row, 0]):.4g}" for item in (*outputs, targets))
        became = "better" if errors[1][row] < errors[0][row] else "worse"
        found.append(Change(row, examples.name(row), first, second, truth, became))
    return found


def _labels(port: Port, chosen: Tensor) -> str:
    """The label of a class's number, or those that hold."""
    if chosen.ndim == 0:
        return port.labels[int(chosen)]
    held = zip(port.labels, chosen.tolist(), strict=True)
    return ", ".join(label for label, holds in held if holds) or "none"
