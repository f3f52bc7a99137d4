"""What a training learns: an objective by name or of a user's own, and its loss likewise."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cartograd.apps.load.settings import Setting
from cartograd.core import registry, source
from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Objective
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.training.class_weights import class_weights, pos_weights


def card_of(objective: Any, /) -> Card | None:
    """The card of an objective's spec; None of a function that makes one.

    Raises:
        UsageError: there is no such objective.
    """
    if callable(objective):
        return None
    return registry.find(Spec.parse(objective).name, kind="objective")[0]


def takes(card: Card, name: str, /) -> bool:
    """Whether a method has an argument."""
    return any(item.name == name for item in source.arguments(card))


def with_loss(settings: Mapping[str, Setting], /) -> Setting:
    """The objective, with a loss that is given by name as its argument.

    Raises:
        UsageError: the objective takes none, or names another one.
    """
    objective, loss = settings["objective"], settings["loss"].value
    if loss is None:
        return objective
    card = card_of(objective.value)
    if card is None or not takes(card, "loss"):
        name = "an objective of your own" if card is None else card.name
        raise UsageError(f"loss= is for an objective that takes one, as classify; {name} does not")
    spec = Spec.parse(objective.value)
    if "loss" in spec.args:
        raise UsageError(f"the loss is given twice: loss={loss} and objective={objective.value}")
    if callable(loss):
        return objective
    return replace(objective, value=str(replace(spec, args=spec.args | {"loss": str(loss)})))


def usual_settings(card: Card | None, settings: Mapping[str, Setting], /) -> dict[str, Setting]:
    """What an objective is trained with unless somebody said otherwise."""
    own = {} if card is None else card.settings
    return {
        key: Setting(value, "default")
        for key, value in own.items()
        if settings[key].origin == "default"
    }


def learned(
    settings: Mapping[str, Setting], model: Signed, card: Card | None, /, **more: Any
) -> Objective:
    """The objective of a model.

    Args:
        settings: of the training.
        model: what learns.
        card: of the objective; None of a user's own.
        **more: further arguments of it.

    Raises:
        UsageError: it cannot be made, or what a function made is no objective of this model.
    """
    objective, loss = settings["objective"].value, settings["loss"].value
    if card is not None:
        given = {"loss": loss} if callable(loss) else {}
        return build(objective, kind="objective", model=model, **given, **more)
    made = objective(model)
    if not isinstance(made, Objective):
        raise UsageError(
            f"objective= is a function that made {type(made).__name__} of the model; expected an "
            "object with `players` (a dictionary of modules) and `losses(batch)`, as "
            "cartograd.core.protocols.Objective says"
        )
    if model not in made.players.values():
        raise UsageError(
            "objective= is a function that made an objective of another model; its players have to "
            "hold the model that the function is given"
        )
    return made


def weights_of_classes(
    card: Card | None, settings: Mapping[str, Setting], data: Dataset, /
) -> tuple[dict[str, Any], Dataset]:
    """The weights of classes as the objective takes them, and the data with a line on them.

    Raises:
        UsageError: the objective takes none, or they do not fit the classes.
    """
    given = settings["class_weights"].value
    if given is None:
        return {}, data
    several = data.signature.target == "classes"
    word = "pos_weight" if several else "class_weights"
    taken = card is not None and takes(card, word)
    if not taken or data.signature.target not in ("class", "classes"):
        name = "an objective of your own" if card is None else card.name
        raise UsageError(
            "class_weights are for classes that `classify`, `segment` or `multi-label` learns; "
            f"{name} on {data.name} (task {data.signature.task.name}) takes none"
        )
    if callable(settings["loss"].value):
        raise UsageError("class_weights weigh a loss by name; a function of yours weighs by itself")
    labels = data.signature.output.labels or tuple(map(str, range(data.signature.classes or 0)))
    make = pos_weights if several else class_weights
    targets = data.train.targets
    if data.signature.task.each:
        targets = targets[targets >= 0]  # the positions that have a label
    found = make(given, labels, targets)
    shown = ", ".join(f"{label} {weight:.3g}" for label, weight in zip(labels, found, strict=True))
    lines = (*data.about.get("decided", ()), f"class weights: {shown}")
    return {word: found}, replace(data, about=data.about | {"decided": lines})
