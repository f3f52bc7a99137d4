"""Preferences of every shape, and lines that are none."""

import json

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.decode.preferences import parse_preferences

USER, ANSWER = ({"role": role, "content": text} for role, text in
                (("user", "Hi"), ("assistant", "Hello!")))  # fmt: skip
OTHER = ANSWER | {"content": "What?"}


def parsed(*rows):
    return parse_preferences("\n".join(map(json.dumps, rows)), source="liked")


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"},
        {"prompt": [USER], "chosen": [ANSWER], "rejected": [OTHER]},
        {"chosen": [USER, ANSWER], "rejected": [USER, OTHER]},
        {"prompt": "Hi", "chosen": [ANSWER], "rejected": "What?"},
    ],
)
def test_shapes_of_pairs(row):
    found = parsed(row)
    assert found.liked[0].better == (USER, ANSWER)
    assert found.liked[0].worse == (USER, OTHER)
    assert found.told == ["1 pairs of answers"]


def test_documents_and_single_answers():
    found = parsed(
        {"chosen": "one", "rejected": "two"},
        {"prompt": "Hi", "completion": "Hello!", "label": True},
        {"prompt": "Hi", "completion": "What?", "label": False},
    )
    first, second, third = found.liked
    assert (first.better, first.worse) == ("one", "two")
    assert (second.better, second.worse) == ((USER, ANSWER), None)
    assert (third.better, third.worse) == (None, (USER, OTHER))
    assert found.told == ["1 pairs of answers, 2 single answers"]


def test_what_says_nothing_is_left_out_and_counted():
    found = parsed(
        {"prompt": "Hi", "chosen": "a", "rejected": "a"},
        {"prompt": "Hi", "chosen": " ", "rejected": "a"},
        {"prompt": "Hi", "chosen": "a", "rejected": "b"},
    )
    assert found.lines == [3]
    assert found.told[1:] == [
        "left out, 1 with an empty answer (first in line 2)",
        "left out, 1 with twice the same answer (first in line 1)",
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"chosen": "a"}, "liked, line 1 has the keys chosen; expected chosen with rejected"),
        ({"completion": "a", "label": "good"}, "label is 'good'; expected true or false"),
        ({"chosen": [USER], "rejected": [ANSWER]}, "chosen ends with a message of user"),
        ({"chosen": [{"role": "boss", "content": "a"}], "rejected": [ANSWER]}, "boss"),
        ({"prompt": "Hi", "chosen": 3, "rejected": "b"}, "assistant is no text"),
        ("a", "line 1 holds a str; expected an object"),
    ],
)
def test_other_lines_are_named(row, message):
    with pytest.raises(UsageError, match=message):
        parsed(row)


def test_broken_json_and_nothing():
    with pytest.raises(UsageError, match="liked, line 1 is no JSON"):
        parse_preferences("{", source="liked")
    with pytest.raises(UsageError, match="holds no preference"):
        parsed({"chosen": "a", "rejected": "a"})
