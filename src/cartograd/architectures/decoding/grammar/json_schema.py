"""JSON schemas as rules: every text that follows them is JSON that the schema allows.

An object is written with the properties that the schema names, in its order; others it never has,
though the schema may allow them. Between the parts there may be a space. A key of a schema that is
not known here, or not in this place, is refused by name, so that nothing is left out in silence.

References:
    JSON Schema, draft 2020-12. https://json-schema.org/draft/2020-12
    RFC 8259, The JavaScript Object Notation, 2017. https://www.rfc-editor.org/rfc/rfc8259

>>> sorted(rules_of({"type": "array", "items": {"type": "boolean"}}))
['#', 'a character of a text']
"""

import json
from collections.abc import Mapping
from typing import Any

from cartograd.architectures.decoding.grammar.expressions import (
    EMPTY,
    NEVER,
    Expression,
    Rule,
    choice,
    literal,
    optional,
    repeated,
    sequence,
)
from cartograd.architectures.decoding.grammar.json_numbers import NUMBER, number_of
from cartograd.architectures.decoding.grammar.json_texts import quoted, rules, text_of
from cartograd.core.errors import UsageError, unknown

ROOT = "#"
"""The rule of the whole schema."""

ANYTHING = "any JSON"
"""The rule of any value."""

SILENT = {
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
    "$schema", "$id", "$comment", "$defs", "definitions", "$anchor",
}  # fmt: skip
"""Keys that ask nothing of a value."""

KEYS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "prefixItems", "minItems", "maxItems"},
    "string": {"minLength", "maxLength", "pattern", "format"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "boolean": set(),
    "null": set(),
}
"""Keys that are known, by the type of a value."""

WHOLE = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")
"""Keys that say all of a value by themselves."""

COMMA = sequence(literal(","), optional(literal(" ")))
COLON = sequence(literal(":"), optional(literal(" ")))


def rules_of(schema: Any, /) -> dict[str, Expression]:
    """The rules of a schema; `ROOT` is that of a whole text.

    Raises:
        UsageError: it is no schema, or has a key that is not known here, and where.
    """
    made = _Made(schema)
    made.rule(ROOT)
    return made.rules


class _Made:
    """The rules of one schema, as they are needed."""

    def __init__(self, schema: Any) -> None:
        self.schema, self.rules = schema, rules()

    def rule(self, place: str) -> Expression:
        """The rule of the part of the schema at a JSON pointer."""
        if place not in self.rules:
            self.rules[place] = NEVER  # it may need itself
            self.rules[place] = self.value(self._at(place), place)
        return Rule(place)

    def value(self, schema: Any, place: str) -> Expression:
        """What a value may be."""
        if schema is True or schema == {}:
            return self._anything()
        if schema is False:
            return NEVER
        if not isinstance(schema, Mapping):
            raise UsageError(f"the schema at {place} is {schema!r:.40}; expected an object")
        asked = {key: own for key, own in schema.items() if key not in SILENT}
        whole = [key for key in WHOLE if key in asked]
        if whole:
            return self._whole(whole[0], asked, place)
        kinds = self._kinds(asked, place)
        if not asked:
            return self._anything()
        for key in asked:
            if key != "type" and not any(key in KEYS[kind] for kind in kinds):
                known = sorted({"type", *WHOLE}.union(*(KEYS[kind] for kind in kinds)))
                raise UsageError(
                    f"the schema at {place}, a value of type {' or '.join(kinds)}: "
                    f"{unknown('key', key, known)}"
                )
        ways = [self._of(kind, asked, place) for kind in kinds]
        return ways[0] if len(ways) == 1 else choice(*ways)

    def _kinds(self, asked: Mapping[str, Any], place: str) -> list[str]:
        """The types that a value may have; those of its keys where no type is said."""
        if "type" not in asked:
            fitting = [kind for kind in KEYS if kind != "integer" and KEYS[kind] & set(asked)]
            return fitting or [kind for kind in KEYS if kind != "integer"]
        kinds = [asked["type"]] if isinstance(asked["type"], str) else asked["type"]
        if not isinstance(kinds, list) or not kinds:
            raise UsageError(f"the schema at {place}: type={kinds!r}; expected one of {list(KEYS)}")
        for kind in kinds:
            if kind not in KEYS:
                raise UsageError(f"the schema at {place}: {unknown('type', str(kind), list(KEYS))}")
        return kinds

    def _of(self, kind: str, asked: Mapping[str, Any], place: str) -> Expression:
        if kind == "object":
            return self._object(asked, place)
        if kind == "array":
            return self._array(asked, place)
        if kind == "string":
            return text_of(asked, place)
        if kind == "boolean":
            return choice(literal("true"), literal("false"))
        return literal("null") if kind == "null" else number_of(kind, asked, place)

    def _whole(self, key: str, asked: Mapping[str, Any], place: str) -> Expression:
        """What `$ref`, `enum` and the like say."""
        beside = set(asked) - {key} - ({"type"} if key in ("enum", "const") else set())
        if beside:
            raise UsageError(
                f"the schema at {place} has {sorted(beside)[0]!r} beside {key!r}, which is not "
                "known together; write it into each alternative"
            )
        said = asked[key]
        if key == "$ref":
            if not isinstance(said, str) or not said.startswith("#"):
                raise UsageError(
                    f"the schema at {place}: $ref={said!r}; expected one like #/$defs/x"
                )
            return self.rule(said)
        if key == "const":
            return literal(_json(said))
        if not isinstance(said, list):
            raise UsageError(f"the schema at {place}: {key} is {said!r:.40}; expected a list")
        if key == "enum":
            kinds = self._kinds(asked, place)
            return choice(*(literal(_json(one)) for one in said if _is(one, kinds)))
        ways = [self.value(own, f"{place}/{key}/{i}") for i, own in enumerate(said)]
        if key == "allOf" and len(ways) != 1:
            raise UsageError(
                f"the schema at {place}: allOf of {len(ways)} is not known; write one schema"
            )
        if key == "oneOf":
            self._check_apart(said, place)
        return ways[0] if len(ways) == 1 else choice(*ways)

    def _check_apart(self, ways: list[Any], place: str) -> None:
        """Refuse alternatives of which a value might follow two."""
        kinds = [own.get("type") for own in map(self._seen, ways) if isinstance(own, Mapping)]
        if len(kinds) < len(ways) or None in kinds or len({str(one) for one in kinds}) < len(ways):
            raise UsageError(
                f"the schema at {place}: a value might follow two of oneOf, whose alternatives "
                "have no types of their own; write anyOf"
            )

    def _seen(self, schema: Any) -> Any:
        """A schema, or what it refers to."""
        if isinstance(schema, Mapping) and str(schema.get("$ref", "")).startswith("#"):
            return self._at(schema["$ref"])
        return schema

    def _object(self, asked: Mapping[str, Any], place: str) -> Expression:
        named = asked.get("properties", {})
        required = asked.get("required", [])
        if not isinstance(named, Mapping) or not isinstance(required, list):
            raise UsageError(
                f"the schema at {place}: expected an object of properties and a list of required"
            )
        others = asked.get("additionalProperties", True)
        named = dict(named) | {name: others for name in required if name not in named}
        if not named:
            return self._free_object(others, place)
        said = asked.get("properties", {})
        parts = []
        for name, own in named.items():
            at = f"{place}/properties/{_escape(name)}"
            value = self.rule(at) if name in said else self.value(own, at)
            parts.append((sequence(literal(_json(name)), COLON, value), name in required))
        first: Expression = literal("}")  # what may follow where nothing has been written
        later: Expression = literal("}")
        for i in reversed(range(len(parts))):
            part, needed = parts[i]
            name = f"{place} after {i}"
            self.rules[name] = later
            with_first = sequence(part, Rule(name))
            with_later = sequence(COMMA, part, Rule(name))
            first = with_first if needed else choice(with_first, first)
            later = with_later if needed else choice(with_later, later)
        return sequence(literal("{"), first)

    def _free_object(self, others: Any, place: str) -> Expression:
        """An object of any keys."""
        if others is False:
            return literal("{}")
        own = self.value(others, f"{place}/additionalProperties")
        pair = sequence(quoted(), COLON, own)
        return sequence(
            literal("{"), optional(sequence(pair, repeated(sequence(COMMA, pair)))), literal("}")
        )

    def _array(self, asked: Mapping[str, Any], place: str) -> Expression:
        low, high = asked.get("minItems", 0), asked.get("maxItems")
        if not _counts(low) or not (high is None or _counts(high)):
            raise UsageError(f"the schema at {place}: minItems and maxItems are counts")
        said = asked.get("prefixItems", [])
        if not isinstance(said, list):
            raise UsageError(f"the schema at {place}: prefixItems is a list of schemas")
        heads = [self.value(own, f"{place}/prefixItems/{i}") for i, own in enumerate(said)]
        more = self.value(asked.get("items", True), f"{place}/items")
        if high is not None:
            heads = heads[:high]
        if high is not None and high < low:
            return NEVER
        inside = _items(heads, more, low, high)
        return sequence(literal("["), inside if low else optional(inside), literal("]"))

    def _anything(self) -> Expression:
        if ANYTHING not in self.rules:
            own = Rule(ANYTHING)
            pair = sequence(quoted(), COLON, own)
            self.rules[ANYTHING] = choice(
                literal("null"), literal("true"), literal("false"), NUMBER, quoted(),
                _list("[", own, "]"), _list("{", pair, "}"),
            )  # fmt: skip
        return Rule(ANYTHING)

    def _at(self, place: str) -> Any:
        """The part of the schema at a JSON pointer."""
        found, said = self.schema, place.removeprefix("#").lstrip("/")
        for step in said.split("/") if said else ():
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            elif isinstance(found, Mapping) and step in found:
                found = found[step]
            else:
                raise UsageError(f"the schema refers to {place}, which is not there")
        return found


def _items(heads: list[Expression], more: Expression, low: int, high: int | None) -> Expression:
    """One or more items: the first ones by themselves, then more of one kind."""
    if high == 0:
        return EMPTY
    first, rest = (heads[0], heads[1:]) if heads else (more, [])
    least, most = max(0, low - 1 - len(rest)), None if high is None else high - 1 - len(rest)
    tail: Expression = repeated(sequence(COMMA, more), least, most)
    for i in reversed(range(len(rest))):
        with_one = sequence(COMMA, rest[i], tail)
        tail = with_one if i + 1 < low else optional(with_one)
    return sequence(first, tail)


def _list(begin: str, item: Expression, end: str) -> Expression:
    items = sequence(item, repeated(sequence(COMMA, item)))
    return sequence(literal(begin), optional(items), literal(end))


def _counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is(value: Any, kinds: list[str]) -> bool:
    """Whether a value is of one of some types."""
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, int | float):
        return "number" in kinds or ("integer" in kinds and float(value).is_integer())
    named = {str: "string", list: "array", dict: "object", type(None): "null"}
    return named[type(value)] in kinds


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
