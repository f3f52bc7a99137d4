"""A model of ours that calls tools: each of its messages is bound to a schema."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cartograd.apps.load.target import name_of
from cartograd.apps.load.writing import Writing
from cartograd.apps.tools.loop import Move
from cartograd.apps.tools.tool import Tool
from cartograd.apps.verbs.generate import generate
from cartograd.core.errors import UsageError

LENGTH = 128
"""Most new tokens of a step."""

LONGEST = 400
"""Most characters of an answer."""

INTRODUCTION = """\
You answer questions, and may call tools first. Each of your messages is one JSON object:
{examples}
or, when you know the answer, {{"answer": "..."}}.

The tools:
{tools}"""


class OwnCaller:
    """A model of texts that calls tools.

    Args:
        writing: the model.
        options: of `generate`: `length`, `samplers`, `seed`.

    Raises:
        UsageError: the model knows no chats.
    """

    def __init__(self, writing: Writing, /, **options: Any) -> None:
        if not writing.tokenizer.template:
            raise UsageError(
                f"{name_of(writing.signed)} has no template for chats; tools are called in a chat"
            )
        self.writing, self.options = writing, {"length": LENGTH} | options

    def move(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Tool], must_call: bool, /
    ) -> Move:
        """What it does next; without tools it can only answer, and if it must, only call one."""
        schema = schema_of(tools, must_call)
        told = [{"role": "system", "content": introduction(tools)}] if tools else []
        rows = [[*told, *self._shown(tools), *messages]]
        text = generate(self.writing, rows, schema=schema, **self.options)[0].text
        said = json.loads(text)
        message = {"role": "assistant", "content": text}
        if "answer" in said:
            return Move(None, None, said["answer"], message)
        return Move(said["tool"], said["arguments"], "", message)

    def _shown(self, tools: Sequence[Tool]) -> list[Mapping[str, Any]]:
        """The tools' examples as a conversation."""
        shown: list[Mapping[str, Any]] = []
        for tool in tools:
            if tool.example is None:
                continue
            question, arguments, answer = tool.example
            said = json.dumps({"tool": tool.name, "arguments": arguments}, ensure_ascii=False)
            call = Move(tool.name, arguments, "", {"role": "assistant", "content": said})
            answered = json.dumps({"answer": answer}, ensure_ascii=False)
            shown += [
                {"role": "user", "content": question}, call.said,
                self.told(call, tool.answer(arguments)), {"role": "assistant", "content": answered},
            ]  # fmt: skip
        return shown

    def told(self, move: Move, result: str, /) -> Mapping[str, Any]:
        """The message that tells it what a tool has said."""
        return {"role": "user", "content": f"{move.tool} says: {result}"}


def schema_of(tools: Sequence[Tool], must_call: bool = False, /) -> dict[str, Any]:
    """The schema of a step: a call of one of the tools, or an answer."""
    answer = {
        "type": "object",
        "properties": {"answer": {"type": "string", "minLength": 1, "maxLength": LONGEST}},
        "required": ["answer"],
    }
    calls = [
        {
            "type": "object",
            "properties": {"tool": {"const": tool.name}, "arguments": tool.parameters},
            "required": ["tool", "arguments"],
        }
        for tool in tools
    ]
    ways = calls if must_call else [*calls, answer]
    return {"anyOf": ways} if len(ways) > 1 else ways[0]


def introduction(tools: Sequence[Tool], /) -> str:
    """What a model is told about the tools."""
    lines = [
        json.dumps({"name": one.name, "does": one.does, "arguments": dict(one.parameters)})
        for one in tools
    ]
    examples = []
    for one in tools:
        arguments = dict.fromkeys(one.parameters.get("properties", {}), "...")
        examples.append(json.dumps({"tool": one.name, "arguments": arguments}))
    return INTRODUCTION.format(examples="\n".join(examples), tools="\n".join(lines))
