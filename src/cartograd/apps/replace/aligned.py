"""The classes of two forms brought to one order, by their names."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from cartograd.apps.replace.form import Facts
from cartograd.core.errors import UsageError


def check_alike(first: Facts, second: Facts, labels: Sequence[str], task: str = "", /) -> None:
    """Refuse forms that answer other questions.

    Args:
        first: what is in use.
        second: what shall replace it.
        labels: the classes of the data; none of values.
        task: what a right answer of the data is.

    Raises:
        UsageError: one gives classes and the other values, or their classes differ: these are
            named.
    """
    for facts in (first, second):
        if facts.task and task and facts.task != task:
            raise UsageError(
                f"{facts.name} is of the task {facts.task}, and the data are of {task}; expected "
                "two models and data of one"
            )
    for one, other in ((first, second), (second, first)):
        if one.labels and not other.labels:
            raise UsageError(
                f"{one.name} names one of {len(one.labels)} classes and {other.name} gives a "
                "value; expected two that answer one question"
            )
    numbered = plain(first.labels) or plain(second.labels)
    if len(first.labels) != len(second.labels) or not (
        numbered or set(first.labels) == set(second.labels)
    ):
        raise _other(first, second)
    for facts in (first, second):
        if bool(labels) != bool(facts.labels):
            gives, have = ("a class", "values") if facts.labels else ("a value", "classes")
            raise UsageError(f"{facts.name} gives {gives}, and the data have {have}")
        if len(labels) > len(facts.labels):
            raise UsageError(
                f"{facts.name} gives {len(facts.labels)} numbers, and the data have "
                f"{len(labels)} classes; expected a probability of each"
            )
        strange = [label for label in labels if label not in facts.labels]
        if strange and not (plain(facts.labels) or plain(labels)):
            raise UsageError(
                f"the data have the class {strange[0]!r}, and {facts.name} knows "
                f"{_shown(facts.labels)}; expected classes of these names"
            )


def _other(first: Facts, second: Facts) -> UsageError:
    only = [
        f"{facts.name} alone knows {_shown([x for x in facts.labels if x not in other.labels])}"
        for facts, other in ((first, second), (second, first))
        if set(facts.labels) - set(other.labels)
    ]
    counts = f"{len(first.labels)} and {len(second.labels)}"
    return UsageError(
        f"the two tell other classes apart ({counts} of them): {'; '.join(only)}; expected the "
        "same classes in any order"
    )


def plain(labels: Sequence[str], /) -> bool:
    """Whether classes are called by their numbers alone.

    >>> plain(("0", "1")), plain(("cat", "dog")), plain(())
    (True, False, False)
    """
    return bool(labels) and tuple(labels) == tuple(map(str, range(len(labels))))


def aligned(
    answers: Float[Tensor, "n *t k"], own: Sequence[str], wanted: Sequence[str], /
) -> Float[Tensor, "n *t k"]:
    """Probabilities in the order of other labels; numbered classes are in that order already."""
    if not wanted or tuple(own) == tuple(wanted) or plain(own) or plain(wanted):
        return answers
    return answers[..., [list(own).index(label) for label in wanted]]


def _shown(names: Sequence[str], /) -> str:
    return ", ".join(map(repr, names[:6])) + (f" and {len(names) - 6} more" * (len(names) > 6))
