"""Data with poisoned training examples: made to be found again, and to see what they do."""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from cartograd.apps.load.target import as_signed
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.poisoning import Poison
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Split

BYTE = 255
"""What a picture's file has for 1."""


def poisoned(data: Dataset, spec: Any, /) -> tuple[Dataset, Int[Tensor, " m"]]:
    """The data with poison in its training part, and the numbers of the poisoned examples.

    The same data and spec give the same poison, so that it can be made again where it is looked
    for.

    Args:
        data: clean examples of one class each.
        spec: of a poison.

    Raises:
        UsageError: the poison does not fit the data, or these are not in memory.
    """
    poison, train = poison_of(spec), data.train
    if not isinstance(train, Split) or len(data.signature.inputs) > 1:
        raise UsageError(
            f"poison={spec}: {data.name} has its training examples on the disk or several inputs "
            "for each; poison is put among examples of one input in memory"
        )
    test = data.test.select(range(len(data.test)))
    made = poison(train.inputs, train.targets, data.signature, (test.inputs, test.targets))
    stored = train.stored
    if len(made.rows) and not torch.equal(made.inputs[made.rows], train.inputs[made.rows]):
        stored = stored.clone()
        stored[made.rows] = _as_stored(made.inputs[made.rows], stored)
    changed = Split(
        stored, made.targets.to(train.stored_targets.dtype), train.signature, train.names
    )
    told = (
        f"poisoned: {len(made.rows)} of {len(train)} training examples ({Spec.parse(spec)}); "
        "those for validation and test are clean"
    )
    decided = [*data.about.get("decided", ()), told]
    return replace(data, train=changed, about=data.about | {"decided": decided}), made.rows


def with_poison(data: Dataset, spec: Any, /) -> Dataset:
    """The data, poisoned if a poison is named."""
    return data if spec is None else poisoned(data, spec)[0]


def probes(data: Dataset, spec: Any, /) -> tuple[Tensor, Tensor] | None:
    """Inputs of the test part as an attacker gives them, and the classes that are wanted.

    Args:
        data: that was poisoned, or not.
        spec: of the poison.

    Raises:
        UsageError: the poison does not fit the data.
    """
    test = data.test.select(range(len(data.test)))
    found = poison_of(spec).probes(test.inputs, test.targets, data.signature)
    return found if found is not None and len(found[0]) else None


def poison_of(spec: Any, /) -> Poison:
    """The poison that a spec names.

    Raises:
        UsageError: there is none of that name, or it has no such argument.
    """
    run = Spec.parse(spec).args.get("run")
    more = {"run": as_signed(run)} if isinstance(run, str) else {}
    return build(spec, kind="poison", **more)


def _as_stored(x: Shaped[Tensor, "n ..."], stored: Tensor) -> Tensor:
    """Inputs as the split keeps them: pictures perhaps as bytes."""
    if stored.dtype == torch.uint8 and x.is_floating_point():
        return (x * BYTE).round().to(torch.uint8)
    return x.to(stored.dtype)
