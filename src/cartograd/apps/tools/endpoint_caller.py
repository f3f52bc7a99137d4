"""A model behind an address that calls tools, by OpenAI's protocol.

References:
    OpenAI. API reference, chat completions, tools. 2024.
    https://platform.openai.com/docs/api-reference/chat
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cartograd.apps.load.endpoint import Endpoint
from cartograd.apps.tools.loop import Move
from cartograd.apps.tools.tool import Tool


class EndpointCaller:
    """A model behind an address.

    Args:
        endpoint: the address; its server has to know the protocol's tools.
        options: further keys of each request, such as `max_tokens` and `temperature`.
    """

    def __init__(self, endpoint: Endpoint, /, **options: Any) -> None:
        self.endpoint, self.options = endpoint, options

    def move(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Tool], must_call: bool, /
    ) -> Move:
        """What it does next; without tools it can only answer, and if it must, only call one.

        Of several calls at once the first is taken, and the model is shown only that one.

        Raises:
            UsageError: no answer came in time, or not as the protocol has it.
        """
        said: dict[str, Any] = {"messages": list(messages)} | self.options
        if tools:
            said["tools"] = [described(tool) for tool in tools]
            said["tool_choice"] = "required" if must_call else "auto"
        choice = self.endpoint.choice("/chat/completions", said)
        message = choice.get("message")
        if not isinstance(message, Mapping):
            raise self.endpoint.strange(choice)
        calls = message.get("tool_calls")
        if not calls:
            if not isinstance(message.get("content"), str):
                raise self.endpoint.strange(choice)
            text = message["content"]
            return Move(None, None, text, {"role": "assistant", "content": text})
        try:
            name, given = calls[0]["function"]["name"], calls[0]["function"]["arguments"]
            told = {"id": calls[0]["id"], "type": "function"}
            told["function"] = {"name": name, "arguments": given}
        except (KeyError, TypeError, IndexError) as error:
            raise self.endpoint.strange(choice) from error
        own = {"role": "assistant", "content": None, "tool_calls": [told]}
        return Move(str(name), _read(given), "", own)

    def told(self, move: Move, result: str, /) -> Mapping[str, Any]:
        """The message that tells it what a tool has said."""
        number = move.said["tool_calls"][0]["id"]
        return {"role": "tool", "tool_call_id": number, "content": result}


def described(tool: Tool, /) -> dict[str, Any]:
    """A tool as the protocol describes one."""
    function = {"name": tool.name, "description": tool.does, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _read(given: Any) -> Any:
    """The arguments of a call, which are JSON in a text; what is none is left as it is."""
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return given
