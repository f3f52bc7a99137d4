"""Examine: language models answer the items of task files; every figure has its interval.

>>> examine("smollm2", ["no-such-task"])
Traceback (most recent call last):
cartograd.core.errors.UsageError: unknown task 'no-such-task'; ...
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cartograd.apps.exams.endpoint_model import EndpointModel
from cartograd.apps.exams.exam import Exam, Writes
from cartograd.apps.exams.examinee import Asked, Examinee, Likelihood
from cartograd.apps.exams.filters import through
from cartograd.apps.exams.limits import exams_of
from cartograd.apps.exams.limits import names as curves
from cartograd.apps.exams.own_model import OwnModel
from cartograd.apps.exams.paired import paired
from cartograd.apps.exams.prompts import SEED, Question, questions
from cartograd.apps.exams.read import read
from cartograd.apps.exams.refusals import REFUSED, refusal_exams, refuses
from cartograd.apps.exams.refusals import names as refusals
from cartograd.apps.exams.results import Answer, Result
from cartograd.apps.exams.scores import chance, figure, of_choices, of_text, same, verdict
from cartograd.apps.exams.templates import filled
from cartograd.apps.load.endpoint import is_endpoint
from cartograd.apps.load.target import Target
from cartograd.core.errors import UsageError
from cartograd.core.paths import is_there

PRIME = 1_000_003
"""Parts the seeds of an item's answers from those of others."""


def examine(
    target: Target | Examinee,
    tasks: Sequence[str | Path | Exam],
    /,
    *,
    against: Target | Examinee | None = None,
    judge: Target | Examinee | None = None,
    shots: int | None = None,
    limit: int | None = None,
    seed: int = SEED,
    chat: bool = False,
) -> list[Result]:
    """Ask language models the items of tasks.

    Args:
        target: a model with a tokenizer, a run, a bundle, published weights (`gguf:FILE`,
            `hf:FOLDER`), an address of OpenAI's protocol, or any `Examinee`.
        tasks: task files, or names of `cartograd.apps.exams.read.names()`.
        against: another model, asked the same.
        judge: a model that gives verdicts, for tasks with a rubric.
        shots: worked examples before each item, whatever the task says.
        limit: only so many items of each task, the first ones.
        seed: of examples that are drawn, and of sampled answers.
        chat: put prompts into the model's template of a chat.

    Returns:
        A result for each task; with `against` it says how the two differ on the same items.

    Raises:
        UsageError: a task cannot be read, or a model cannot answer it.
    """
    exams = [exam for one in tasks for exam in _exams(one, shots, limit)]
    if not exams:
        raise UsageError("there is no task; give a task file, or a name")
    lacks = next((one.name for one in exams if one.rubric and judge is None), None)
    if lacks is not None:
        raise UsageError(f"{lacks} has a rubric and needs a judge; name a model with --judge")
    if judge is not None and all(one.rubric is None for one in exams):
        raise UsageError("no task has a rubric for a judge; leave --judge out")
    asked = [(one, questions(one, seed=seed)) for one in exams]
    sits = opened(target, chat=chat)
    other = None if against is None else opened(against, chat=chat)
    says = None if judge is None else opened(judge, chat=chat)
    found = []
    for exam, items in asked:
        own = sit(sits, exam, items, judge=says, seed=seed)
        if other is not None:
            own = compared(own, sit(other, exam, items, judge=says, seed=seed))
        found.append(own)
    return found


def _exams(task: str | Path | Exam, shots: int | None, limit: int | None) -> list[Exam]:
    """The exams of a task: one, or the points of curves."""
    if isinstance(task, Exam):
        return [task]
    if task in curves() and not is_there(task):
        return exams_of(str(task), shots=shots, limit=limit)
    if task in refusals() and not is_there(task):
        return refusal_exams(str(task), shots=shots, limit=limit)
    return [read(task, shots=shots, limit=limit)]


def opened(target: Target | Examinee, /, *, chat: bool = False) -> Examinee:
    """A target as one that can sit an exam.

    Raises:
        UsageError: it writes no texts, or is nothing of the kind.
    """
    if isinstance(target, Examinee):
        return target
    if isinstance(target, str) and is_endpoint(target):
        return EndpointModel(target, chat=chat)
    return OwnModel(target, chat=chat, name=str(target) if isinstance(target, str | Path) else "")


def sit(
    model: Examinee,
    exam: Exam,
    items: Sequence[Question],
    /,
    *,
    judge: Examinee | None = None,
    seed: int = SEED,
) -> Result:
    """One model in one exam.

    Args:
        model: who is asked.
        exam: what its answers are counted by.
        items: what it is asked.
        judge: of tasks with a rubric.
        seed: of sampled answers.

    Raises:
        UsageError: the model cannot answer, or the judge's verdicts are none throughout.
    """
    if exam.kind == "generate_until":
        answers, unparsed = _written(model, exam, items, judge, seed)
    elif exam.kind == "loglikelihood_rolling":
        sums = model.whole([one.prompt for one in items])
        pairs = zip(items, sums, strict=True)
        answers, unparsed = [_whole(number, one) for number, one in enumerate(pairs, 1)], 0
    else:
        told = model.likelihoods([(one.prompt, one.answers) for one in items])
        of = _chosen if exam.kind == "multiple_choice" else _single
        answers = [of(number, one) for number, one in enumerate(zip(items, told, strict=True), 1)]
        unparsed = 0
    names = list(dict.fromkeys(name for one in answers for name in one.counts))
    kept = [name for name in names if name.partition(",")[0] in exam.metrics]
    order = sorted(kept, key=lambda name: exam.metrics.index(name.partition(",")[0]))
    columns = {name: [one.counts[name] for one in answers if name in one.counts] for name in order}
    if not columns:
        raise UsageError(
            f"{exam.name}: the judge gave no verdict that its pattern finds; change either"
        )
    return Result(
        task=exam.name, kind=exam.kind, model=model.name,
        figures={name: figure(name, column) for name, column in columns.items()},
        answers=tuple(answers), shots=exam.shots.count, chance=chance(items), unparsed=unparsed,
        notes=tuple(model.notes),
    )  # fmt: skip


def compared(first: Result, other: Result, /) -> Result:
    """The first result with how it differs from the other, on the items that both have."""
    found = []
    for name in first.figures:
        both = [
            (one.item, one.counts[name], two.counts[name])
            for one, two in zip(first.answers, other.answers, strict=True)
            if name in one.counts and name in two.counts
        ]
        if both:
            told = paired(name, [one for _, one, _ in both], [two for _, _, two in both])
            won, lost = (tuple(both[i - 1][0] for i in side) for side in (told.won, told.lost))
            found.append(replace(told, won=won, lost=lost))
    notes = tuple(dict.fromkeys((*first.notes, *other.notes)))
    return replace(first, paired=tuple(found), notes=notes)


def _chosen(number: int, one: tuple[Question, list[Likelihood]]) -> Answer:
    """By the likelihoods of choices."""
    question, told = one
    counts, best = of_choices(question, told)
    truth = tuple(question.choices[right] for right in question.truth if isinstance(right, int))
    logs = tuple(each.log for each in told)
    said = {"none": question.choices[best]}
    return Answer(number, question.prompt, said, truth, counts, logs=logs)


def _single(number: int, one: tuple[Question, list[Likelihood]]) -> Answer:
    """By the likelihood of the one right text."""
    question, (told,) = one
    counts = {"perplexity": told.log, "acc": float(told.greedy)}
    truth = tuple(map(str, question.truth))
    return Answer(number, question.prompt, {}, truth, counts, logs=(told.log,))


def _whole(number: int, one: tuple[Question, float]) -> Answer:
    """By the likelihood of the text itself."""
    question, log = one
    return Answer(number, question.prompt, {}, (), of_text(log, question.prompt), logs=(log,))


def _written(
    model: Examinee, exam: Exam, items: Sequence[Question], judge: Examinee | None, seed: int
) -> tuple[list[Answer], int]:
    """By what is written, and how many of a judge's verdicts could not be read."""
    asked = [
        Asked(one.prompt, seed + PRIME * place + turn)
        for place, one in enumerate(items)
        for turn in range(exam.repeats)
    ]
    texts = model.written(asked, exam.writes)
    answers = []
    for place, question in enumerate(items):
        own = texts[place * exam.repeats : (place + 1) * exam.repeats]
        said = {one.name: through(one, own) for one in exam.pipelines}
        counts = {
            "exact_match" if len(said) == 1 else f"exact_match,{name}": same(
                text, question.truth, exam.match
            )
            for name, text in said.items()
        }
        if REFUSED in exam.metrics:
            counts = {REFUSED: float(refuses(own[0]))}
        truth = tuple(map(str, question.truth))
        answers.append(
            Answer(place + 1, question.prompt, said, truth, dict[str, object](counts), tuple(own))
        )
    if exam.rubric is None or judge is None:
        return answers, 0
    return _judged(judge, exam, answers)


def _judged(judge: Examinee, exam: Exam, answers: list[Answer]) -> tuple[list[Answer], int]:
    """The verdicts of a judge on answers; one that cannot be read counts for nothing."""
    rubric = exam.rubric
    assert rubric is not None
    prompts = [
        filled(
            rubric.prompt,
            {
                **item, "answer_given": next(iter(answer.said.values())),
                "answer_expected": answer.truth[0] if answer.truth else "",
            },
            f"{exam.name}, the judge's prompt",
        )
        for item, answer in zip(exam.items, answers, strict=True)
    ]  # fmt: skip
    said = judge.written([Asked(one) for one in prompts], Writes(until=(), length=rubric.length))
    found, unparsed = [], 0
    for answer, text in zip(answers, said, strict=True):
        score = verdict(text, rubric.pattern, rubric.scores)
        unparsed += score is None
        more = {} if score is None else {"judge": score}
        found.append(
            replace(answer, counts=answer.counts | more, said=answer.said | {"judge": text})
        )
    return found, unparsed
