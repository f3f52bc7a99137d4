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
from typing import Any, Protocol, runtime_checkable

from cartograd.apps.gate.gate import Gate
from cartograd.apps.gate.verdict import Verdict
from cartograd.apps.tools.tool import Tool
from cartograd.core.errors import UsageError, unknown

STEPS = 6
"""Most calls and answers."""

CHOICES = ("auto", "required")
"""Whether a model may answer at once, or has to call a tool first."""


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


@runtime_checkable
class Caller(Protocol):
    """A model that calls tools."""

    def move(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Tool], must_call: bool, /
    ) -> Move:
        """What it does next; without tools it can only answer, and if it must, only call one."""
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
        refused: what a gate says that refused the question or the answer, which is then empty.
    """

    answer: str
    steps: tuple[Step, ...]
    ended: bool
    refused: Verdict | None = None


def loop(
    caller: Caller,
    question: str,
    tools: Sequence[Tool],
    /,
    *,
    steps: int = STEPS,
    seconds: float | None = None,
    tool_choice: str = "auto",
    seen: Callable[[Step], object] | None = None,
    gate: Gate | None = None,
) -> Asked:
    """Let a model call tools until it answers.

    Args:
        caller: the model.
        question: of the user.
        tools: that it may call.
        steps: most calls and answers; the last one has to be an answer.
        seconds: after which it has to answer; any number if not given.
        tool_choice: "auto", or "required": the first step has to be a call.
        seen: is told each step when it is over.
        gate: what the question, what tools say and the answer have to pass. What a tool says that
            is refused is kept from the model, which is told so.

    Raises:
        UsageError: two tools have one name, or there are too few steps.
    """
    named = {tool.name: tool for tool in tools}
    if len(named) < len(tools):
        raise UsageError("two tools have the same name; give each its own")
    least = 2 if tool_choice == "required" else 1
    if tool_choice not in CHOICES:
        raise unknown("tool_choice", tool_choice, CHOICES)
    if steps < least or (least == 2 and not tools):
        raise UsageError(
            f"steps={steps} with {len(named)} tools is too few; tool_choice={tool_choice} needs "
            f"{least} steps" + " and a tool" * (least - 1)
        )
    if gate is not None and (told := gate.asked(question)).refused:
        return Asked("", (), False, told)
    messages: list[Mapping[str, Any]] = [{"role": "user", "content": question}]
    start, done = time.monotonic(), list[Step]()
    while True:
        begin = time.monotonic()
        last = len(done) == steps - 1 or (seconds is not None and begin - start > seconds)
        must = tool_choice == "required" and not done
        move = caller.move(messages, () if last else tuple(named.values()), must)
        result, told = _result(move, named, gate)
        done.append(Step(move.tool, move.arguments, result, time.monotonic() - begin))
        if seen is not None:
            seen(done[-1])
        if move.tool is None or last:
            answer = result if move.tool is None else ""
            return Asked(answer, tuple(done), move.tool is None and not last, told)
        messages += [move.said, caller.told(move, result)]


def _result(move: Move, named: Mapping[str, Tool], gate: Gate | None) -> tuple[str, Verdict | None]:
    """What comes of a move, and why its answer is refused, if it is."""
    if move.tool is None:
        told = None if gate is None else gate.check(move.answer, "answer")
        return ("", told) if told is not None and told.refused else (move.answer, None)
    if move.tool not in named:
        there = ", ".join(named) or "none"
        return f"error: there is no tool {move.tool!r}; there are {there}", None
    result = named[move.tool].answer(move.arguments)
    told = None if gate is None else gate.check(result, "prompt")
    if told is not None and told.refused:
        return f"error: what the tool says is refused: {told.why}", None
    return result, None
