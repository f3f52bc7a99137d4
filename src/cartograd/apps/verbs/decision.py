"""What is chosen after a training on its validation examples: a temperature and thresholds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.answers.decisions import named, thresholds
from cartograd.apps.load.settings import Setting
from cartograd.apps.verbs.evaluate import at_once
from cartograd.apps.verbs.fitting import check_parts
from cartograd.core.decided import decided, positive_of
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.data.dataset.dataset import Dataset, Examples
from cartograd.engine.loop.evaluate import collect
from cartograd.practice.decisions.rules import rule
from cartograd.practice.decisions.temperature import temperature

FEW = 30
"""A threshold that rests on fewer examples of its class than these is told as such."""


def check_choices(settings: Mapping[str, Setting], data: Dataset, /) -> None:
    """Refuse empty parts, what cannot be balanced, or cannot be chosen after the training.

    Args:
        settings: of the training.
        data: the examples.

    Raises:
        UsageError: which, and why.
    """
    check_parts(data)
    given = {key: item.value for key, item in settings.items()}
    _check_sampler(given, data)
    _check_decision(given, data.signature, data.valid)


def _check_sampler(settings: Mapping[str, Any], data: Dataset) -> None:
    if settings.get("sampler") is None:
        return
    if data.signature.target != "class" or data.signature.task.each:
        raise UsageError(
            f"sampler={settings['sampler']} is for one class of each example; this learns "
            f"{data.signature.task.name!r}"
        )
    for key in ("class_weights", "privacy", "federated"):
        if settings.get(key) is not None:
            why = "both weigh the rare class" if key == "class_weights" else "it draws by itself"
            raise UsageError(f"sampler= and {key}=: {why}; leave one of them out")


def _check_decision(settings: Mapping[str, Any], signature: Signature, valid: Examples) -> None:
    how, calibrate = (settings.get(key) for key in ("threshold", "calibrate"))
    asked = f"threshold={how}" if how is not None else f"calibrate={calibrate}"
    if how is None and calibrate is None:
        return
    task = signature.task
    if task.name not in ("classify", "score", "multi-label") or len(signature.output.dims) != 1:
        raise UsageError(f"{asked} is for classes of whole examples; this learns {task.name!r}")
    if how is None:
        return
    rule(how)
    if task.name == "classify" and signature.classes != 2:
        raise UsageError(
            f"{asked} is for two classes or for labels; there are {signature.classes} classes, and "
            "the likeliest is named"
        )
    nothing = torch.zeros(len(valid), len(signature.output.labels) or 2)
    thresholds(how, signature.output, nothing, valid.targets)


def settle(
    model: Signed, valid: Examples, settings: Mapping[str, Any], /, *, device: str = "auto"
) -> dict[str, str]:
    """Choose, and put it into the model's output port.

    Args:
        model: trained.
        valid: the examples to choose on.
        settings: of the training.
        device: where to compute.

    Returns:
        What was chosen, in a line each, by the setting.
    """
    how, calibrate = (settings.get(key) for key in ("threshold", "calibrate"))
    if how is None and calibrate is None:
        return {}
    port = replace(model.signature.output, thresholds=(), temperature=1.0)
    _put(model, port)
    batches = valid.batches(batch_size=at_once(model.signature), shuffle=False)
    logits, targets = collect(model, batches, device=device)
    told = {}
    if calibrate is not None:
        port = replace(port, temperature=temperature(logits, targets))
        count = f"{len(valid)} validation examples"
        told["calibrate"] = f"by temperature {port.temperature:.3g}, of {count}"
    if how is not None:
        port = replace(port, thresholds=thresholds(how, port, decided(logits, port), targets))
        rare = _rare(port, targets)
        told["threshold"] = f"{named(port)} ({how}, of {len(valid)} validation examples{rare})"
    _put(model, port)
    return told


def _rare(port: Port, targets: Tensor) -> str:
    """How many examples of the class there are to choose by, where these are few."""
    if port.task == "multi-label":
        return ""
    at = positive_of(port)
    there = int((targets == at).sum())
    return f", only {there} of them {port.labels[at]!r}" if there < FEW and port.labels else ""


def _put(model: Signed, port: Port) -> None:
    model.signature = replace(model.signature, outputs=(port, *model.signature.outputs[1:]))
