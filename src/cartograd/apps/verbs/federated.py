"""Federated training from a command: what goes with it, and what it says of itself."""

from collections.abc import Mapping
from typing import Any

import torch

from cartograd.apps.answers.federated import sent_in_words
from cartograd.apps.load.settings import Setting
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Objective
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.engine.distributed.process_group import ProcessGroup, parsed
from cartograd.frontier.federated.federation import Federation

AGAINST: dict[str, tuple[Any, str]] = {
    "accumulate": (1, "a round is one step of the server"),
    "clip": (None, "it would cut what all clients together found"),
    "nonfinite": ("stop", "a round cannot be left out"),
    "compile": (False, "clients are computed together"),
    "autotune": (False, "what it times is a round"),
    "precision": ("float32", "weights are sent and averaged in float32"),
    "recompute": (False, "clients are computed together"),
}
"""Settings that do not go with a federation, what they have to be, and why."""

USUAL: dict[str, Any] = {"optimizer": "sgd:lr=1", "schedule": None, "epochs": 20}
"""What a federation is trained with unless somebody said otherwise; an epoch is a round."""


def usual_of_federated(settings: Mapping[str, Setting], /) -> dict[str, Setting]:
    """What nobody asked for, as a federation has it."""
    if settings["federated"].value is None:
        return {}
    usual = USUAL | {name: needed for name, (needed, _) in AGAINST.items()}
    return {
        name: Setting(value, "default")
        for name, value in usual.items()
        if name in settings
        and (settings[name].origin == "default" or settings[name].value == "auto")
    }


def federated(
    objective: Objective, data: Dataset, settings: Mapping[str, Setting], /
) -> Federation | None:
    """The objective as that of a federation, if it is to be.

    Raises:
        UsageError: a setting, the model, the data or the objective does not go with it.
    """
    spec = settings["federated"].value
    if spec is None:
        return None
    for name, (needed, why) in AGAINST.items():
        if name in settings and settings[name].value not in (needed, str(needed)):
            raise UsageError(
                f"{name}={settings[name].value} does not go with federated={spec}: {why}; "
                f"leave {name}= out"
            )
    private = settings["privacy"].value
    if private is not None and Spec.parse(private).name != "dp-fedavg":
        raise UsageError(
            f"privacy={private} bounds what is told of examples by noise of one trainer, and "
            f"federated={spec} has several; privacy=dp-fedavg bounds what is told of a client"
        )
    method = build(spec, kind="federated")
    return method(objective, data.train, settings["batch_size"].value, settings["seed"].value)


def check_processes(federation: Federation, parallel: str, processes: ProcessGroup, /) -> None:
    """Refuse what the clients of a federation cannot do in several processes.

    Raises:
        UsageError: weights are to be spread, statistics of batches to be common, or there are fewer
            clients than processes.
    """
    if processes.size == 1:
        return
    name = federation.terms.name
    if processes.sharded:
        raise UsageError(
            f"parallel={parallel} spreads one model over the processes, and in {name} each has "
            "models of its own clients; leave parallel= out"
        )
    if len(federation.clients) < processes.size:
        raise UsageError(
            f"{name}: {len(federation.clients)} clients cannot be spread over {processes.size} "
            f"processes; make --nproc at most {len(federation.clients)}"
        )
    if federation.local.moving and parsed(parallel)[1] == "global":
        raise UsageError(
            "batch normalisation would take statistics over the clients of all processes; set "
            "parallel=ddp:norm=process"
        )


def told_of_federation(federation: Federation, epochs: int, data: Dataset, /) -> list[str]:
    """Lines on who has what, what is sent, and what is not hidden."""
    name, sizes = federation.terms.name, federation.sizes
    empty, least, most = int((sizes == 0).sum()), int(sizes.min()), int(sizes.max())
    having = f"{most} examples each" if least == most else f"{least} to {most} examples"
    rounds = "1 round" if epochs == 1 else f"each of {epochs} rounds"
    lines = [
        f"{name}: {len(sizes)} clients with {having}, {federation.expected} in {rounds}; "
        + sent_in_words(federation.account(epochs))
    ]
    if empty:
        lines.append(f"{name}: {empty} of the clients have no examples and never take part")
    if federation.local.way == "alone":
        lines.append(f"{name}: clients are computed one after the other ({_why(federation)})")
    if federation.local.moving:
        lines.append(
            f"{name}: the running statistics of {federation.local.moving[0].rpartition('.')[0]} "
            "are averaged over clients whose examples may differ; group or layer normalisation "
            "keep none"
        )
    if data.signature.input.mean and federation.bound is None:
        lines.append(
            f"{name}: the mean and spread by which inputs are standardised are those of all "
            "clients' examples, and validation and test are the server's"
        )
    if federation.terms.flipped:
        lines.append(
            f"{name}: {federation.terms.flipped} of the clients send their "
            "update with the sign turned, times the number of clients"
        )
    return lines


def _why(federation: Federation) -> str:
    if federation.local.moving:
        return "batch normalisation would see rows that fill up batches"
    place = next(iter(federation.local.weights.values())).device
    if place == torch.device("cpu") and federation.local.convolves():
        return "filters of many clients at once are slower on a processor"
    return "the model cannot be mapped over weights"


def by_class(federation: Federation, data: Dataset, /) -> list[list[int]]:
    """How many examples of each class each client has; nothing where there are no classes."""
    targets, classes = data.train.targets, data.signature.classes
    if classes is None or targets.ndim != 1 or targets.is_floating_point():
        return []
    return [torch.bincount(targets[own], minlength=classes).tolist() for own in federation.clients]
