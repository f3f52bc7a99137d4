"""What is measured of the validation part at the end of each epoch."""

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from cartograd.apps.answers.averaged import measure
from cartograd.apps.verbs.drawn_samples import is_of_samples, numbers
from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.ports import Signature
from cartograd.core.protocols import Metric, Validating


@runtime_checkable
class Measured(Protocol):
    """An objective whose metrics depend on what is to be answered."""

    measured_by: tuple[str, ...]


def epoch_metrics(
    card: Card | None, objective: Any, signature: Signature, /, *, watched: str
) -> dict[str, Metric]:
    """The objective's metrics (the task's, of examples again) and the one that is watched, by name.

    Args:
        card: of the objective; None of one of the user's own.
        objective: what the model learns.
        signature: of the data.
        watched: the number that says which epoch is best, as `monitor` has it.

    Raises:
        UsageError: there is no such metric, or none of such data.
    """
    name = watched.partition("valid/")[2]
    plain = name.partition(":")[0]
    known = registry.lookup(plain, kind="metric") or registry.lookup(plain, kind="sample-metric")
    more = [name] if known else []
    if card is None:
        usual = signature.task.metrics[:1]
        names = [] if isinstance(objective, Validating) else [*usual, *more]
    else:
        own = objective.measured_by if isinstance(objective, Measured) else card.metrics
        usual = signature.task.metrics if signature.task.rebuilds else own
        names = [one for one in (*usual, *more) if one not in card.logs]
    return {
        one: _of_samples(one) if is_of_samples(one) else measure(one, signature)
        for one in dict.fromkeys(names)
    }


def _of_samples(name: str) -> Metric:
    """A metric of drawn and real examples, for what is made of a validation part's noise."""
    metric = build(name, kind="sample-metric")

    def measured(outputs: Tensor, targets: Tensor) -> float:
        return float(metric(*numbers(outputs, targets).both))

    return measured
