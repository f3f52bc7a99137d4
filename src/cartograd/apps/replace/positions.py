"""Answers at each position of an example (tags, next tokens): each labelled position by itself.

Verdicts are of examples, as the positions of one are not independent of each other; what changed
is told position by position.
"""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.replace.changed import Change, Group, changes, groups
from cartograd.apps.replace.form import Form
from cartograd.apps.replace.questions import Questions
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Split

NUMBERS = 2**26
"""Probabilities of all positions that are held at most: half a gigabyte for each form."""

Answers = tuple[Float[Tensor, "n t k"], Float[Tensor, "n t k"]]


def check_tokens(forms: tuple[Form, Form], /) -> None:
    """Refuse two that see other positions.

    Raises:
        UsageError: one shows no signature, or they cut texts into other tokens.
    """
    for form in forms:
        if form.signature is None or form.facts.kind == "endpoint":
            raise UsageError(
                f"{form.facts.name} ({form.facts.kind}) gives one answer for each example; answers "
                "at each position are compared of runs, bundles, published weights and ONNX files "
                "of ours"
            )
    ports = [form.signature.input for form in forms if form.signature is not None]
    known = all(form.tokenizer is not None for form in forms)
    other = known and forms[0].tokenizer != forms[1].tokenizer
    if ports[0].bounds != ports[1].bounds or other:
        raise UsageError(
            f"{forms[0].facts.name} and {forms[1].facts.name} cut texts into other tokens, so that "
            "their answers at each position cannot be matched; expected one tokenizer"
        )


def affordable(questions: Questions, width: int, /) -> Questions:
    """As many of the examples as there is room for the answers of; told where they are fewer."""
    most = max(1, NUMBERS // max(1, questions.targets[0].numel() * width))
    if most >= len(questions):
        return questions
    told = f"{most:,} of {len(questions):,} examples are asked, for want of room for the rest"
    return replace(
        questions, sources=questions.sources[:most], notes=(*questions.notes, told),
        examples=questions.examples.select(range(most)),
    )  # fmt: skip


def at_positions(
    questions: Questions, answers: Answers, tokenizer: Any, /
) -> tuple[list[Change], list[Group]]:
    """The answers that changed, and the groups of them: each labelled position counts as one.

    Args:
        questions: the examples.
        answers: of A and of B.
        tokenizer: which shows what tokens are, where they are the classes.
    """
    known = questions.targets >= 0
    rows, places = (one.tolist() for one in known.nonzero(as_tuple=True))
    names = [
        f"{questions.examples.name(row)}, position {place + 1}"
        for row, place in zip(rows, places, strict=True)
    ]
    split = questions.examples
    each = Split(torch.tensor(rows)[:, None], questions.targets[known], split.signature, names)
    words = _words(questions, tokenizer)
    flat = replace(questions, sources=rows, examples=each, words=words)
    first, second = (one[known] for one in answers)
    found = [replace(one, index=rows[one.index]) for one in changes(flat, (first, second))]
    return found, groups(flat, (first, second))


def _words(questions: Questions, tokenizer: Any) -> tuple[str, ...]:
    """What the classes are called: tokens as they are written."""
    if tokenizer is None or questions.signature.output.labels:
        return ()
    return tuple(repr(tokenizer.decode([int(token)])) for token in questions.labels)
