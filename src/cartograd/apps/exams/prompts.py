"""From an item to what a model is asked: description, worked examples, prompt, choices, answer.

Examples are drawn as lm-evaluation-harness 0.4.13 draws them: by Python's generator from one seed,
on and on from item to item, one more than needed where an item could draw itself.
"""

import ast
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cartograd.apps.exams.exam import Exam, Item
from cartograd.apps.exams.templates import field, filled, listed
from cartograd.core.errors import UsageError

SEED = 1234
"""Of the examples, where nobody says otherwise: lm-evaluation-harness's."""


@dataclass(frozen=True)
class Question:
    """An item as it is asked.

    Attributes:
        prompt: before the answer; of whole texts the text itself.
        answers: what a model could go on with, whose likelihoods are taken.
        choices: the choices as they are written, without what stands before them.
        truth: the right answers: numbers of choices, or texts.
    """

    prompt: str
    answers: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    truth: tuple[int | str, ...] = ()


def questions(exam: Exam, /, *, seed: int = SEED) -> list[Question]:
    """Every item as it is asked.

    Raises:
        UsageError: a template names a field that an item lacks, or an answer is none of the
            choices; which item.
    """
    draw = random.Random(seed)
    return [_question(exam, item, draw, number) for number, item in enumerate(exam.items, 1)]


def _question(exam: Exam, item: Item, draw: random.Random, number: int) -> Question:
    where = f"{exam.name}, item {number}"
    if exam.kind == "loglikelihood_rolling":
        return Question(str(field(exam.target or exam.text, item, where)))
    before = str(field(exam.description, item, where)) if exam.description else ""
    for one in _examples(exam, item, draw):
        before += _worked(exam, one, f"{exam.name}, an example")
    prompt = before + _asked(exam, str(field(exam.text, item, where)), item, where)
    choices = tuple(listed(exam.choices, item, where)) if exam.choices is not None else ()
    truth = _truth(exam, item, choices, where)
    if exam.kind == "multiple_choice":
        answers = tuple(f"{exam.between}{one}" for one in choices)
        return Question(prompt, answers, choices, truth)
    if exam.kind == "loglikelihood":
        return Question(prompt, tuple(f"{exam.between}{one}" for one in truth[:1]), (), truth)
    words = tuple(choices[one] if isinstance(one, int) else one for one in truth)
    return Question(prompt, (), choices, words)


def _asked(exam: Exam, text: str, item: Item, where: str) -> str:
    """The item's own prompt, with the beginning of the answer where that is given."""
    prefix = _prefix(exam, item, where)
    return joined(text, exam.between, prefix) if prefix else text


def joined(first: str, between: str, second: str, /) -> str:
    """Two texts, parted where neither brings a space to where they meet."""
    meet = first and second and not (first[-1].isspace() or second[0].isspace())
    return f"{first}{between if meet else ''}{second}"


def _prefix(exam: Exam, item: Item, where: str) -> str:
    return "" if exam.prefix is None else str(field(exam.prefix, item, where))


def _worked(exam: Exam, item: Item, where: str) -> str:
    """An example: its prompt, its answer and what parts it from the next."""
    shots = exam.shots
    text = str(field(shots.text or exam.text, item, where))
    target = shots.target if shots.target is not None else exam.target
    said = _target(target, item, exam.choices is not None, where)
    if isinstance(said, list):
        said = said[0]
    if isinstance(said, int) and exam.choices is not None:
        said = listed(exam.choices, item, where)[said]
    prefix = _prefix(exam, item, where)
    if not prefix:
        return f"{text}{exam.between}{said}{exam.apart}"
    return joined(text, exam.between, joined(prefix, " ", str(said))) + exam.apart


def _examples(exam: Exam, item: Item, draw: random.Random) -> Sequence[Item]:
    shots = exam.shots
    if not shots.count:
        return ()
    pool, n = shots.pool, shots.count
    others = [one for one in pool if one != item] if shots.own else list(pool)
    if n > len(others):
        raise UsageError(
            f"{exam.name}: {n} examples are wanted of {len(others)}; ask for fewer (num_fewshot)"
        )
    if shots.first:
        return others[:n]
    if not shots.own:
        return draw.sample(pool, n)
    drawn = draw.sample(pool, min(n + 1, len(pool)))
    found = [one for one in drawn if one != item][:n]
    return found if len(found) == n else draw.sample(others, n)


def _target(said: Any, item: Item, chosen: bool, where: str) -> Any:
    """The right answer as the file gives it: a text, a number, or a list of these."""
    if not isinstance(said, str):
        return said
    if said in item:
        return item[said]
    text = filled(said, item, where)
    if text.isdigit() and chosen:
        return int(text)
    if len(text) >= 2 and text[0] == "[" and text[-1] == "]":
        try:
            return ast.literal_eval(text)
        except (SyntaxError, ValueError):
            return text
    return text


def _truth(exam: Exam, item: Item, choices: tuple[str, ...], where: str) -> tuple[int | str, ...]:
    """The right answers, by number where there are choices."""
    said = _target(exam.target, item, bool(choices), where)
    several = list(said) if isinstance(said, list | tuple) else [said]
    if not choices:
        return tuple(str(one) for one in several)
    found: list[int | str] = []
    for one in several:
        number = choices.index(one) if isinstance(one, str) and one in choices else one
        if not isinstance(number, int) or not 0 <= number < len(choices):
            raise UsageError(
                f"{where}: the answer {one!r} is none of the {len(choices)} choices; expected one "
                "of them, or its number from 0"
            )
        found.append(number)
    return tuple(found)
