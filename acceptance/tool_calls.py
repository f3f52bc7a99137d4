"""A row on tools: a small model that computes badly, and calls a calculator well."""

import random
import re
import time

from acceptance.session import Outcome, Session
from cartograd.apps.load.writing import Writing
from cartograd.apps.tools.ask import ask
from cartograd.apps.verbs.generate import generate

COMMAND = 'cartograd ask smollm2 "What is 481 plus 29?" --tool-choice required --steps 3'
SIGNS = {"plus": int.__add__, "minus": int.__sub__, "times": int.__mul__}
MANY, LEAST, AHEAD = 20, 0.8, 0.5
"""Questions of a seed, the share that has to be right, and how far above the model alone; set
after six questions of seed 100, all right with the calculator and none without."""


def tool_arithmetic(session: Session, /) -> Outcome:
    """Arithmetic of two numbers in words, with a calculator and by the model alone."""
    writing = Writing("smollm2")
    found, alone, called, cpu = [], [], [], []
    for seed in session.seeds:
        start = time.process_time()
        with_it, without, calls = 0, 0, 0
        for question, right in questions(seed):
            asked = ask(writing, question, steps=3, tool_choice="required", length=64)
            calls += asked.steps[0].result == str(right)
            with_it += numbers(asked.answer)[-1:] == [right]
            said = generate(writing, question, length=64)[0].text
            without += right in numbers(said)
        found.append(with_it / MANY)
        alone.append(without / MANY)
        called.append(calls / MANY)
        cpu.append(time.process_time() - start)
    gains = [a - b for a, b in zip(found, alone, strict=True)]
    return Outcome(
        claim="SmolLM2 of 135 million weights, asked for sums, differences and products of two "
        "numbers, with a calculator",
        command=COMMAND,
        measured=[round(100 * one, 1) for one in found],
        asked=f"for each seed at least {LEAST:.0%} of {MANY} questions right, and "
        f"{AHEAD:.0%} more than the model alone, of which any number of its answer counts",
        passed=min(found) >= LEAST and min(gains) >= AHEAD,
        unit="% right",
        beside={
            "the first call gave the number": ", ".join(f"{one:.0%}" for one in called),
            "the model alone": ", ".join(f"{one:.0%}" for one in alone),
        },
        cpu=cpu,
        wall=cpu,
        notes=[
            "A seed draws the questions: numbers from 11 to 99 and to 999; the model takes the "
            "likeliest token each time. It has to call a tool first; bound to the schema, every "
            "call could be read. Its own answer may have 64 tokens.",
        ],
    )


def questions(seed: int, /) -> list[tuple[str, int]]:
    """Questions of a seed, and their right answers."""
    rng, found = random.Random(seed), list[tuple[str, int]]()
    for _ in range(MANY):
        small, large = rng.randrange(11, 100), rng.randrange(11, 1000)
        word = rng.choice(list(SIGNS))
        found.append((f"What is {large} {word} {small}?", SIGNS[word](large, small)))
    return found


def numbers(text: str, /) -> list[int]:
    """The whole numbers of a text, in order.

    >>> numbers("481 + 29 = 1,510, or -3.")
    [481, 29, 1510, -3]
    """
    return [int(one.replace(",", "")) for one in re.findall(r"-?\d+(?:,\d{3})*", text)]
