"""Data for a model that settles itself what its answer is."""

from typing import Any

from cartograd.core import registry
from cartograd.core.signed import Signed, signature_if_any
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.own_targets import own_targets


def as_answered(data: Dataset, model: Any, before: Signed | None, /) -> Dataset:
    """The data as they are, or with the examples as their own targets for a model of densities.

    Args:
        data: of any task.
        model: a spec, a module, or where a training begins.
        before: what it begins from, if it does.

    Raises:
        UsageError: the examples cannot be such targets.
    """
    if before is None and isinstance(model, str | Spec):
        task = registry.find(Spec.parse(model).name, kind="model")[0].answers
    else:
        signature = signature_if_any(before or model)
        task = signature.task.name if signature and signature.target == "example" else ""
    if not task or data.signature.task.name == task:
        return data
    return own_targets(data, task)
