"""What examples that are drawn are to be: their classes, or the texts that say it."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.apps.load.target import name_of
from cartograd.apps.verbs.prompts import prompts_of
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port
from cartograd.core.signed import Signed
from cartograd.data.dataset.own_targets import prompt_of

ABREAST = 20
"""Classes that are columns of a grid; more of them are cut into rows as examples are."""

Condition = str | int | Sequence[str | int] | Int[Tensor, " b"] | None
"""The class of all examples, by name or number, or the text that says what they are, or of each.

A tensor has the numbers of classes as data have them: also of those that training did not see.
"""


def told_of(
    model: Signed, condition: Condition, count: int, /, *, classes: Port | None = None
) -> Tensor | None:
    """What each example is told: its class, or the tokens of its text; None of a model without.

    Raises:
        UsageError: as `classes_of` and `prompts_of`.
    """
    if prompt_of(model.signature) is not None:
        return prompts_of(model, condition, count)
    check_seen(model, condition)
    return classes_of(model, condition, count, told=classes)


def check_seen(model: Signed, condition: Condition, /) -> None:
    """Refuse to make up what a class is like of which training had no example.

    Raises:
        UsageError: which class, and which there are.
    """
    port = model.signature.condition
    asked = [condition] if isinstance(condition, str | int) else condition
    if port is None or not isinstance(asked, Sequence):
        return  # what data themselves are of, a tensor, is asked as it is
    strange = next((one for one in asked if number_of(port, one) not in port.seen), None)
    if strange is not None:
        known = [port.labels[number] for number in port.seen]
        raise UsageError(
            f"{name_of(model)} has seen no example of class {strange!r} in training, so it knows "
            f"nothing of it; expected one of {', '.join(known[:12])}"
            f"{', ...' if len(known) > 12 else ''}"
        )


def classes_of(
    model: Signed, condition: Condition, count: int, /, *, told: Port | None = None
) -> Tensor | None:
    """The class of each example; None of a model that knows none or reads texts, without `told`.

    Raises:
        UsageError: there is no such class, there are no classes, or not as many as examples.
    """
    port = model.signature.condition or told
    if prompt_of(model.signature) is not None:
        return None
    if port is None:
        if condition is not None:
            raise UsageError(
                f"{name_of(model)} was trained without classes; leave out class {condition!r}"
            )
        return None
    if condition is None:
        return torch.tensor(port.seen)[torch.arange(count) % len(port.seen)]
    if isinstance(condition, str | int):
        return torch.full((count,), number_of(port, condition))
    if not isinstance(condition, Sequence | Tensor):
        raise UsageError(f"class {condition!r} is neither a name nor a number; expected like 3")
    if len(condition) != count:
        raise UsageError(f"{len(condition)} classes for {count} examples; expected one for each")
    if isinstance(condition, Tensor):
        return condition
    return torch.tensor([number_of(port, one) for one in condition])


def columns_of(model: Signed, condition: Condition, count: int, /) -> int | None:
    """Pictures to a row of a grid, a class to each column; None where that leaves gaps."""
    port = model.signature.condition
    if port is None or condition is not None or count % len(port.seen):
        return None
    return len(port.seen) if len(port.seen) <= ABREAST else None


def number_of(port: Port, said: str | int, /) -> int:
    """The number of a class that is named, or numbered from 0.

    Raises:
        UsageError: there is no such class.
    """
    word = str(said)
    if word in port.labels:
        return port.labels.index(word)
    if word.isdecimal() and int(word) < len(port.labels):
        return int(word)
    raise unknown("class", word, port.labels)
