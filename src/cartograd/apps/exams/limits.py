"""Where a language model ends: sums by digits, chains by steps, copies by length, products.

Each point of a curve is an exam of its own, so any model that sits exams is measured, with an
interval at each point, beside another model on the same questions. Worked examples of the same size
come before a question; products have none, as they are for models that learned them (`--data
multiplication`), whose digits say which points lie within their training and which beyond.

    digits      47+85=132              both numbers with so many digits
    steps       7+5-4+9=17             so many additions and subtractions of a digit
    length      copy qmzt: qmzt        so many letters
    products    47*6=...282            the last number counts, whatever steps stand before it

References:
    Maxwell Nye et al. Show your work: scratchpads for intermediate computation with language
    models. 2021. https://arxiv.org/abs/2112.00114
    Nouha Dziri et al. Faith and fate: limits of transformers on compositionality. NeurIPS 2023.
    https://arxiv.org/abs/2305.18654

>>> [exam.name for exam in exams_of("limits-steps")]
['limits-steps-1', 'limits-steps-2', 'limits-steps-4', 'limits-steps-8']
>>> exams_of("limits-length")[0].items[0]["question"][:5]
'copy '
"""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

from cartograd.apps.exams.exam import Exam, Item, Match, Pipeline, Shots, Writes
from cartograd.core.errors import UsageError
from cartograd.data.sources.multiplication import FACTORS, written

ALL = "limits"
"""The name of all curves together."""

QUESTIONS, EXAMPLES = 50, 4
"""Of each point, and worked ones before each where a curve has such."""

Asks = Callable[[int, random.Random], tuple[str, str]]


@dataclass(frozen=True)
class Curve:
    """What is asked at growing sizes.

    Attributes:
        sizes: the points.
        asks: a question of a size, and its answer.
        room: the longest answer of a size in letters, steps before it included.
        pattern: finds what counts in an answer; its last hit.
        examples: worked ones before a question.
    """

    sizes: tuple[int, ...]
    asks: Asks
    room: Callable[[int], int]
    pattern: str = r"^\s*(\S+)"
    examples: int = EXAMPLES


def _sum(size: int, draw: random.Random) -> tuple[str, str]:
    low = 10 ** (size - 1) if size > 1 else 0
    a, b = (draw.randrange(low, 10**size) for _ in range(2))
    return f"{a}+{b}=", str(a + b)


def _chain(size: int, draw: random.Random) -> tuple[str, str]:
    value = draw.randrange(1, 10)
    text = str(value)
    for _ in range(size):
        step = draw.randrange(1, 10)
        minus = value >= step and draw.random() < 0.5
        value += -step if minus else step
        text += f"{'-' if minus else '+'}{step}"
    return f"{text}=", str(value)


def _copy(size: int, draw: random.Random) -> tuple[str, str]:
    word = "".join(draw.choices(string.ascii_lowercase, k=size))
    return f"copy {word}:", f" {word}"


def _product(size: int, draw: random.Random) -> tuple[str, str]:
    a = draw.randrange(10 ** (size - 1) if size > 1 else 2, 10**size)
    b = draw.choice(FACTORS)
    return f"{a}*{b}=", str(a * b)


CURVES = {
    "digits": Curve((1, 2, 3, 4, 6, 8), _sum, lambda size: size + 2),
    "steps": Curve((1, 2, 4, 8), _chain, lambda _: 4),
    "length": Curve((2, 4, 8, 16, 32), _copy, lambda size: size + 2),
    "products": Curve(
        (1, 2, 3, 4), _product, lambda size: len(written(10**size - 1, 9)) + 1,
        pattern="(?:^|;)([0-9]+)$", examples=0,
    ),
}  # fmt: skip


def names() -> list[str]:
    """All curves together, and each."""
    return [ALL, *(f"{ALL}-{curve}" for curve in CURVES)]


def exams_of(
    name: str, /, *, shots: int | None = None, limit: int | None = None, seed: int = 0
) -> list[Exam]:
    """The points of a curve, or of all: an exam for each.

    Args:
        name: one of `names()`; of all together those that need no training of their own.
        shots: worked examples before each question.
        limit: questions of each point.
        seed: of the questions.

    Raises:
        UsageError: a number is out of range.
    """
    for value, word in ((shots, "shots"), (limit, "limit")):
        if value is not None and value < (word == "limit"):
            raise UsageError(
                f"{word}={value} is out of range; expected at least {word == 'limit':d}"
            )
    own = [curve for curve in CURVES if name == f"{ALL}-{curve}"]
    kinds = own or [curve for curve, one in CURVES.items() if one.examples]
    count = QUESTIONS if limit is None else limit
    return [
        _exam(kind, size, CURVES[kind].examples if shots is None else shots, count, seed)
        for kind in kinds
        for size in CURVES[kind].sizes
    ]


def _exam(kind: str, size: int, shots: int, count: int, seed: int) -> Exam:
    """One point; none of its questions is a worked example of it."""
    curve, draw = CURVES[kind], random.Random(f"{kind} {size} {seed}")
    asked = dict[str, str]()
    for _ in range(20 * (count + shots)):
        if len(asked) < count + shots:
            question, answer = curve.asks(size, draw)
            asked.setdefault(question, answer)
    if len(asked) <= shots:
        raise UsageError(
            f"shots={shots} leaves none of the {len(asked)} questions of {ALL}-{kind}-{size}; ask "
            "for fewer"
        )
    items: list[Item] = [{"question": one, "answer": asked[one]} for one in asked]
    steps = (
        ("regex", {"regex_pattern": curve.pattern, "group_select": -1}),
        ("take_first", {}),
    )
    return Exam(
        name=f"{ALL}-{kind}-{size}", kind="generate_until", items=tuple(items[shots:]),
        text="question", target="answer", between="", apart="\n",
        shots=Shots(count=shots, pool=tuple(items[:shots]), first=True),
        writes=Writes(until=("\n",), length=curve.room(size)),
        pipelines=(Pipeline("told", steps),), metrics=("exact_match",),
        match=Match(without=(r"\s",)),
    )  # fmt: skip
