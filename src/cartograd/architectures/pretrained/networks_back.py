"""The way back into torchvision and timm: which of their networks a model of ours is.

A network of theirs is built here by the table that its files are read by, and must be ours layer
for layer. Settings that only a training sees may differ (dropout), and so may the number that a
batch norm adds to the variance, for the running variance can take up the difference:

    (v + e) = (v + e - e') + e'

What differs otherwise is told of the network that is nearest.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.architectures.pretrained.published_back import settings
from cartograd.core.build import build
from cartograd.core.errors import UsageError, nearest
from cartograd.core.narrowed import narrowing_of
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec

TRAINED = ("size", "classes", "dropout", "drop_path", "zero_init", "eps", "aux_logits")
"""Settings that are compared otherwise, or that no answer depends on."""

LARGE = 224
"""Pixels of pictures for which their networks are made; up to 64, ours begin otherwise."""

GOOGLE = "tf_"
"""Before the names of networks that pad as TensorFlow does."""


def network_of(
    model: Signed, networks: Mapping[str, Mapping[str, Any]], /, *, library: str
) -> tuple[str, dict[str, Tensor]]:
    """Their name of a model, and its tensors under our names, as their network needs them.

    Args:
        model: made by name.
        networks: the table by which files of the library are read.
        library: what to call it in an error.

    Raises:
        UsageError: it is none of their networks: what differs.
    """
    name, args = _described(model, networks, library)
    refused: dict[str, str] = {}
    for network in networks:
        theirs = _spec(networks, network)
        own, wanted = settings(theirs)
        if own != name:
            continue
        told = _differing(args, wanted) or _built(model.model, theirs, args)
        if not told:
            return network, _shifted(model.model, args.get("eps", 0) - wanted.get("eps", 0))
        refused[network] = told
    if not refused:
        held = sorted({settings(_spec(networks, one))[0] for one in networks})
        near = nearest(name, held)
        raise UsageError(
            f"{name} is no network of {library}'s{f'; the nearest is {near}' if near else ''}; "
            f"expected one of {', '.join(held)}; --to onnx takes any model"
        )
    network = min(refused, key=lambda one: len(_other(args, settings(_spec(networks, one))[1])))
    raise UsageError(
        f"this {name} is none of {library}'s: {refused[network].format(network)}; --to onnx takes "
        "any model"
    )


def _spec(networks: Mapping[str, Mapping[str, Any]], network: str) -> Spec:
    return Spec(network.removeprefix(GOOGLE), networks[network].get("args", {}))


def _described(
    model: Signed, networks: Mapping[str, Any], library: str
) -> tuple[str, dict[str, Any]]:
    """Our architecture and all of its settings.

    Raises:
        UsageError: it was not made by name, was pruned, or does not answer with plain scores.
    """
    if model.spec is None:
        raise UsageError(
            f"this model was not made by name, so nothing tells which network of {library} it is; "
            f"expected one of {', '.join(sorted(networks))}"
        )
    cut = narrowing_of(model.model)
    if cut is not None and (cut.shapes or cut.kept or cut.numbers):
        raise UsageError(
            f"this model was pruned, and its layers have other sizes than those of {library}'s "
            "networks: export it as ONNX (--to onnx)"
        )
    port = model.signature.output
    if port.temperature != 1 or port.thresholds:
        raise UsageError(
            f"the port {port.name!r} has a temperature or thresholds of its own, which {library}'s "
            "networks have not; take the model before they were chosen, or --to onnx"
        )
    return settings(model.spec, model.signature)


def _differing(args: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first setting in which both differ; empty if there is none."""
    return next(
        (f"it has {key}={args[key]}, and {{}} has {key}={wanted[key]}"
         for key in _other(args, wanted)), "",
    )  # fmt: skip


def _other(args: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Settings that differ; one that follows from others is seen in the layers."""
    return [
        key for key, value in args.items()
        if key not in TRAINED and value != wanted[key] and None not in (value, wanted[key])
    ]  # fmt: skip


def _built(model: nn.Module, theirs: Spec, args: Mapping[str, Any]) -> str:
    """The first layer that is not theirs; empty if there is none."""
    same = {key: args[key] for key in ("classes", "eps", "aux_logits") if key in args}
    with torch.device("meta"):
        twin = build(theirs, **(same | {"size": max(args["size"], LARGE)}))
    mine, other = _layers(model), _layers(twin)
    for place in [*other, *(one for one in mine if one not in other)]:
        ours, wanted = mine.get(place, "nothing"), other.get(place, "nothing")
        if ours != wanted:
            small = args["size"] <= 64
            why = (
                f", for pictures of {args['size']} pixels (size=224 gives theirs)" if small else ""
            )
            return f"at {place!r} it has {ours}{why}, and {{}} has {wanted}"
    return ""


def _layers(model: nn.Module) -> dict[str, str]:
    """The innermost layers, as they print themselves, without those that are for training."""
    found = {place: one for place, one in model.named_modules() if not any(one.children())}
    return {
        place: repr(one)
        for place, one in found.items()
        if type(one).__name__ not in ("Dropout", "StochasticDepth", "Identity")
    }


def _shifted(model: nn.Module, more: float) -> dict[str, Tensor]:
    """The tensors, with variances that make up for another number added to them."""
    tensors = model.state_dict()
    if not more:
        return tensors
    return {
        name: tensor + more if name.endswith(".running_var") else tensor
        for name, tensor in tensors.items()
    }
