"""Whole pictures as the right answers for degraded versions of them."""

from dataclasses import replace
from typing import Any

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.own_targets import OwnTargets


def degraded(data: Dataset, degradation: Any, /) -> Dataset:
    """The same pictures for a model that restores them: batches are (degraded, whole).

    The port of the degraded pictures remembers how they were made, so that a model that has
    learned is measured on others made in the same way. Both kinds of pictures are standardised
    alike, unless pixels are to come through bit for bit.

    Args:
        data: pictures with whatever targets, which do not count.
        degradation: a spec such as `smaller:scale=2`.

    Raises:
        UsageError: the examples are no pictures, or cannot be degraded so.
    """
    port = data.signature.input
    if len(data.signature.inputs) > 1 or port.kind != "image":
        raise UsageError(
            f"{data.name} has inputs of kind {port.kind!r}; what can be restored is pictures"
        )
    if not all(isinstance(dim, int) for dim in port.dims):
        raise UsageError(
            f"{data.name} has pictures of any size, {port.dims}; restoring is learned on pictures "
            "of one size"
        )
    made = build(degradation, kind="degradation")
    seen = replace(made.port(port), made_by=str(Spec.parse(degradation)))
    whole = replace(port, mean=seen.mean, std=seen.std, task="restore")
    signature = Signature((seen,), (whole,))
    train, valid, test = (
        OwnTargets(part, signature, made) for part in (data.train, data.valid, data.test)
    )
    told = f"the model sees pictures degraded by {seen.made_by}, and answers with whole ones"
    about = data.about | {"decided": [*data.about.get("decided", ()), told]}
    return replace(data, train=train, valid=valid, test=test, signature=signature, about=about)
