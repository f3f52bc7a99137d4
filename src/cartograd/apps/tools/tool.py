"""A tool: a function that a language model may call, and a JSON schema of its arguments.

>>> def double(number: int) -> int:
...     '''Twice a number.
...
...     Args:
...         number: which one.
...     '''
...     return 2 * number
>>> tool = declared(double)
>>> tool.name, tool.does, tool.parameters["properties"]
('double', 'Twice a number.', {'number': {'type': 'integer', 'description': 'which one.'}})
>>> tool.answer({"number": 21}), tool.answer({"number": "x"})
('42', "error: the arguments {'number': 'x'} do not follow the schema of double")
"""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args, get_origin, get_type_hints

from cartograd.architectures.decoding.grammar.automaton import NOWHERE, Automaton
from cartograd.architectures.decoding.grammar.json_schema import ROOT, rules_of
from cartograd.architectures.decoding.grammar.machine import Machine
from cartograd.core.errors import UsageError, first_line

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""What the protocols allow as a name."""

TYPES: dict[Any, dict[str, Any]] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"},
    bool: {"type": "boolean"}, list: {"type": "array"}, dict: {"type": "object"},
}  # fmt: skip

LONGEST = 4_000
"""Most characters of an answer that a model is shown."""


@dataclass(frozen=True)
class Tool:
    """A function that a model may call.

    Attributes:
        name: of letters, digits, _ and -.
        does: what it does, in a sentence that the model reads.
        parameters: a JSON schema of an object, whose properties are the arguments.
        call: the function; takes the arguments by their names.
        example: a question, the arguments to call it with, and the answer then; small models need
            to see one.

    Raises:
        UsageError: the name or the schema is not understood.
    """

    name: str
    does: str
    parameters: Mapping[str, Any]
    call: Callable[..., Any]
    example: tuple[str, Mapping[str, Any], str] | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise UsageError(
                f"{self.name!r} is no name of a tool; expected letters, digits, _ and -"
            )
        if self.parameters.get("type") != "object":
            raise UsageError(f"the parameters of {self.name} are no schema of an object")
        self._automaton  # refused here, not at the first call  # noqa: B018

    def answer(self, arguments: Any, /) -> str:
        """What it says to some arguments; a mistake is an answer, too: the model can mend it."""
        if not self.takes(arguments):
            return (
                f"error: the arguments {arguments!r:.200} do not follow the schema of {self.name}"
            )
        try:
            found = self.call(**arguments)
        except Exception as error:
            return f"error: {first_line(error)}"[:LONGEST]
        text = (
            found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)
        )
        return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text)} characters)"

    def takes(self, arguments: Any, /) -> bool:
        """Whether arguments follow the schema."""
        if not isinstance(arguments, dict):
            return False
        order = list(self.parameters.get("properties", {}))
        if set(arguments) - set(order) and order:
            return False
        sorted_ones = {key: arguments[key] for key in order if key in arguments} or arguments
        text = json.dumps(sorted_ones, ensure_ascii=False).encode(errors="replace")
        state = self._automaton.after(self._automaton.START, text)
        return state != NOWHERE and bool(self._automaton.ends[state])

    @cached_property
    def _automaton(self) -> Automaton:
        return Automaton(Machine(rules_of(self.parameters), ROOT))


def declared(function: Callable[..., Any], /) -> Tool:
    """A function with annotated arguments as a tool: its docstring says what it does.

    Known are `str`, `int`, `float`, `bool`, `list`, `dict`, `list[...]`, `Literal[...]` and `X |
    None`; an argument with a default may be left out.

    Raises:
        UsageError: it says nothing of itself, or has an argument that is not understood.
    """
    if not (inspect.isfunction(function) or inspect.ismethod(function)):
        raise UsageError(f"{function!r:.60} is no function; a tool is one with annotated arguments")
    name = function.__name__
    text = inspect.getdoc(function) or ""
    if not text:
        raise UsageError(f"{name} has no docstring; the model reads there what the tool does")
    hints = get_type_hints(function)
    told = dict(re.findall(r"^\s+(\w+):\s+(.+)$", text.partition("Args:")[2], re.MULTILINE))
    properties, required = {}, []
    for key, one in inspect.signature(function).parameters.items():
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY):
            raise UsageError(f"{name}: the argument {key} has no name to be given by")
        if key not in hints:
            raise UsageError(
                f"{name}: the argument {key} has no type; annotate it, like {key}: str"
            )
        properties[key] = _schema(hints[key], name, key) | (
            {"description": told[key]} if key in told else {}
        )
        if one.default is one.empty:
            required.append(key)
    parameters = {"type": "object", "properties": properties, "required": required}
    return Tool(name, text.partition("\n\n")[0].replace("\n", " "), parameters, function)


def _schema(hint: Any, name: str, key: str) -> dict[str, Any]:
    """The schema of an annotated argument."""
    if hint in TYPES:
        return dict(TYPES[hint])
    inside = get_args(hint)
    if get_origin(hint) is Literal:
        return {"enum": list(inside)}
    if get_origin(hint) is list and len(inside) == 1:
        return {"type": "array", "items": _schema(inside[0], name, key)}
    if type(None) in inside:
        others = [_schema(one, name, key) for one in inside if one is not type(None)]
        return {"anyOf": [*others, {"type": "null"}]}
    raise UsageError(
        f"{name}: the argument {key} is of type {hint!r}; expected str, int, float, bool, list, "
        "dict, Literal[...] or one of them | None"
    )
