"""Extraction: a copy of a model, learned from its answers.

A thief asks the model about inputs of his own and trains a student on what it answers. Beside it
the same student learns from as many inputs with their right labels, which cost work: what it
reaches is what the answers are worth.

    min over w   E CE(f_w(x), told(softmax f(x)))
    agreement = share of other inputs for which thief and model answer alike

Shapes: inputs `n ...`, answers `n k`.

Departures: inputs are real ones that the model has not learned from, where the papers also make
some; each is asked about once.

References:
    Florian Tramer, Fan Zhang, Ari Juels, Michael Reiter, Thomas Ristenpart. Stealing machine
    learning models via prediction APIs. USENIX Security 2016. https://arxiv.org/abs/1609.02943
    Tribhuvanesh Orekondy, Bernt Schiele, Mario Fritz. Knockoff nets: stealing functionality of
    black-box models. CVPR 2019. https://arxiv.org/abs/1812.02766

>>> commonest(torch.tensor([2, 2, 1]))
0.6666666666666666
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import answers, rows_at_once, with_gradients
from cartograd.frontier.privacy.membership import both
from cartograd.frontier.privacy.told import classified
from cartograd.frontier.security.stealing.answered import FORMS, told
from cartograd.practice.metrics.proportion import exact

CARD = Card(
    name="extraction",
    kind="privacy-attack",
    entry="extraction",
    nodes=("threat/stealing",),
    title="Model extraction",
    zh="模型窃取（提取）",
    paper="Stealing machine learning models via prediction APIs",
    year=2016,
    url="https://arxiv.org/abs/1609.02943",
    aliases=("stealing", "knockoff"),
    proofs=(
        "law: a linear model is copied nearly whole by a student of its kind; agreement is what "
        "counting gives, and that of the commonest answer is the control",
        "law: more questions give a better copy of a network, and answers of the class alone a "
        "worse one than probabilities",
    ),
    tiny={"budgets": (8,), "student": "mlp:widths=[4]", "steps": 2},
    evidence={"threat/stealing": ("test_a_copy_grows_with_the_questions_and_suffers_by_defences",)},
)

LABELS = "right labels"
"""The control: the same student, taught by hand."""
BATCH = 64
QUESTIONS = 200
"""By default, where the thief has so many inputs."""
ALONE = 100
"""Inputs at least that are left to compare the copy by."""


@dataclass(frozen=True)
class Copy:
    """What a thief got for a number of questions.

    Attributes:
        form: of the answers.
        questions: how many.
        alike: of the inputs that were kept apart, how many both answer alike.
        right: how many the thief answers rightly.
        of: how many there are.
    """

    form: str
    questions: int
    alike: int
    right: int
    of: int


@dataclass(frozen=True)
class Copies:
    """What was copied, by the answers and the number of questions.

    Attributes:
        copies: one for each form and number; those of the right labels last.
        own: how many of the inputs the model itself answers rightly.
        by_chance: agreement of always the model's commonest answer.
    """

    copies: tuple[Copy, ...]
    own: int
    by_chance: float

    @property
    def best(self) -> Copy:
        """The most questions with whole probabilities (or the first form there is)."""
        first = self.copies[0].form
        return max((one for one in self.copies if one.form == first), key=lambda c: c.questions)

    @property
    def value(self) -> float:
        """Agreement by the most questions."""
        return self.best.alike / self.best.of

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 %."""
        return exact(self.best.alike, self.best.of)

    @property
    def leaks(self) -> bool:
        """Whether the copy is better than the commonest answer."""
        return self.interval[0] > self.by_chance

    @property
    def verdict(self) -> str:
        """In a sentence."""
        return (
            f"{self.best.questions} questions give a copy that answers "
            f"{100 * self.value:.1f} % of other inputs alike"
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The headings of the table."""
        return ("answers", "questions", "agreement", "copy is right")

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What the model itself does, and chance."""
        own = f"{100 * self.own / self.best.of:.1f} % of {self.best.of}"
        return [
            ("model is right", own),
            ("by chance", f"{100 * self.by_chance:.1f} % alike by the commonest answer"),
        ]

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each copy."""
        return [
            (one.form, str(one.questions), f"{100 * one.alike / one.of:.1f} %",
             f"{100 * one.right / one.of:.1f} %")
            for one in self.copies
        ]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "copies": [
                {"answers": one.form, "questions": one.questions, "agreement": one.alike / one.of,
                 "accuracy": one.right / one.of}
                for one in self.copies
            ],
            "own": self.own / self.best.of,
            "by_chance": self.by_chance,
            "compared": self.best.of,
        }  # fmt: skip


def extraction(
    model: nn.Module,
    members: tuple[Tensor, Tensor],  # noqa: ARG001 - the protocol's name
    others: tuple[Tensor, Tensor],
    /,
    *,
    budgets: tuple[int, ...] | None = None,
    student: str = "mlp:widths=[128]",
    forms: tuple[str, ...] = FORMS,
    decimals: int = 1,
    steps: int = 1000,
    lr: float = 2e-3,
    seed: int = 0,
) -> Copies:
    """Copies of a classifier by its answers to questions.

    Args:
        model: what is copied.
        members: what it learned from; the thief does not see them.
        others: the thief's inputs; the last of them, at least a fifth, are kept to compare by.
        budgets: numbers of questions; left out, a quarter, half and all of 200, or of what the
            thief has.
        student: spec of the copy.
        forms: of the answers: `probabilities`, `rounded`, `top-1`.
        decimals: digits that are left of rounded ones.
        steps: of the student, each on 64 answers.
        lr: of Adam.
        seed: of the student's weights and of the order.

    Raises:
        UsageError: there are too few inputs for so many questions, the model has no signature, or
            an unknown form.
    """
    x, y = classified(others, "extraction")
    signature = signature_if_any(model)
    if signature is None:
        raise UsageError("extraction needs a model that says what it takes: sign it")
    if not x.is_floating_point():
        raise UsageError(
            f"extraction: the copy learns from real numbers, and this model takes {x.dtype}, as "
            "of texts; expected a model of pictures, of a table or of numbers"
        )
    kept = max(len(x) // 5, min(ALONE, len(x) // 2))
    most = len(x) - kept
    if budgets is None:
        budgets = tuple(min(QUESTIONS, most) // part for part in (4, 2, 1))
    if not budgets or not forms or min(budgets) < 1 or max(budgets) > most:
        raise UsageError(
            f"budgets={list(budgets)}: the thief has {most} inputs of his own (and {kept} are kept "
            f"to compare by); expected numbers from 1 to {most}, or more examples to look at"
        )
    with evaluating(model), torch.no_grad():
        logits = torch.cat([both(answers(model, part)) for part in x.split(rows_at_once(x))])
    right = F.one_hot(y.to(x.device), logits.shape[1]).to(logits)
    apart = slice(most, len(x))
    said, copies = logits.argmax(1)[apart], list[Copy]()
    for form in (*forms, LABELS):
        taught = right if form == LABELS else told(logits, form, decimals=decimals)
        for count in sorted(set(budgets)):
            thief = _taught(student, signature, x[:count], taught[:count], steps, lr, seed)
            with evaluating(thief), torch.no_grad():
                found = both(answers(thief, x[apart])).argmax(1)
            alike, hits = (int((found == one).sum()) for one in (said, y.to(x.device)[apart]))
            copies.append(Copy(form, count, alike, hits, len(said)))
    own = int((said == y.to(x.device)[apart]).sum())
    return Copies(tuple(copies), own, commonest(said))


def commonest(said: Int[Tensor, " n"], /) -> float:
    """The share of the commonest answer."""
    return float(said.bincount().max()) / len(said)


def _taught(
    spec: str, signature: Any, x: Float[Tensor, "n ..."], taught: Float[Tensor, "n k"],
    steps: int, lr: float, seed: int,
) -> nn.Module:  # fmt: skip
    """A student of the answers."""
    with torch.random.fork_rng(), with_gradients(nn.Identity()):
        torch.manual_seed(seed)
        student: nn.Module = build(spec, kind="model", signature=signature).to(x.device)
        optimizer = torch.optim.Adam(student.parameters(), lr=lr)
        generator = torch.Generator().manual_seed(seed)
        student.train()
        for _ in range(steps):
            rows = torch.randint(len(x), (BATCH,), generator=generator)
            outputs = both(answers(student, x[rows]))
            loss = -(taught[rows] * outputs.log_softmax(1)).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return student.eval()
