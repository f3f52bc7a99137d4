"""Data without the training examples that a detector flags."""

from dataclasses import replace
from typing import Any

from cartograd.apps.load.target import as_signed
from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.poisoning import Detector
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Split

HINT = "like filter=deep-knn:run=RUN, of a run that learned from these data"


def filtered(data: Dataset, spec: Any, /) -> Dataset:
    """The data without what a detector flags of their training part, if one is named.

    The validation part is taken as clean, for detectors that need trusted examples.

    Args:
        data: examples of one class each.
        spec: of a detector, with the `run` by whose features it judges.

    Raises:
        UsageError: it is no detector or names no run, the examples are not in memory, or nothing
            is left of a class.
    """
    if spec is None:
        return data
    asked, train = Spec.parse(spec), data.train
    args = dict(asked.args)
    run = args.pop("run", None)
    registry.find(asked.name, kind="detector")
    if run is None:
        raise UsageError(f"filter={spec} names no run; expected one, {HINT}")
    detector: Detector = build(Spec(asked.name, args), kind="detector")
    if not isinstance(train, Split) or data.signature.target != "class":
        raise UsageError(
            f"filter={spec} leaves out examples of classes in memory, and those of {data.name} are "
            "none"
        )
    model = as_signed(run)
    if model.signature.input.dims != data.signature.input.dims:
        raise UsageError(
            f"filter={spec}: the run takes inputs of shape {model.signature.input.dims}, and those "
            f"of {data.name} are {data.signature.input.dims}"
        )
    known = data.valid.select(range(len(data.valid)))
    told = detector(model, train.inputs, train.targets, (known.inputs, known.targets))
    kept = (~told.flagged).nonzero()[:, 0]
    if len(train.targets[kept].unique()) < len(train.targets.unique()):
        raise UsageError(f"filter={spec} flags all examples of a class, which leaves nothing of it")
    line = f"left out: {len(train) - len(kept)} of {len(train)} training examples that {spec} flags"
    decided = [*data.about.get("decided", ()), line]
    return replace(data, train=train.select(kept), about=data.about | {"decided": decided})
