"""Metrics of batches as they come: the figures of all examples at once, without keeping them.

A metric is three steps: an empty state, a batch added to it, the figure of the state. States of
parts of the data are added to each other, so that parts may be measured on several processes, or on
several days, in any cut.

    start(s_0),   s_i = update(s_{i-1}, batch_i),   figure = finish(s_n);   merge(s, s')

What a state is depends on the metric. Of accuracy, precision, recall, F1, balanced accuracy and
the Matthews correlation it is three counts for each class, counted once for all of them. Of means
(likelihood, Brier, errors, perplexity, calibration) it is a sum and a number of examples in
float64, also of labels at each position or pixel (below 0 is none). A metric that ranks examples
(ROC AUC, average precision) or scales by all of them (R squared, MAPE) has to see them together:
these keep outputs and targets, once for all of them. Small batches of classes are checked when they
come and counted several together: most of what they cost is the calls.

>>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.2], [0.1, 0.9]])
>>> targets = torch.tensor([0, 1, 1, 1])
>>> meter = Meter("accuracy", "f1")
>>> for part in (slice(0, 3), slice(3, 4)):
...     meter.update(outputs[part], targets[part])
>>> meter.finish()
{'accuracy': 0.75, 'f1': 0.8}
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import given
from cartograd.practice.metrics.answers import Answers
from cartograd.practice.metrics.confusion import Counts, counts
from cartograd.practice.metrics.interval import twin
from cartograd.practice.metrics.positions import taking

GATHERED = 2**17
"""Numbers of outputs that are counted together; a batch of at least a quarter is counted alone."""

State = dict[str, Any]
"""Tensors by name; `kept` has lists of them."""


class Meter:
    """Metrics of batches as they come.

    Args:
        metrics: specs of metrics, like `"f1:average=macro"`.

    Raises:
        UsageError: unknown metric, none, or one twice.
    """

    def __init__(self, *metrics: str) -> None:
        if not metrics or len(set(metrics)) < len(metrics):
            named = " ".join(metrics) or "none"
            raise UsageError(f"a meter takes metrics, each once; it was given {named}")
        self._measures: Mapping[str, Callable[..., float]] = {
            name: build(name, kind="metric") for name in metrics
        }
        self._forms = {name: _Forms(measure) for name, measure in self._measures.items()}
        self._of_classes = any(
            form.of_counts or form.sum_of_answers for form in self._forms.values()
        )
        self._state: State = {}
        self._form: tuple[Any, ...] | None = None
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._numbers = 0

    def update(self, outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> None:
        """Add a batch.

        Args:
            outputs: logits or values of each example.
            targets: the right answers.

        Raises:
            UsageError: outputs and targets do not belong together, or are of other classes than
                the batches before. The state is as it was.
        """
        outputs, targets = outputs.detach(), targets.detach()
        form = _form(outputs, targets) if self._of_classes else None
        if form is None or form != self._form:
            self._count()
            self._add(self._of(outputs, targets))
            self._form = form  # what the metrics refuse, they have refused by now
            return
        given.classes(outputs, targets)
        self._waiting.append((outputs.clone(), targets.clone()))
        self._numbers += outputs.numel()
        if self._numbers > GATHERED:
            self._count()

    def merge(self, other: "Meter", /) -> None:
        """Add what another meter of the same metrics has seen.

        Raises:
            UsageError: it measures something else.
        """
        if list(other._measures) != list(self._measures):
            raise UsageError(
                f"a meter of {', '.join(self._measures)} cannot take in one of "
                f"{', '.join(other._measures)}"
            )
        self._count()
        other._count()
        self._add(other._state)

    def merge_processes(self) -> None:
        """Add what the other processes of `torch.distributed` have seen; each then has all.

        Without a process group nothing happens.
        """
        from torch import distributed

        if not (distributed.is_available() and distributed.is_initialized()):
            return
        self._count()
        found: list[State] = [{}] * distributed.get_world_size()
        distributed.all_gather_object(found, self._state)
        self._state = {}
        for state in found:
            self._add(state)

    def finish(self) -> dict[str, float]:
        """The figures of all that was added; more may be added after it.

        Raises:
            UsageError: nothing was added, or a metric is not defined of it.
        """
        self._count()
        if not self._state:
            raise UsageError("there is nothing to measure: no batch was added")
        return {name: self._figure(name, measure) for name, measure in self._measures.items()}

    def state_dict(self) -> State:
        """What was added: tensors by name, to be kept beside a training."""
        self._count()
        return {
            name: list(value) if isinstance(value, list) else value.clone()
            for name, value in self._state.items()
        }

    def load_state_dict(self, state: State, /) -> None:
        """Go on from `state_dict` of a meter of the same metrics."""
        self._state, self._form, self._waiting, self._numbers = {}, None, [], 0
        self._add(state)

    def _count(self) -> None:
        """Count the batches that wait."""
        if self._waiting:
            outputs, targets = (torch.cat(parts) for parts in zip(*self._waiting, strict=True))
            self._waiting, self._numbers = [], 0
            self._add(self._of(outputs, targets))

    def _of(self, outputs: Tensor, targets: Tensor) -> State:
        """The state of one batch alone."""
        found: State = {}
        rows = _rows(outputs, targets)
        single = not rows and not targets.is_floating_point() and targets.ndim == 1
        answers = Answers(outputs, targets) if single and self._of_classes else None
        for name, form in self._forms.items():
            if rows and form.parts:
                found[f"parts of {name}"] = form.parts(*rows).sum(0)
            elif form.of_counts:
                if "counts" not in found:
                    one = answers.counts if answers else _counts(outputs, targets)
                    found["counts"] = torch.cat([one.right, one.taken, one.actual])
                    found["several"] = torch.tensor(one.several)
            elif form.each:
                found[f"sum of {name}"] = (
                    form.sum_of_answers(answers)
                    if answers and form.sum_of_answers
                    else form.each(outputs, targets).double().sum(0)
                )
                found[f"number of {name}"] = torch.tensor(len(targets))
            elif "outputs" not in found:
                # Copies: whoever measures may use the place of a batch for the next one.
                found["outputs"] = [outputs.to("cpu", copy=True)]
                found["targets"] = [targets.to("cpu", copy=True)]
        return found

    def _add(self, state: State) -> None:
        mine = self._state
        if mine and state:
            _check_alike(mine, state)
        self._state = {name: _sum(mine.get(name), value) for name, value in state.items()} or mine

    def _figure(self, name: str, measure: Callable[..., float]) -> float:
        state, form = self._state, self._forms[name]
        if f"parts of {name}" in state:
            assert form.whole
            return float(form.whole(state[f"parts of {name}"]))
        if form.of_counts:
            right, taken, actual = state["counts"][:, None]
            found = Counts(right, taken, actual, several=bool(state["several"]))
            return form.of_counts(found).item()
        if form.each:
            mean = state[f"sum of {name}"] / state[f"number of {name}"]
            return (form.of_mean(mean) if form.of_mean else mean).item()
        return float(measure(torch.cat(state["outputs"]), torch.cat(state["targets"])))


class _Forms:
    """What a metric's file has beside the metric, with the settings that it takes; or None."""

    def __init__(self, measure: Callable[..., float]) -> None:
        def form(name: str) -> Callable[..., Any] | None:
            found = twin(measure, name)
            return None if found is None else taking(found)

        self.parts, self.whole = form("parts"), form("whole")
        self.of_counts = form("of_counts")
        self.each, self.of_mean = form("each"), form("of_mean")
        self.sum_of_answers = form("sum_of_answers")


def _form(outputs: Tensor, targets: Tensor, /) -> tuple[Any, ...] | None:
    """What small batches of classes have in common if they can be counted as one; else None."""
    plain = not targets.is_floating_point() and targets.ndim == 1 and outputs.ndim in (1, 2)
    if plain and outputs.is_cpu and targets.is_cpu and 4 * outputs.numel() < GATHERED:
        return outputs.shape[1:], outputs.dtype, targets.dtype
    return None


def _counts(outputs: Tensor, targets: Tensor) -> Counts:
    return counts(outputs, targets, given.ones(outputs))


def _check_alike(mine: State, state: State) -> None:
    """Refuse what cannot be added: other statistics, classes or values.

    Raises:
        UsageError: so it is.
    """
    alike = mine.keys() == state.keys() and all(
        one.shape == other.shape and (one.dtype != torch.bool or one == other)
        for one, other in zip(mine.values(), state.values(), strict=True)
        if isinstance(one, Tensor)
    )
    if not alike:
        raise UsageError(
            "outputs and targets are of another form or of other classes than those before; take "
            "a meter for each"
        )


def _rows(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor] | None:
    """Logits and classes of the positions of each row, or of the pixels of each picture; or None.

    A target below 0 is no label.
    """
    if targets.is_floating_point() or targets.ndim < 2 or outputs.ndim != targets.ndim + 1:
        return None
    if outputs.shape[:-1] == targets.shape:
        return outputs.cpu(), targets.cpu()
    return given.places(outputs.cpu(), targets.cpu())


def _sum(one: Any, other: Any) -> Any:
    if one is None:
        return list(other) if isinstance(other, list) else other
    if isinstance(one, Tensor) and one.dtype == torch.bool:
        return one
    return one + other
