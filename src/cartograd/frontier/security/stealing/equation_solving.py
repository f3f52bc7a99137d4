"""Equation solving: a softmax regression is read off its answers to d + 1 questions.

The logarithm of a ratio of two probabilities is linear in the input, so each question is an
equation, and as many as there are unknowns settle them.

    log p_j(x) / p_k(x) = (w_j - w_k) . x + b_j - b_k
    asked at a point x_0 and at x_0 + h e_i for each of the d numbers

Only differences of rows can be known: the same vector added to all of them changes no answer.

Shapes: inputs `n ...` of d numbers; weights `k d`.

Departures: none. Questions are answered in float64, so that only the owner's rounding limits the
thief.

References:
    Florian Tramer, Fan Zhang, Ari Juels, Michael Reiter, Thomas Ristenpart. Stealing machine
    learning models via prediction APIs. USENIX Security 2016, section 4.1.
    https://arxiv.org/abs/1609.02943

>>> layer = torch.nn.Linear(3, 2).double()
>>> weight, bias, asked = solved(lambda x: layer(x).softmax(1), torch.zeros(3).double(), 0.5)
>>> torch.allclose(weight[0] - weight[1], layer.weight[0] - layer.weight[1]), asked
(True, 4)
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import answers
from cartograd.frontier.privacy.membership import both
from cartograd.frontier.privacy.told import classified
from cartograd.frontier.security.stealing.answered import FORMS, told
from cartograd.frontier.security.stealing.extraction import commonest
from cartograd.practice.metrics.proportion import exact

CARD = Card(
    name="equation-solving",
    kind="privacy-attack",
    entry="equation_solving",
    nodes=("threat/stealing",),
    title="Equation solving (softmax regression)",
    zh="方程求解（线性模型窃取）",
    paper="Stealing machine learning models via prediction APIs",
    year=2016,
    url="https://arxiv.org/abs/1609.02943",
    proofs=(
        "law: d + 1 questions give all differences of weights and biases of a softmax regression, "
        "and its probabilities to 1e-6; rounded answers do not",
    ),
    tiny={},
)


@dataclass(frozen=True)
class Solved:
    """A copy by equations, for each form of the answers.

    Attributes:
        forms: of the answers.
        questions: how many were asked for each.
        errors: the largest difference of a probability between copy and model, on other inputs.
        alike: how many of these both answer alike.
        of: how many there are.
        by_chance: agreement of always the commonest answer.
    """

    forms: tuple[str, ...]
    questions: int
    errors: tuple[float, ...]
    alike: tuple[int, ...]
    of: int
    by_chance: float

    @property
    def value(self) -> float:
        """Agreement by the first form."""
        return self.alike[0] / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 %."""
        return exact(self.alike[0], self.of)

    @property
    def leaks(self) -> bool:
        """Whether the copy is better than the commonest answer."""
        return self.interval[0] > self.by_chance

    @property
    def verdict(self) -> str:
        """In a sentence."""
        whole = "the model itself" if self.errors[0] < 1e-6 else "a rough copy"
        return f"{self.questions} questions give {whole}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The headings of the table."""
        return ("answers", "questions", "agreement", "largest error")

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What is by chance."""
        return [("by chance", f"{100 * self.by_chance:.1f} % alike by the commonest answer")]

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each form."""
        return [
            (form, str(self.questions), f"{100 * hits / self.of:.1f} %", f"{error:.2g}")
            for form, hits, error in zip(self.forms, self.alike, self.errors, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "questions": self.questions, "by_chance": self.by_chance, "compared": self.of,
            "copies": [
                {"answers": form, "agreement": hits / self.of, "error": error}
                for form, hits, error in zip(self.forms, self.alike, self.errors, strict=True)
            ],
        }  # fmt: skip


def equation_solving(
    model: nn.Module,
    members: tuple[Tensor, Tensor],  # noqa: ARG001 - the protocol's name
    others: tuple[Tensor, Tensor],
    /,
    *,
    decimals: int = 3,
) -> Solved:
    """A softmax regression, found by d + 1 questions.

    Args:
        model: what is copied; if it is no softmax regression, the copy is its tangent's chord.
        members: what it learned from; not needed.
        others: inputs by which copy and model are compared.
        decimals: digits that are left of rounded answers.

    Raises:
        UsageError: the inputs are no real numbers, or too few.
    """
    x, _ = classified(others, "equation-solving")
    if not x.is_floating_point():
        raise UsageError("equation-solving asks about real numbers, and the model takes others")
    signature = signature_if_any(model)
    bounds = signature.input.bounds if signature else None
    asked = copy.deepcopy(model).double()
    points = x.double()
    low, high = bounds or (float(points.min()), float(points.max()))
    middle = torch.full_like(points[0], (low + high) / 2).flatten()
    errors, alike, questions = list[float](), list[int](), 0
    forms = FORMS[:2]
    with evaluating(asked), torch.no_grad():
        truth = both(answers(asked, points)).softmax(1)
        for form in forms:

            def answer(rows: Tensor, form: str = form) -> Tensor:
                logits = both(answers(asked, rows.reshape(-1, *x.shape[1:])))
                return told(logits, form, decimals=decimals)

            weight, bias, questions = solved(answer, middle, (high - low) / 2)
            found = (points.flatten(1) @ weight.T + bias).softmax(1)
            errors.append(float((found - truth).abs().max()))
            alike.append(int((found.argmax(1) == truth.argmax(1)).sum()))
    return Solved(forms, questions, tuple(errors), tuple(alike), len(x), commonest(truth.argmax(1)))


def solved(
    answer: Callable[[Tensor], Tensor], start: Float[Tensor, " d"], step: float, /
) -> tuple[Float[Tensor, "k d"], Float[Tensor, " k"], int]:
    """Weights and biases (those of the last class are 0), and how many questions they took.

    Args:
        answer: gives probabilities of rows.
        start: a point.
        step: how far each question moves from it along one number.
    """
    points = torch.cat([start[None], start + step * torch.eye(len(start)).to(start)])
    shares = answer(points).clamp(min=torch.finfo(start.dtype).tiny)
    logits = shares.log() - shares.log()[:, -1:]
    weight = ((logits[1:] - logits[0]) / step).T
    return weight, logits[0] - weight @ start, len(points)
