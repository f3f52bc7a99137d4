"""Data for a model that settles itself what its answer is."""

from dataclasses import replace
from typing import Any

from cartograd.core import registry
from cartograd.core.build import hyperparameters, today
from cartograd.core.card import Card
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed, signature_if_any
from cartograd.core.spec import Spec
from cartograd.core.task import EXAMPLES, find
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.degraded import degraded
from cartograd.data.dataset.domains import as_domains
from cartograd.data.dataset.own_targets import own_targets, prompt_of
from cartograd.data.dataset.seen_classes import only_class

DOMAINS = "image-to-image"
"""The task whose data are two classes of pictures."""


def as_answered(data: Dataset, model: Any, before: Signed | None, /) -> Dataset:
    """The data as they are, or with the examples as their own targets for a model of examples.

    Args:
        data: of any task.
        model: a spec, a module, or where a training begins.
        before: what it begins from, if it does.

    Raises:
        UsageError: the examples cannot be such targets.
    """
    if before is None and isinstance(model, str | Spec):
        spec = Spec.parse(model)
        card, preset = registry.find(spec.name, kind="model")
        return _as_the_card_says(data, card, preset | today(card, spec.args))
    signature = signature_if_any(before or model)
    return data if signature is None else as_the_model_answers(data, signature)


def as_the_model_answers(data: Dataset, signature: Signature, /) -> Dataset:
    """The data as a model with this signature was trained on.

    Raises:
        UsageError: the examples cannot be its targets.
    """
    if signature.output.task == DOMAINS != data.signature.output.task:
        return as_domains(data, DOMAINS)
    if signature.target not in EXAMPLES or data.signature.target in EXAMPLES:
        return data
    if signature.input.made_by:
        return degraded(data, signature.input.made_by)
    latent = signature.input.size if signature.draws and len(signature.input.dims) == 1 else None
    return own_targets(
        data,
        signature.task.name,
        conditional=signature.condition is not None,
        reads=prompt_of(signature) is not None,
        latent=latent,
        steps=not signature.input.mean,
    )


def _as_the_card_says(data: Dataset, card: Card, given: dict[str, Any]) -> Dataset:
    if not card.answers or data.signature.target in EXAMPLES:
        return data
    if card.answers == DOMAINS:
        settled = data.signature.output.task == DOMAINS
        return data if settled else as_domains(data, DOMAINS)
    known = hyperparameters(card)
    if find(card.answers).target == "whole":
        return degraded(data, given.get("degradation", known["degradation"].default))
    latent = given.get("latent", known["latent"].default if "latent" in known else None)
    conditional = "classes" in known and given.get("classes", True) is not None
    alone = only_class(data) if conditional and "classes" not in given else None
    if alone is not None and len(data.signature.output.labels) != 1:
        told = f"one class, {alone!r}: the model is not told of classes"
        about = data.about | {"decided": [*data.about.get("decided", ()), told]}
        data, conditional = replace(data, about=about), False
    return own_targets(
        data,
        card.answers,
        conditional=conditional,
        reads="vocabulary" in known,
        latent=latent,
        steps="levels" in known and bool(known["levels"].default),
    )
