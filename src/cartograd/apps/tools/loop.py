"""The loop: a model says which tool to call with what, and is told what it says, until it answers.

Each step is one of two JSON objects, to which the model is bound: a call `{"tool": ...,
"arguments": {...}}` with arguments that follow the tool's schema, or `{"answer": "..."}`. In the
last step it can only answer. So there is nothing to guess from its words, and nothing else happens
than calls of the tools that were declared; what a tool says can call nothing by itself.

References:
    Shunyu Yao, Jeffrey Zhao, Dian Yu, Nan Du, Izhak Shafran, Karthik Narasimhan, Yuan Cao. ReAct:
    synergizing reasoning and acting in language models. ICLR 2023.
    https://arxiv.org/abs/2210.03629
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cartograd.apps.tools.tool import Tool
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

STEPS = 6
"""Most calls and answers."""


@dataclass(frozen=True)
class Move:
    """What a model does next: it calls a tool, or answers.

    Attributes:
        tool: its name; None for an answer.
        arguments: of the call.
        answer: the text.
        said: the message by which the model said so, for the conversation.
    """

    tool: str | None
    arguments: Any
    answer: str
    said: Mapping[str, Any]


class Caller(Protocol):
    """A model that calls tools."""

    def move(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Tool], /) -> Move:
        """What it does next; without tools it can only answer."""
        ...

    def told(self, move: Move, result: str, /) -> Mapping[str, Any]:
        """The message that tells it what a tool has said."""
        ...


@dataclass(frozen=True)
class Step:
    """One step of a transcript."""

    tool: str | None
    arguments: Any
    result: str
    seconds: float


@dataclass(frozen=True)
class Asked:
    """An answer, and how it came about.

    Attributes:
        answer: the text.
        steps: calls with what came of them; the last one is the answer.
        ended: whether the model answered by itself, and not because its steps were over.
    """

    answer: str
    steps: tuple[Step, ...]
    ended: bool


def loop(
    caller: Caller,
    question: str,
    tools: Sequence[Tool],
    /,
    *,
    steps: int = STEPS,
    seconds: float | None = None,
    seen: Callable[[Step], object] = lambda step: None,
) -> Asked:
    """Let a model call tools until it answers.

    Args:
        caller: the model.
        question: of the user.
        tools: that it may call.
        steps: most calls and answers; the last one has to be an answer.
        seconds: after which it has to answer; any number if not given.
        seen: is told each step when it is over.

    Raises:
        UsageError: two tools have one name, or there are no steps.
    """
    named = {tool.name: tool for tool in tools}
    if len(named) < len(tools):
        raise UsageError("two tools have the same name; give each its own")
    if steps < 1:
        raise UsageError(f"steps={steps} is out of range; expected at least one")
    messages: list[Mapping[str, Any]] = [{"role": "user", "content": question}]
    start, done = time.monotonic(), list[Step]()
    while True:
        begin = time.monotonic()
        last = len(done) == steps - 1 or (seconds is not None and begin - start > seconds)
        move = caller.move(messages, () if last else tuple(named.values()))
        if move.tool is None:
            result = move.answer
        elif move.tool in named:
            result = named[move.tool].answer(move.arguments)
        else:
            result = f"error: there is no tool {move.tool!r}; there are {', '.join(named) or 'none'}"
        done.append(Step(move.tool, move.arguments, result, time.monotonic() - begin))
        seen(done[-1])
        if move.tool is None or last:
            answer = result if move.tool is None else ""
            return Asked(answer, tuple(done), move.tool is None and not last)
        messages += [move.said, caller.told(move, result)]
