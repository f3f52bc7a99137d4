"""Examples with any number of labels: how well each label by itself is told."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.answers.multi_label import LIKELY
from cartograd.apps.results.baseline import against_always
from cartograd.core.ports import Signature

HEAD = ("label", "examples", "precision", "recall", "F1", "this is")
"""What `Told.row` holds."""


@dataclass(frozen=True)
class Told:
    """One label, which an answer has where its probability is at least `LIKELY`.

    Attributes:
        label: its name.
        examples: how many have it.
        precision: share of the answers with it that are right; 0 if no answer has it.
        recall: share of the examples with it that are found; 0 if there are none.
        f1: the harmonic mean of both; 0 if both are.
        baseline: how it compares with always giving the commoner answer, in a sentence.
    """

    label: str
    examples: int
    precision: float
    recall: float
    f1: float
    baseline: str

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)

    def row(self) -> list[str]:
        """As the cells of a table."""
        shares = (units.percent(share) for share in (self.precision, self.recall, self.f1))
        return [self.label, str(self.examples), *shares, self.baseline]


def by_label(
    signature: Signature, outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "n ..."], /
) -> list[Told]:
    """The figures of each label; none where examples have no sets of labels.

    Args:
        signature: what the answers are.
        outputs: a logit for each label of each example.
        targets: 1 where a label holds, else 0.
    """
    if signature.target != "classes":
        return []
    answers = outputs.double().sigmoid() >= LIKELY
    return [
        _told(label, answers[:, place], targets[:, place] > 0)
        for place, label in enumerate(signature.output.labels)
    ]


def _told(label: str, answers: Tensor, holds: Tensor) -> Told:
    """The figures of one label, of yes and no for each example."""
    hits, given, there = (int(x.sum()) for x in (answers & holds, answers, holds))
    logits = torch.stack([~answers, answers], 1).double()
    return Told(
        label=label,
        examples=there,
        precision=hits / max(1, given),
        recall=hits / max(1, there),
        f1=2 * hits / max(1, given + there),
        baseline=against_always(logits, holds.long(), (f"not {label}", label)).sentence,
    )
