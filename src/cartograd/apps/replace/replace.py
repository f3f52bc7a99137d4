"""Replace: may one shipped form of a model replace another?"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.source import Data
from cartograd.apps.replace.aligned import aligned, check_alike
from cartograd.apps.replace.changed import changes, check_columns, groups
from cartograd.apps.replace.cost import costs, held_to
from cartograd.apps.replace.form import Form
from cartograd.apps.replace.margin import Given, limits, margins
from cartograd.apps.replace.opened import Shipped, form_of
from cartograd.apps.replace.parted import parting
from cartograd.apps.replace.positions import affordable, at_positions, check_tokens
from cartograd.apps.replace.questions import MOST, Questions, asked
from cartograd.apps.replace.regions import regions
from cartograd.apps.replace.replacement import Replacement
from cartograd.apps.replace.verdict import judged
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.positions import reducible

ROWS = 256
"""Examples that a form is given at once."""


def replace(
    a: Shipped,
    b: Shipped,
    data: Data | None = None,
    /,
    *,
    margin: Given = "accuracy=0.5%",
    max: Given = "",
    part: str | None = None,
    slices: str | Sequence[str] = (),
    examples: int = MOST,
    seed: int = 0,
    said: Callable[[str], None] = lambda _: None,
) -> Replacement:
    """Whether B may replace A: non-inferior within a margin, on the same raw examples.

    Raw files and rows go into each form through its own preprocessing.

    Args:
        a: what is in use: a run, a bundle, an ONNX file, published weights, a folder of Hugging
            Face, the address of a server (`http://...`), a module with a signature, or a function
            that is given a list of raw examples and returns a row of probabilities for each.
        b: what shall replace it.
        data: examples that both are asked; by default what both were trained on.
        margin: how much worse B may be, by metrics: `accuracy=0.5%`, `nll=0.02`; all must hold.
        max: what B may cost at most: `latency=5ms`, `size=10MB`, `memory=200MB`.
        part: `train`, `valid`, `test` or `all`; by default `test` of what A was trained on, and
            `all` of other files or folders that do not come in parts.
        slices: columns of the table, by whose cells changed answers are told.
        examples: at most.
        seed: of the choice of examples, the halves that regions are found and confirmed on, and
            of bootstraps.
        said: told how it goes on.

    Raises:
        UsageError: one is no form, the two answer other questions, there are no data, a margin is
            without a unit, or a form does not answer.
    """
    wanted, most = margins(margin), limits(max)
    if examples < 1:
        raise UsageError(f"examples={examples} is out of range; expected at least 1")
    forms = form_of(a), form_of(b)
    questions = asked(forms, data, part=part, most=examples, seed=seed)
    for form in forms:
        form.meet(questions.sources[0])
    questions = questions.of_classes(forms[0].facts.labels)
    task = questions.signature.task.name
    check_alike(forms[0].facts, forms[1].facts, questions.labels, task)
    if questions.each:
        check_tokens(forms)
        questions = affordable(questions, len(questions.labels))
    columns = [slices] if isinstance(slices, str) and slices else list(slices)
    if columns and questions.each:
        raise UsageError(
            f"slices={columns[0]} is of examples, and each position has an answer here"
        )
    check_columns(questions, columns)
    for one in wanted:  # what does not fit the data is refused before the work
        _check_fits(one.metric, questions)
    answers = _answered(forms[0], questions, said), _answered(forms[1], questions, said)
    found = tuple(
        judged(one, questions.signature, answers, questions.targets,
               margins=len(wanted), seed=seed)
        for one in wanted
    )  # fmt: skip
    said("what an answer costs")
    spent = costs(forms, questions.sources)
    if questions.each:
        changed, where = at_positions(questions, answers, forms[0].tokenizer)
        areas, why = [], "each position has an answer, and regions are of whole examples"
    else:
        changed, where = changes(questions, answers), groups(questions, answers, columns)
        areas, why = regions(questions, answers, seed=seed)
    return Replacement(
        forms[0].facts, forms[1].facts, questions, answers, found, tuple(changed), tuple(where),
        tuple(areas), spent, held_to(most, spent[1]), parting(forms, questions, answers), why,
    )  # fmt: skip


def _check_fits(metric: str, questions: Questions) -> None:
    """Refuse a metric of classes for values, and the other way round: asked of two examples.

    Raises:
        UsageError: it does not fit.
    """
    from cartograd.apps.answers.averaged import measure

    targets = questions.targets[: min(2, len(questions))]
    width = len(questions.labels) or targets.shape[1]
    rows = targets.shape if questions.each else targets.shape[:1]
    try:
        made = measure(metric, questions.signature)
        if questions.each and not reducible(made):
            raise UsageError("it is not taken of answers at each position")
        if not questions.each:
            made(torch.zeros(*rows, width), targets)
    except UsageError as error:
        raise UsageError(f"margin {metric}: {error}") from error


def _answered(
    form: Form, questions: Questions, said: Callable[[str], None]
) -> Float[Tensor, "n *t k"]:
    """All answers of a form, in the order of the questions' classes.

    Probabilities that are no numbers count as knowing nothing: as much for each class.

    Raises:
        UsageError: it gives other numbers than it says, or none.
    """
    said(f"{form.facts.name}: {len(questions):,} examples")
    found, lost = [], 0
    for start in range(0, len(questions), ROWS):
        part = questions.sources[start : start + ROWS]
        answer = form.answer(part)
        lost += int((~answer.isfinite()).any(-1).sum())
        wide = questions.targets.shape[1:] if questions.each else ()
        found.append(_checked(answer, form, (len(part), *wide)))
    if lost:
        said(f"{form.facts.name}: {lost:,} answers are no numbers, and count as knowing nothing")
    return aligned(torch.cat(found), form.facts.labels, questions.labels)


def _checked(answer: Tensor, form: Form, count: tuple[int, ...]) -> Tensor:
    wanted = (*count, len(form.facts.labels) or 1)
    if answer.shape != wanted:
        raise UsageError(
            f"{form.facts.name} answered {count[0]} examples with numbers of shape "
            f"{tuple(answer.shape)}; expected {wanted}: a row for each"
        )
    lost = (~answer.isfinite()).any(-1, keepdim=True)
    if lost.any() and not form.facts.labels:
        row = int(lost[:, 0].nonzero()[0]) + 1
        raise UsageError(f"{form.facts.name} gave a value that is not finite for example {row}")
    knows = 0.5 if form.facts.several else 1 / wanted[-1]
    return torch.where(lost, torch.full_like(answer, knows), answer)
