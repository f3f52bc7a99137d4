"""Ask a model that may call tools: a calculator, a search in your texts, functions of yours."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cartograd.apps.cli import output
from cartograd.apps.cli.common import File, Gates, Seed
from cartograd.apps.cli.gate_flags import REFUSED, gate_from
from cartograd.apps.cli.names import naming

TOOLS = ("calculator",)
"""Unless told otherwise."""


def ask_(
    target: Annotated[str, naming("answerer")],
    question: str,
    /,
    *,
    tools: Annotated[tuple[str, ...], naming("tool")] = TOOLS,
    steps: int = 6,
    seconds: float | None = None,
    tool_choice: str = "auto",
    length: int | None = None,
    temperature: float | None = None,
    seed: Seed = None,
    transcript: File = None,
    gate: Gates = (),
    gate_report: File = None,
    json: bool = False,
) -> int:
    """Ask a model that may call tools first; each step is bound to the schema of a call.

    Each call is printed with what came of it. Only the tools that are named can be called, with
    arguments that follow their schemas.

    Args:
        target: a run or bundle folder, published weights like smollm2, or the address of a server
            with OpenAI's protocol, like http://127.0.0.1:8000/v1#model.
        question: the text.
        tools: what it may call: calculator, search:FOLDER (of texts), or MODULE:FUNCTION of
            yours, after --import MODULE; several with a flag each.
        steps: most calls and answers; in the last one it can only answer.
        seconds: after which it has to answer.
        tool_choice: auto, or required: it has to call a tool first.
        length: the most new tokens of a step; 128 if left out.
        temperature: draw tokens, below 1 more careful, above 1 bolder; the likeliest if left out.
        seed: of the draws; 0 if left out.
        transcript: a file for the steps, a line of JSON each, and for what a gate refused.
        gate: what the question, what tools say and the answer have to pass: rules (the package's),
            a run that classifies texts, or a .toml of your own rules; several with a flag each. The
            exit code is 1 where the question or the answer is refused.
        gate_report: a file for what the gate says of each text it looks at, with its score; a line
            of JSON each.
        json: print one object.
    """
    from cartograd.apps.load.endpoint import is_endpoint
    from cartograd.apps.tools.ask import ask, tool_of

    ready = [tool_of(one) for one in tools]  # refused before a model is loaded
    guard = gate_from(gate, gate_report)
    if is_endpoint(target):
        options = {"max_tokens": length, "temperature": temperature, "seed": seed}
    else:
        drawn = temperature is not None
        options = {
            "length": length,
            "samplers": f"temperature:temperature={temperature}" if drawn else None,
            "seed": 0 if drawn and seed is None else seed,
        }
    found = ask(
        target, question, tools=ready, steps=steps, seconds=seconds, tool_choice=tool_choice,
        transcript=transcript, seen=None if json else _shown, gate=guard,
        **{key: own for key, own in options.items() if own is not None},
    )  # fmt: skip
    if json:
        told = None if found.refused is None else found.refused.to_json()
        output.emit(asdict(found) | {"refused": told})
        return REFUSED if told else 0
    if found.refused is not None:
        output.note(found.refused.line())
    else:
        if not found.ended:
            output.note("the steps or the time were over: it was made to answer")
        print(found.answer)
    if transcript is not None:
        output.note(f"written     {Path(transcript)}")
    return 0 if found.refused is None else REFUSED


def _shown(step: object) -> None:
    from cartograd.apps.tools.loop import Step

    if isinstance(step, Step) and step.tool is not None:
        output.note(f"{step.tool} {step.arguments}: {step.result[:200]}")
