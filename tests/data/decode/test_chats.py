"""Chats in the shapes that files come in, and what is wrong with lines of them."""

import json

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.decode.chats import parse_chats

HI = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"})


def parsed(*rows):
    return parse_chats("\n".join(map(json.dumps, rows)), source="talk.jsonl")


@pytest.mark.parametrize(
    "row",
    [
        {"messages": list(HI)},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                      {"role": "Assistant", "content": "Hello!", "name": None}]},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}]},
        {"conversations": list(HI)},
        {"instruction": "Hi", "input": "", "output": "Hello!"},
        {"prompt": "Hi", "completion": "Hello!"},
        {"prompt": [{"role": "user", "content": "Hi"}],
         "completion": [{"role": "assistant", "content": "Hello!"}]},
    ],
)  # fmt: skip
def test_every_shape_is_the_same_chat(row):
    assert parsed(row).talks == [HI]


def test_system_and_input_are_kept_and_shapes_are_counted():
    found = parsed(
        {"instruction": "Add.", "input": "1, 2", "output": "3", "system": "Be brief."},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}],
         "system": "Be brief."},
        {"text": "All of it."},
    )  # fmt: skip
    system = {"role": "system", "content": "Be brief."}
    assert found.talks[0][:2] == (system, {"role": "user", "content": "Add.\n\n1, 2"})
    assert found.talks[1] == (system, *HI)
    assert found.talks[2] == "All of it."
    assert found.shapes == {"instruction": 1, "conversations": 1, "text": 1}
    assert found.told[0].startswith("1 instructions as Alpaca writes them")


def test_a_json_list_is_read_too():
    found = parse_chats(json.dumps([{"prompt": "Hi", "completion": "Hello!"}] * 2), source="x.json")
    assert (found.talks, found.lines, found.unit) == ([HI, HI], [1, 2], "item")


def test_what_nobody_answers_is_left_out_and_told():
    found = parsed(
        {"prompt": "Hi", "completion": "Hello!"},
        {"prompt": "Hi", "completion": "  "},
        {"messages": [{"role": "user", "content": "Hi"}]},
        {"text": ""},
    )
    assert (found.lines, found.empty, found.unanswered) == ([1], [2, 4], [3])
    assert found.told[1:] == [
        "left out, 2 with an empty answer (first in line 2)",
        "left out, 1 with no answer (first in line 3)",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"text": "a"}\n{"text"\n', "talk.jsonl, line 2 is no JSON: "),
        ("[1]", "item 1 holds a int; expected an object"),
        ('{"text": "a"}\n\n["b"]', "line 3 holds a list; expected an object"),
        ('{"question": "a"}', "line 1 has the keys question; expected one of messages, conv"),
        ('{"messages": "a"}', "line 1 holds no list of messages"),
        ('{"messages": [{"role": "usr", "content": "a"}]}', "role of message 1 of .*did you mean"),
        ('{"conversations": [{"from": 3, "value": "a"}]}', "unknown from of message 1"),
        ('{"conversations": []}', "talk.jsonl holds no chat with an answer"),
        ('{"prompt": "a", "completion": {"image": "b"}}', "completion is no text"),
        ("", "holds no chat with an answer"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text, told):
    with pytest.raises(UsageError, match=told):
        parse_chats(text, source="talk.jsonl")
