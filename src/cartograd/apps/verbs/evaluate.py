"""Evaluate: a model's metrics on data, each with its interval, and what the model costs to run."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.apps.verbs.source import Data, examples_for
from cartograd.apps.verbs.target import Target, as_signed
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.mode import evaluating
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.engine.device import pick
from cartograd.engine.evaluate import collect

METRICS = {"label": ("accuracy", "f1", "nll", "ece"), "value": ("rmse", "mae", "r2")}
"""What is measured unless told otherwise, by the kind of output."""

LABELS = ("accuracy", "nll")
"""The same where each position has a label; each of them counts as an example."""

SECONDS = 0.3
"""How long a single answer is timed for."""


@dataclass(frozen=True)
class Evaluation:
    """What came of an evaluation.

    Attributes:
        metrics: each metric's value, by its name.
        intervals: the low and high end of each metric's 95 % interval.
        examples: how many there were.
        outputs: the model's answers (logits or values), as the examples come.
        targets: the right answers.
        latency: seconds for one example alone (median).
        parameters: numbers that the model learned.
        size: bytes of its weights and buffers.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    examples: int
    outputs: Float[Tensor, "n ..."]
    targets: Shaped[Tensor, "n ..."]
    latency: float
    parameters: int
    size: int


def evaluate(
    target: Target,
    data: Data,
    /,
    *,
    metrics: Sequence[str] = (),
    part: str = "test",
    batch_size: int = 256,
    device: str = "auto",
) -> Evaluation:
    """Measure a model on examples.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        metrics: specs of metrics; by default what is usual for the kind of output.
        part: `train`, `valid`, `test` or `all`.
        batch_size: examples that go through the model at once.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: the target is no model, the data does not fit it, or a metric is unknown or
            cannot be taken of such outputs.
    """
    model = as_signed(target)
    chosen = tuple(metrics) or usual(model.signature)
    measures = {name: build(name, kind="metric") for name in chosen}
    examples = examples_for(model.signature, data, part)
    batches = examples.batches(batch_size=batch_size, shuffle=False)
    outputs, targets = collect(model, batches, device=device)
    from cartograd.practice.metrics.interval import interval

    return Evaluation(
        metrics={name: float(measure(outputs, targets)) for name, measure in measures.items()},
        intervals={name: interval(name, outputs, targets) for name in measures},
        examples=len(targets),
        outputs=outputs,
        targets=targets,
        latency=latency(model, examples.select([0]).inputs.to(pick(device))),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        size=size(model),
    )


def usual(signature: Signature, /) -> tuple[str, ...]:
    """The metrics for a kind of output.

    Raises:
        UsageError: there are none.
    """
    kind = signature.output.kind
    if kind == "label" and len(signature.output.dims) > 1:
        return LABELS
    if kind not in METRICS:
        raise UsageError(f"no metrics are known for outputs of kind {kind!r}; name them")
    return METRICS[kind]


def latency(model: Signed, x: Shaped[Tensor, "b ..."], /) -> float:
    """The median of the seconds that one answer takes, after a few that do not count."""
    times: list[float] = []
    with evaluating(model), torch.inference_mode():
        for _ in range(3):
            _answer(model, x)
        end = time.perf_counter() + SECONDS
        while len(times) < 5 or (time.perf_counter() < end and len(times) < 500):
            start = time.perf_counter()
            _answer(model, x)
            times.append(time.perf_counter() - start)
    return median(times)


def size(model: Signed, /) -> int:
    """Bytes of a model's weights and buffers."""
    tensors = [*model.model.parameters(), *model.model.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _answer(model: Signed, x: Tensor) -> None:
    answer = model(x)
    if answer.device.type == "cuda":
        torch.cuda.synchronize(answer.device)
