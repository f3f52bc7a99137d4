"""The rules of a form that texts are to have, read before any model is loaded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cartograd.architectures.decoding.grammar import gbnf, json_schema
from cartograd.architectures.decoding.grammar.expressions import Expression
from cartograd.architectures.decoding.grammar.patterns import pattern as pattern_of
from cartograd.core.errors import UsageError


def rules_of(
    *, schema: Any = None, grammar: str | Path | None = None, pattern: str | None = None
) -> tuple[dict[str, Expression], str]:
    """The rules of a schema, a grammar or a pattern, and which of them a whole text follows.

    Where nothing is asked there are none.

    Raises:
        UsageError: there are several, or one is not understood.
    """
    asked = {"schema": schema, "grammar": grammar, "pattern": pattern}
    said = [key for key, own in asked.items() if own is not None]
    if len(said) > 1:
        raise UsageError(f"a text has one form; {' and '.join(said)} were given")
    if schema is not None:
        return _schema(schema)
    if grammar is not None:
        text, name = _read(str(grammar), "::=", "grammar")
        return gbnf.rules_of(text, name=name), gbnf.ROOT
    if pattern is not None:
        return {"pattern": pattern_of(pattern)}, "pattern"
    return {}, ""


def _schema(said: Any) -> tuple[dict[str, Expression], str]:
    """The rules of a schema."""
    if isinstance(said, Mapping | bool):
        return json_schema.rules_of(said), json_schema.ROOT
    text, name = _read(str(said), "{", "schema")
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is no JSON: {error}") from error
    return json_schema.rules_of(schema), json_schema.ROOT


def _read(said: str, sign: str, what: str) -> tuple[str, str]:
    """A text that has a certain sign, or that of a file; and what messages call it."""
    if sign in said or said in ("true", "false"):
        return said, f"the {what}"
    try:
        return Path(said).read_text(encoding="utf-8"), said
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"there is no {what} {said!r:.80} ({type(error).__name__}); expected a file of it, or "
            "the text itself"
        ) from error
