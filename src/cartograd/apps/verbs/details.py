"""The arguments of a method, each with where its value came from."""

import ast
from typing import Any

from cartograd.apps.load.settings import Setting
from cartograd.core import registry, source
from cartograd.core.build import today
from cartograd.core.spec import Spec


def arguments_of(kind: str, typed: Spec, full: Spec, origin: str) -> dict[str, Setting]:
    """The arguments of one method, in the order of its signature.

    Args:
        kind: of the method, before each name.
        typed: what was said.
        full: with what follows from the data.
        origin: where what was said came from.
    """
    card, preset = registry.find(typed.name, kind=kind)
    given = today(card, typed.args)
    details = {}
    for argument in source.arguments(card):
        name = argument.name
        if name in given:
            found = Setting(given[name], origin)
        elif name in preset:
            found = Setting(preset[name], "preset")
        elif name in full.args:
            found = Setting(full.args[name], "data")
        elif argument.default is not None:
            found = Setting(_literal(argument.default), "default")
        else:
            continue
        details[f"{kind}.{name}"] = found
    return details


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except ValueError:  # an expression like 8 / 255 is shown as it is written
        return text
