"""Ask: a model answers a question, and may call tools first."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from cartograd.apps.gate.gate import gate_of
from cartograd.apps.gate.verdict import Verdict
from cartograd.apps.load.endpoint import Endpoint, is_endpoint
from cartograd.apps.load.target import Target
from cartograd.apps.load.writing import Writing
from cartograd.apps.tools.calculator import CALCULATOR
from cartograd.apps.tools.endpoint_caller import EndpointCaller
from cartograd.apps.tools.loop import STEPS, Asked, Caller, Step, loop
from cartograd.apps.tools.named import SEARCH, check_tool
from cartograd.apps.tools.own_caller import OwnCaller
from cartograd.apps.tools.passages import search_of
from cartograd.apps.tools.tool import Tool, declared
from cartograd.core import user_code
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file

Given = str | Tool | Callable[..., Any]
"""A tool: itself, a function of yours, or the words for one."""


def ask(
    target: Target | Writing,
    question: str,
    /,
    *,
    tools: Sequence[Given] = (CALCULATOR,),
    steps: int = STEPS,
    seconds: float | None = None,
    tool_choice: str = "auto",
    transcript: str | Path | None = None,
    seen: Callable[[Step], object] | None = None,
    gate: Any = None,
    **options: Any,
) -> Asked:
    """Ask a model that may call tools.

    Args:
        target: a model of chats, a run, a bundle, a path, published weights, or the address of a
            server with OpenAI's protocol, like `http://127.0.0.1:8000/v1#model`.
        question: the text.
        tools: that it may call: functions of yours with annotated arguments and a docstring,
            `Tool`s, or words: `calculator`, `search:FOLDER`, `MODULE:FUNCTION`.
        steps: most calls and answers; in the last one it can only answer.
        seconds: after which it has to answer; any number if not given.
        tool_choice: "auto", or "required": it has to call a tool first.
        transcript: a file that each step is written to, as a line of JSON, and at the end why the
            question or the answer was refused, if it was.
        seen: is told each step when it is over.
        gate: what the question, what tools say and the answer have to pass: `rules`, a run that
            classifies texts, a file of rules, several of these, or a `Gate`.
        **options: of `generate`, such as `length`, `samplers` and `seed`; of an address, further
            keys of its requests.

    Raises:
        UsageError: the model knows no chats, a tool is not understood, or an address does not
            answer.
    """
    if not question.strip():
        raise UsageError("the question is empty; expected a text")
    ready = [tool_of(one) for one in tools]
    guard = None if gate is None else gate_of(gate)
    caller: Caller
    if is_endpoint(target):
        caller = EndpointCaller(Endpoint(str(target)), **options)
    elif isinstance(target, Writing):
        caller = OwnCaller(target, **options)
    else:
        caller = OwnCaller(Writing(target), **options)
    kept = partial(_kept, transcript, question)
    found = loop(
        caller, question, ready, steps=steps, seconds=seconds, tool_choice=tool_choice, gate=guard,
        seen=partial(_told, list[Step](), kept, seen),
    )  # fmt: skip
    if found.refused is not None:
        kept(found.steps, found.refused)
    return found


def tool_of(given: Given, /) -> Tool:
    """A tool, from itself, a function or words.

    Raises:
        UsageError: the words are not understood, or the function is not.
    """
    if isinstance(given, Tool):
        return given
    if not isinstance(given, str):
        return declared(given)
    if given == CALCULATOR.name:
        return CALCULATOR
    check_tool(given)
    name, _, rest = given.partition(":")
    if name == SEARCH:
        return search_of(rest)
    found = user_code.function(given, f"the tool {given}")
    return declared(found)


def _told(
    done: list[Step],
    kept: Callable[[Sequence[Step]], object],
    seen: Callable[[Step], object] | None,
    step: Step,
) -> None:
    """Keep a step in the transcript, which is whole after each, and tell it."""
    done.append(step)
    kept(done)
    if seen is not None:
        seen(step)


def _kept(
    transcript: str | Path | None,
    question: str,
    done: Sequence[Step],
    refused: Verdict | None = None,
) -> None:
    """Write the transcript, if there is to be one: the question, the steps, and what refused."""
    if transcript is None:
        return
    lines = [{"question": question}, *map(asdict, done)]
    lines += [] if refused is None else [{"refused": refused.to_json()}]
    write_file(transcript, "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in lines))
