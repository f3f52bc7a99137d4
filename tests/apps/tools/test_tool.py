"""Functions as tools: their schemas, their arguments, their answers."""

from typing import Literal

import pytest

from cartograd.apps.tools.tool import LONGEST, Tool, declared
from cartograd.core.errors import UsageError


def weather(city: str, days: int = 1, unit: Literal["C", "F"] = "C", at: list[float] | None = None):
    """The weather of a city,
    for some days.

    Args:
        city: its name.
        days: how many.
    """
    return {"city": city, "days": days, "unit": unit, "at": at}


def test_a_function_says_all_of_its_schema():
    tool = declared(weather)
    assert (tool.name, tool.does) == ("weather", "The weather of a city, for some days.")
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "its name."},
            "days": {"type": "integer", "description": "how many."},
            "unit": {"enum": ["C", "F"]},
            "at": {"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "null"}]},
        },
        "required": ["city"],
    }


def test_arguments_are_checked_in_any_order():
    tool = declared(weather)
    assert tool.answer({"unit": "F", "city": "Bern"}) == (
        '{"city": "Bern", "days": 1, "unit": "F", "at": null}'
    )
    for wrong in (
        {}, {"city": 3}, {"city": "x", "days": 1.5}, {"city": "x", "unit": "K"}, [], "city",
        {"city": "x", "more": 1}, {"city": "x", "at": ["y"]},
    ):  # fmt: skip
        assert tool.answer(wrong).endswith("do not follow the schema of weather")


def test_what_a_tool_raises_is_told_and_long_answers_are_cut():
    def fails():
        """Fails."""
        raise RuntimeError("no\nroute")

    assert declared(fails).answer({}) == "error: no"
    tool = Tool("long", "much", {"type": "object"}, lambda: "x" * 9_999)
    assert tool.answer({}).endswith("(9999 characters)")
    assert len(tool.answer({})) < LONGEST + 30


def bare(x):
    """No types."""


def silent(x: int):
    return x


def strange(x: set[int]):
    """Sets."""


def positional(x: int, /):
    """By place."""


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (bare, "the argument x has no type"),
        (silent, "silent has no docstring"),
        (strange, "expected str, int, float"),
        (positional, "has no name to be given by"),
        (print, "is no function"),
    ],
)
def test_what_is_no_tool_is_refused(function, said):
    with pytest.raises(UsageError, match=said):
        declared(function)


def test_names_and_schemas_are_checked():
    with pytest.raises(UsageError, match="is no name of a tool"):
        Tool("a b", "x", {"type": "object"}, print)
    with pytest.raises(UsageError, match="no schema of an object"):
        Tool("a", "x", {"type": "string"}, print)
    with pytest.raises(UsageError, match="did you mean 'required'"):
        Tool("a", "x", {"type": "object", "requird": []}, print)
