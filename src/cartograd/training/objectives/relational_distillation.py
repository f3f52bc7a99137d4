"""Relational distillation: examples are to lie to each other as they do for the teacher.

What a teacher knows is rather in how examples lie to each other than in where each of them lies,
which a student of other width cannot copy. Distances are compared after division by their mean over
the batch, and the angles of every three examples:

    L = L_distill + w_d mean_ij h(d_ij / mean d, d'_ij / mean d')
                  + w_a mean_ijk h(cos(i, j, k), cos'(i, j, k))

d_ij = |f_i - f_j| of the vectors of a layer, cos(i, j, k) the cosine of the angle at j, and h
Huber's loss. Neither changes where all vectors are turned, moved or scaled together.

Shapes: a batch is (inputs ..., targets), as of `distill`; what the layers give is flattened to
`b d`, with another d for student and teacher.

Departures: `alpha` and `temperature` of softened answers may be used beside it; the paper's form
is that without (alpha 0).

References:
    Wonpyo Park, Dongju Kim, Yan Lu, Minsu Cho. Relational knowledge distillation. CVPR 2019.
    https://arxiv.org/abs/1904.05068

>>> import torch
>>> objective = RelationalDistillation(model=nn.Linear(4, 3), teacher=nn.Linear(4, 3))
>>> batch = torch.randn(5, 4), torch.zeros(5, dtype=torch.int64)
>>> next(objective.losses(batch)).value.shape
torch.Size([5])
"""

from collections.abc import Iterator
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss
from cartograd.training.objectives.distill import Distill
from cartograd.training.objectives.within import within

CARD = Card(
    name="relational-distillation",
    kind="objective",
    entry="RelationalDistillation",
    nodes=("compress/distillation",),
    title="Relational distillation",
    zh="关系蒸馏",
    aliases=("rkd",),
    paper="Relational knowledge distillation",
    year=2019,
    url="https://arxiv.org/abs/1904.05068",
    proofs=(
        "law: distances and angles of every two and three examples, written out, to 1e-10 in "
        "float64",
        "law: vectors that are turned, moved and scaled together cost nothing",
        "law: a student's examples come to lie as the teacher's do, which labels do not bring",
    ),
    metrics=("accuracy",),
    logs={"accuracy": "higher"},
)

LITTLE = 1e-12
"""Added to squared distances, whose root has no slope at 0."""


class RelationalDistillation(nn.Module):
    """Cross-entropy with the labels, and how distances and angles differ from a teacher's.

    Args:
        model: the student; gives logits, `b k`.
        teacher: the folder of a run or bundle, or a module; gives logits for the same classes.
        temperature: what the logits of both are divided by.
        alpha: share of the teacher's softened answers; 0 leaves them out.
        distance_weight: how much distances count.
        angle_weight: how much angles count.
        layer: the student's layer, by its path; by default what its last linear layer reads.
        teacher_layer: the teacher's, likewise.

    Raises:
        UsageError: there is no such layer, or the teacher does not fit.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        teacher: str | nn.Module,
        temperature: float = 4.0,
        alpha: float = 0.0,
        distance_weight: float = 25.0,
        angle_weight: float = 50.0,
        layer: str = "",
        teacher_layer: str = "",
    ):
        super().__init__()
        self.answers = Distill(model=model, teacher=teacher, temperature=temperature, alpha=alpha)
        self.taught_by, self.players = self.answers.taught_by, self.answers.players
        self.distance_weight, self.angle_weight = distance_weight, angle_weight
        self.layers = layer, teacher_layer
        for one, name, whose in zip(self._both(), self.layers, WHOSE, strict=True):
            with within(one, name, whose):
                pass

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example, and how far the relations of all are off."""
        student, teacher = self._both()
        with (
            within(student, self.layers[0], WHOSE[0]) as ours,
            within(teacher, self.layers[1], WHOSE[1]) as theirs,
        ):
            loss = next(self.answers.losses(batch))
        own, known = ours[-1].flatten(1), theirs[-1].detach().flatten(1)
        known = known.to(own.dtype)
        off = self.distance_weight * F.smooth_l1_loss(distances(own), distances(known))
        off = off + self.angle_weight * F.smooth_l1_loss(angles(own), angles(known))
        yield replace(loss, value=loss.value + off)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """As of `distill`: with the labels alone."""
        return self.answers.validate(batch)

    def _both(self) -> tuple[nn.Module, nn.Module]:
        return self.answers.model, self.answers.teacher


WHOSE = "the student", "the teacher"


def distances(f: Float[Tensor, "b d"], /) -> Float[Tensor, "b b"]:
    """Of every two examples, in units of their mean."""
    squares = (f[:, None] - f).square().sum(2)
    far = (squares + LITTLE).sqrt() * (squares > 0)
    return far / far[far > 0].mean() if bool((far > 0).any()) else far


def angles(f: Float[Tensor, "b d"], /) -> Float[Tensor, "b b b"]:
    """The cosine of the angle at the first of every three examples."""
    apart = f - f[:, None]  # [j, i]: from j to i
    unit = apart / (apart.square().sum(2, keepdim=True) + LITTLE).sqrt()
    return unit @ unit.mT
