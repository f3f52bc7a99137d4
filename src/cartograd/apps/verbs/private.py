"""Private training from a command: what goes with it, and what it says of itself."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cartograd.apps.answers.private import bounded
from cartograd.apps.load.settings import Setting
from cartograd.core.build import build, resolve
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.core.protocols import Objective
from cartograd.core.spec import Spec
from cartograd.data.dataset.canaries import with_canaries
from cartograd.data.dataset.dataset import Dataset
from cartograd.frontier.federated.federation import Federation
from cartograd.frontier.privacy.dp_fedavg import ClientBound
from cartograd.frontier.privacy.dp_sgd import Private

AGAINST: dict[str, tuple[Any, str]] = {
    "accumulate": (1, "noise comes to whole batches; memory is bounded in any case"),
    "nonfinite": ("stop", "leaving a batch out tells what was in it"),
    "class_weights": (None, "examples have to count alike"),
    "filter": (None, "whether an example is left out depends on the others"),
    "drawn": (None, "what the drawing model learned of its examples is in no account"),
    "clip": (None, "gradients of examples are cut by clip= of the method itself"),
    "compile": (False, "gradients of examples are taken from the passes as they are written"),
}
"""Settings that do not go with privacy, what they have to be, and why."""

FINE = ("auto", "float32")


def in_float32(settings: Mapping[str, Setting], /) -> dict[str, Setting]:
    """The precision of a private training, whatever the machine is fast at.

    Raises:
        UsageError: another one is asked for.
    """
    spec, asked = settings["privacy"].value, settings["precision"].value
    if spec is None:
        return {}
    if asked not in FINE:
        raise UsageError(
            f"privacy={spec} needs precision=float32; with precision={asked} gradients would be "
            "cut at other lengths than are told"
        )
    return {"precision": Setting("float32", "default")}


def usual_of_private(settings: Mapping[str, Setting], /) -> dict[str, Setting]:
    """What nobody asked for and privacy does not go with, as it has to be."""
    if settings["privacy"].value is None:
        return {}
    return {
        name: Setting(needed, "default")
        for name, (needed, _) in AGAINST.items()
        if name in settings and settings[name].origin == "default"
    }


def public_statistics(
    data: Dataset, settings: Mapping[str, Setting], /, *, tokenizer: Any = None
) -> Dataset:
    """The data, standardised and cut by nothing that the training examples tell.

    Args:
        data: what is trained on.
        settings: of the training.
        tokenizer: the one of the model that the training begins from, if it has one.

    Raises:
        UsageError: the inputs have no bounds by which they could be standardised instead, or
            the words of the vocabulary are those of the training texts.
    """
    spec = settings["privacy"].value
    if spec is None:
        return data
    ports = data.signature.inputs
    card, resolved = resolve(Spec.parse(spec), kind="privacy")
    if not resolved.args.get("public_statistics"):
        if data.tokenizer is not None and data.tokenizer != tokenizer:
            raise UsageError(
                f"the vocabulary of {data.name} is learned from its training texts and is kept "
                "in the bundle, so that a rare word would be told whatever the noise; begin from "
                "a model that has one, or where these words are known anyway say so: "
                f"privacy={card.name}:public_statistics=true"
            )
        ports = tuple(_public(port, data.name, card.name) for port in ports)
    if ports == data.signature.inputs:
        return data
    told = "inputs are standardised by their bounds: the training examples' mean is not public"
    about = data.about | {"decided": [*data.about.get("decided", ()), told]}
    return replace(data, signature=replace(data.signature, inputs=ports), about=about)


def _public(port: Port, name: str, method: str) -> Port:
    """A port whose mean and spread are those of its bounds."""
    low, high = port.bounds or (-math.inf, math.inf)
    bounded = math.isfinite(low) and math.isfinite(high)
    if port.kind == "table" or (port.mean and not bounded):
        raise UsageError(
            f"the columns of {name} are standardised by the mean and spread of its training "
            "examples and have their categories, which would be told whatever the noise; where "
            f"these are known anyway say so: privacy={method}:public_statistics=true"
        )
    if not port.mean:
        return port
    middle, half = (low + high) / 2, (high - low) / 2
    return replace(port, mean=(middle,) * len(port.mean), std=(half,) * len(port.std))


def audited(data: Dataset, settings: Mapping[str, Setting], /) -> Dataset:
    """The data with canaries, by which the training will be audited, if it is to be.

    Raises:
        UsageError: see `with_canaries`.
    """
    count = settings["canaries"].value if "canaries" in settings else None
    return data if count is None else with_canaries(data, count, seed=settings["seed"].value).data


def kept_private(
    objective: Objective, data: Dataset, settings: Mapping[str, Setting], /
) -> Private | ClientBound | None:
    """The objective as a private one, if it is to be, or what bounds it if it is a federation's.

    Raises:
        UsageError: a setting, the model or the objective does not go with privacy.
    """
    spec = settings["privacy"].value
    if spec is None:
        return None
    for name, (needed, why) in AGAINST.items():
        if name in settings and settings[name].value not in (needed, str(needed)):
            raise UsageError(
                f"{name}={settings[name].value} does not go with privacy={spec}: {why}; "
                f"leave {name}= out"
            )
    if Spec.parse(spec).name == "dp-fedavg" and not isinstance(objective, Federation):
        raise UsageError(
            f"privacy={spec} bounds what is told of a client of a federation, and there is none; "
            "say federated=fedavg:clients=..., or take privacy=dp-sgd"
        )
    method = build(spec, kind="privacy")
    return method(objective, data.train, settings["batch_size"].value, settings["epochs"].value)


def told_of(private: Private | ClientBound, epochs: int, /) -> list[str]:
    """Lines on what is bounded and what is not."""
    account = private.account(private.steps * epochs)
    return [
        f"{account['method']}: {bounded(account)}",
        f"{account['method']}: not bounded are the losses in metrics.jsonl, counts and the digest "
        "of the data, what is told of validation and test parts, and several trainings on the same "
        "examples; checkpoints/ holds the secret of the noise and is not to be handed out",
    ]
