"""Schemas: what their automata let through is what jsonschema accepts."""

import json
import random

import jsonschema
import pytest

from cartograd.architectures.decoding.grammar.automaton import NOWHERE, Automaton
from cartograd.architectures.decoding.grammar.json_schema import ROOT, rules_of
from cartograd.architectures.decoding.grammar.machine import Machine
from cartograd.core.errors import UsageError
from tests.architectures.decoding.grammar.walks import walked

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "of": {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3},
    },
    "required": ["age"],
    "title": "A person",
}
TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer", "minimum": -37, "maximum": 205},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value", "next"],
        }
    },
    "$ref": "#/$defs/node",
}
SCHEMAS = [
    True,
    {"type": "object"},
    {"type": "object", "additionalProperties": {"type": "boolean"}},
    PERSON,
    TREE,
    {"type": "string", "pattern": r'^[a-c"\\]+\d{2}$'},
    {"pattern": r"\w+@[^x-z]", "type": "string"},
    *({"type": "string", "format": name} for name in ("date", "date-time", "uuid", "ipv4")),
    {"enum": ["red", 3, None, {"a": [1]}]},
    {"const": "a\n\u2028b"},
    {"type": ["string", "null"], "minLength": 2},
    {"type": "number", "minimum": 0, "maximum": 1},
    {"type": "number", "exclusiveMinimum": -2.5, "exclusiveMaximum": 13.25},
    {"type": "number", "minimum": 0.125, "maximum": 0.13},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    {"type": "number", "maximum": -0.5},
    {"type": "integer", "exclusiveMinimum": 9},
    {"type": "integer", "minimum": -1.5, "exclusiveMaximum": 2},
    {"oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "null"}}]},
    {
        "type": "array",
        "prefixItems": [{"type": "boolean"}, {"const": "x"}],
        "items": {"type": "integer"},
        "minItems": 1,
        "maxItems": 4,
    },
    {"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": False},
    {"type": "object", "required": ["free"], "properties": {"a/b": {"type": "null"}}},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda one: json.dumps(one)[:50])
def test_what_it_lets_through_is_valid(schema):
    automaton, rng = Automaton(Machine(rules_of(schema), ROOT)), random.Random(0)
    shortest = int(automaton.machine.shortest)
    checker = jsonschema.FormatChecker()
    seen = set()
    for number in range(40):
        text = walked(automaton, rng, shortest + number % 4 * 12)
        seen.add(text)
        jsonschema.Draft202012Validator(schema, format_checker=checker).validate(json.loads(text))
    assert len(seen) > 2 or "const" in str(schema)


VALUES = [
    None, True, False, 0, 1, -1, -1.5, 0.125, 0.126, 0.13, 0.131, 13.25, 13.2, -2.5, -2.4, 9, 10,
    120, 121, -37, -38, 205, 206, 99, 1e-3, "", "a", "ab", "red", "a\n\u2028b", [], [None], [True],
    [True, "x"], [True, "x", 4], [False, "y"], [1, 2], [1, 2, 3], {}, {"age": 3}, {"a/b": None},
    {"age": 3, "of": []}, {"name": "é😀", "age": 0, "of": [1.5]}, {"free": [{}]}, {"a": True},
    {"value": 205, "next": {"value": -37, "next": None}}, {"value": 206, "next": None},
    "2024-02-28", "2024-13-01", "127.0.0.1", "127.0.0.256", 'ab"12', "q@a", "q@x",
]  # fmt: skip


def test_values_are_taken_where_jsonschema_takes_them():
    taken = 0
    for schema in SCHEMAS:
        automaton = Automaton(Machine(rules_of(schema), ROOT))
        checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        for value in VALUES:
            if isinstance(schema, dict) and schema.get("format") == "date-time":
                continue  # jsonschema looks at it with another package only
            for split in ((", ", ": "), (",", ":")):
                text = json.dumps(value, ensure_ascii=False, separators=split).encode()
                state = automaton.after(automaton.START, text)
                ours = state != NOWHERE and bool(automaton.ends[state])
                assert ours <= checker.is_valid(value), (schema, value)
                taken += ours
                if not isinstance(value, dict):  # of objects it writes only what is named
                    assert ours == checker.is_valid(value), (schema, value)
    assert taken > 150


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "object", "requird": ["a"]}, "did you mean 'required'"),
        ({"type": "strin"}, "did you mean 'string'"),
        ({"enum": []}, "no text of finite length fits"),
        ({"type": "array", "items": False, "minItems": 1}, "no text of finite length"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "no text of finite length"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "no text of finite length"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "finite"),
        ({"$ref": "#/$defs/q"}, "refers to #/$defs/q, which is not there"),
        ({"$ref": "other.json"}, "expected one like #/$defs/x"),
        ({"$ref": "#"}, "begins with itself"),
        ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "begins with itself"),
        ({"type": "string", "pattern": "(?=a)b"}, "looking around is not known"),
        ({"type": "string", "pattern": "a", "maxLength": 3}, "write the length into the pattern"),
        ({"type": "string", "format": "hostnam"}, "unknown format"),
        ({"oneOf": [{"type": "string"}, {"type": "string"}]}, "write anyOf"),
        ({"allOf": [{"type": "string"}, {"type": "null"}]}, "write one schema"),
        ({"anyOf": [{"type": "null"}], "properties": {}}, "beside 'anyOf'"),
        ([1], "expected an object"),
        ({"properties": [1]}, "an object of properties"),
        ({"type": "integer", "multipleOf": 2}, "unknown key 'multipleOf'"),
        ({"type": "integer", "maximum": True}, "expected a number"),
        ({"type": "string", "maxLength": 10**6}, "100,000 nodes"),
    ],
)
def test_what_is_not_understood_is_refused(schema, said):
    with pytest.raises(UsageError, match=said.replace("$", r"\$")):
        Machine(rules_of(schema), ROOT)
