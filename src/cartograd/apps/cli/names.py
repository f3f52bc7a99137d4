"""What the words of a command line name: looked up before anything is loaded, and completed.

`Annotated[str, naming("target")]` says what an argument is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import BoundArguments
from typing import Any, get_args

from cyclopts import Parameter

BY_THE_COMMAND = ("name",)
"""What a command looks up itself: names, where that is all it does."""


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


def asked(bound: BoundArguments, /) -> Iterator[tuple[str, Any]]:
    """What has to be looked up of a command's arguments: what they name, and the words.

    Args:
        bound: what a command is called with.
    """
    given = bound.arguments
    for key, parameter in bound.signature.parameters.items():
        value = given.get(key)
        if value is None or value == () or value == []:
            continue
        for one in named(parameter.annotation):
            if one.what not in BY_THE_COMMAND and one.applies(given):
                yield one.what, value
