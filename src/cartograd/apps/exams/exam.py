"""What an exam is: its items, how each becomes a prompt, and what is counted of the answers.

The words are those of lm-evaluation-harness, whose task files are read (`keys.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("multiple_choice", "generate_until", "loglikelihood", "loglikelihood_rolling")
"""By likelihood among choices, by what is written, by the likelihood of one text, of whole ones."""

METRICS = {
    "multiple_choice": ("acc", "acc_norm", "acc_bytes"),
    "generate_until": ("exact_match",),
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
}
"""What is counted of each kind; the first is told first. `judge` comes with a judge."""

LOWER = ("perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte")
"""Figures that are better where they are lower."""

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Writes:
    """How an answer is written.

    Attributes:
        until: texts that end it; they are cut off.
        length: most new tokens.
        temperature: 0 takes the likeliest token.
        top_p, top_k: as the samplers of these names, where sampled.
    """

    until: tuple[str, ...] = ("\n\n",)
    length: int = 256
    temperature: float = 0.0
    top_p: float | None = None
    top_k: int | None = None


@dataclass(frozen=True)
class Match:
    """When a text counts as the one expected.

    Attributes:
        case, punctuation, numbers: whether differences in these are passed over.
        without: patterns that are taken out of both before.
    """

    case: bool = False
    punctuation: bool = False
    numbers: bool = False
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rubric:
    """What a judge is asked, and how its verdict is read.

    Attributes:
        prompt: a template of the item's fields, `answer_given` and `answer_expected`.
        pattern: finds the verdict in what the judge writes: its first group.
        scores: by verdict, what it counts; a number where there are none.
        length: most tokens of a verdict.
    """

    prompt: str
    pattern: str = r"(?i)\b(yes|no)\b"
    scores: Mapping[str, float] = field(default_factory=lambda: {"yes": 1.0, "no": 0.0})
    length: int = 64


@dataclass(frozen=True)
class Pipeline:
    """From the texts of an answer to the one that is compared: functions with their settings."""

    name: str
    steps: tuple[tuple[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True)
class Shots:
    """Worked examples before the item.

    Attributes:
        count: how many.
        pool: where they are taken from.
        first: the first ones of the pool; else drawn by the seed, others for each item.
        own: the pool holds the items themselves: an item is never its own example.
        text, target: their templates, where they differ from those of items.
    """

    count: int = 0
    pool: tuple[Item, ...] = ()
    first: bool = False
    own: bool = False
    text: str | None = None
    target: Any = None


@dataclass(frozen=True)
class Exam:
    """A task for language models.

    Attributes:
        name: what to call it.
        kind: one of `KINDS`.
        items: the fields of each.
        text: the template of a prompt, or the name of a field.
        target: of the right answer: a text, or the number of a choice.
        choices: of an item: a list, a field's name, or a template.
        description: before all; between it and what follows stands nothing.
        between, apart: what stands between prompt and answer, and between examples.
        prefix: what the answer begins with, given to the model.
        shots: worked examples.
        writes: how answers are written.
        repeats: answers for each item.
        pipelines: what is made of them.
        metrics: what is counted.
        match: when a text is the one expected.
        rubric: of a judge, if there is one.
    """

    name: str
    kind: str
    items: tuple[Item, ...]
    text: str = ""
    target: Any = ""
    choices: Any = None
    description: str = ""
    between: str = " "
    apart: str = "\n\n"
    prefix: str | None = None
    shots: Shots = Shots()
    writes: Writes = Writes()
    repeats: int = 1
    pipelines: tuple[Pipeline, ...] = (Pipeline("none"),)
    metrics: tuple[str, ...] = ()
    match: Match = Match()
    rubric: Rubric | None = None
