"""Texts that are written between two looks of a gate: at the prompts, and at the answers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cartograd.apps.gate.gate import Gate, said_by
from cartograd.apps.gate.verdict import Verdict
from cartograd.apps.results.written import Written
from cartograd.data.text.chat import Messages


def gated(
    gate: Gate,
    prompts: Sequence[Messages],
    write: Callable[[list[Messages]], list[Written]],
    /,
    *,
    count: int = 1,
) -> list[Written]:
    """What is written after prompts that pass, where that passes, too; in the order of prompts.

    Args:
        gate: what they have to pass.
        prompts: texts or conversations; those that are refused never reach the model.
        write: gives the texts of prompts, `count` for each.
        count: texts for each prompt.
    """
    verdicts = [gate.asked(one) for one in prompts]
    admitted = [one for one, told in zip(prompts, verdicts, strict=True) if not told.refused]
    texts = iter(write(admitted) if admitted else [])
    return [
        kept_out(prompt, told) if told.refused else passed(gate, next(texts))
        for prompt, told in zip(prompts, verdicts, strict=True)
        for _ in range(count)
    ]


def passed(gate: Gate, found: Written, /) -> Written:
    """A text that passes; of one that does not, only why."""
    told = gate.check(found.text, "answer")
    return replace(found, text="", tokens=(), refused=told) if told.refused else found


def kept_out(prompt: Messages, told: Verdict, /) -> Written:
    """What stands in the place of an answer to a prompt that never reached the model."""
    text = prompt if isinstance(prompt, str) else "\n".join(said_by(prompt))
    return Written(text, "", (), 0, False, 0.0, told)
