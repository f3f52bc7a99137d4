"""What the words of a command line name: looked up before anything is loaded, and completed.

`Annotated[str, naming("target")]` says what an argument is.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import BoundArguments
from typing import Any, get_args

from cyclopts import Parameter

from cartograd.core.card import KINDS

BY_THE_COMMAND = ("name",)
"""What a command looks up itself, as that is all it does."""


@dataclass(frozen=True)
class Names:
    """What an argument's words name.

    Attributes:
        what: `target`, `data`, ... (see `lookups`), or a kind of methods, whose specs they are.
        only: arguments without which it means something else.
        unless: arguments with which it means something else.
    """

    what: str
    only: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def applies(self, given: Mapping[str, Any], /) -> bool:
        """Whether the words mean this beside the other arguments."""
        return all(given.get(key) for key in self.only) and not any(map(given.get, self.unless))

    def __call__(self, context: Any, /) -> list[tuple[str, str]]:
        """What a shell may offer in the place of a word that is being typed.

        Args:
            context: of cyclopts; its `incomplete` is the beginning of the word.
        """
        from cartograd.apps.cli import completing

        return completing.offered(self.what, context.incomplete)


def naming(what: str, *, only: tuple[str, ...] = (), unless: tuple[str, ...] = ()) -> Parameter:
    """The annotation of an argument whose words name something (see `Names`)."""
    return Parameter(completer=Names(what, only, unless))


def named(annotation: Any, /) -> Iterator[Names]:
    """What an annotation says of the words."""
    for extra in get_args(annotation)[1:]:
        if isinstance(extra, Parameter) and isinstance(extra.completer, Names):
            yield extra.completer


def check(bound: BoundArguments, /) -> None:
    """Refuse words that name nothing; imports no torch.

    Args:
        bound: what a command is called with.

    Raises:
        UsageError: as whoever loads it would say.
    """
    given = bound.arguments
    for key, parameter in bound.signature.parameters.items():
        value = given.get(key)
        if value is None or value == () or value == []:
            continue
        for one in named(parameter.annotation):
            if one.applies(given):
                _check(one.what, value, given)


def _check(what: str, value: Any, given: Mapping[str, Any]) -> None:
    if what in BY_THE_COMMAND:
        return
    from cartograd.apps.cli import lookups  # reads more files than help needs

    if what in lookups.WHOLE:
        lookups.WHOLE[what](value, given)
        return
    assert what in lookups.CHECKS or what in KINDS, what
    look: Callable[[Any], object] = lookups.CHECKS.get(what) or lookups.method(what)
    for word in value if isinstance(value, tuple | list) else (value,):
        look(word)
