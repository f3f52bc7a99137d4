"""Distillation: a small network learns the classes, and the answers of one that knows them.

What a trained network thinks of the wrong classes says what is like what. At a higher temperature
these small probabilities count, so the student is asked for the teacher's softened distribution as
well as for the label.

    L = (1 - alpha) (-log softmax(z)_y) + alpha T^2 KL(softmax(v / T) || softmax(z / T))

z are the student's logits and v the teacher's, which does not learn and is in evaluation mode. The
factor T^2 keeps the size of the second gradient: as T grows it goes to that of half the squared
distance of the logits, their means taken off, over the number of classes.

`form=notes` is the one that lecture notes give, where the probabilities are divided by T instead of
the logits and nothing is put in its place: alpha KL(softmax(v) || softmax(z)) / T. It softens
nothing, since a factor of both distributions leaves their ratio alone: T is a weight then.

Shapes: a batch is (inputs ..., targets): inputs `b ...`, targets `b *n` of class numbers (-100 does
not count); logits `b *n k` of both models, of masks `b k y x`; both see the same inputs.

Departures: the paper weighs the two parts by hand; here their weights add to one. Validation
measures the cross-entropy with the labels alone, so that runs with and without a teacher compare.

References:
    Geoffrey Hinton, Oriol Vinyals, Jeff Dean. Distilling the knowledge in a neural network. NIPS
    deep learning workshop 2014. https://arxiv.org/abs/1503.02531

>>> objective = Distill(model=nn.Linear(4, 3), teacher=nn.Linear(4, 3))
>>> batch = torch.zeros(5, 4), torch.zeros(5, dtype=torch.int64)
>>> next(objective.losses(batch)).value.shape
torch.Size([5])
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cartograd.core.answered import answered
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.hashing import digest_of
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.engine.files import bundle
from cartograd.training.losses.cross_entropy import cross_entropy
from cartograd.training.losses.kl import kl
from cartograd.training.objectives.label_tokens import IGNORED

CARD = Card(
    name="distill",
    kind="objective",
    entry="Distill",
    nodes=("compress/distillation",),
    title="Knowledge distillation",
    zh="知识蒸馏",
    aliases=("knowledge-distillation",),
    paper="Distilling the knowledge in a neural network",
    year=2014,
    url="https://arxiv.org/abs/1503.02531",
    proofs=(
        "oracle: T^2 times torch's kl_div of log-softmax and softmax and torch's cross_entropy, "
        "loss and gradients to 1e-10 in float64",
        "law: as T grows the gradient goes to that of matching logits without their means",
        "law: in the notes' form T weighs and softens nothing",
        "law: the teacher keeps its weights and its mode, sees the student's inputs, and answers "
        "without dropout",
    ),
    evidence={"compress/distillation": ("acceptance:distillation",)},
    metrics=("accuracy",),
    logs={"accuracy": "higher"},
)


class Distill(nn.Module):
    """Cross-entropy with the labels, and the divergence from a teacher's softened answers.

    Args:
        model: the student; gives logits, `b ... k`, or of masks `b k y x`.
        teacher: the folder of a run or bundle, or a module; gives logits for the same classes.
        temperature: what the logits of both are divided by.
        alpha: share of the teacher's part; 1 leaves the labels out.
        form: `softened` logits with T^2, or that of the `notes`.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        teacher: str | nn.Module,
        temperature: float = 4.0,
        alpha: float = 0.9,
        form: Literal["softened", "notes"] = "softened",
    ):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.temperature, self.alpha, self.form = temperature, alpha, form
        if isinstance(teacher, str):
            with torch.device("cpu"):  # also for a dry run, whose student has no numbers
                found: nn.Module = bundle.load(teacher).model
        else:
            found = copy.deepcopy(teacher)
        _check_alike(model, found)
        self.taught_by = digest_of([*found.state_dict().values()])
        device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
        # No part of this module: it is not trained, switched to training mode, or saved.
        self._teacher = (found.to(device).eval().requires_grad_(False),)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example, or of each position of one."""
        *inputs, targets = batch
        logits, counted, hard = self._hard(inputs, targets)
        with torch.no_grad():
            known = _classes_last(answered(self._teacher[0], self._teacher[0](*inputs), None))
        if known.shape != logits.shape:
            raise UsageError(
                f"distill: the teacher answers with shape {tuple(known.shape)} and the model with "
                f"{tuple(logits.shape)}; expected logits for the same classes"
            )
        wide = torch.promote_types(known.dtype, torch.float32)
        softened = self.form == "softened"
        by, factor = (
            (self.temperature, self.temperature**2) if softened else (1.0, 1 / self.temperature)
        )
        soft = torch.softmax(known / by, -1, dtype=wide)
        far = factor * kl(logits.to(wide) / by, soft)
        loss = (1 - self.alpha) * hard + self.alpha * far
        yield Loss(loss, weight=None if counted is None else counted.to(loss.dtype))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The cross-entropy with the labels, and the logits for the metrics."""
        *inputs, targets = batch
        logits, counted, hard = self._hard(inputs, targets)
        right = logits.argmax(-1) == targets
        if counted is None:
            return {"loss": hard, "outputs": logits, "accuracy": right.to(hard.dtype)}
        weight = counted.to(hard.dtype)
        return {"loss": hard, "weight": weight, "accuracy": right[counted].to(hard.dtype)}

    def _hard(self, inputs: list[Tensor], targets: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """The student's logits, which positions count (None for all) and their cross-entropy."""
        logits = _classes_last(answered(self.model, self.model(*inputs), None))
        if targets.is_floating_point() or logits.shape[:-1] != targets.shape:
            raise UsageError(
                f"distill: targets of {targets.dtype} and shape {tuple(targets.shape)} for answers "
                f"of shape {tuple(logits.shape)}; expected a class for each row of logits"
            )
        if targets.ndim == 1:
            return logits, None, cross_entropy(logits, targets)
        counted = targets != IGNORED
        return logits, counted, cross_entropy(logits, targets.where(counted, 0))

    @property
    def teacher(self) -> nn.Module:
        """What teaches; it is no part of this module."""
        return self._teacher[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Distill":
        """Move and cast the teacher with the student."""
        self._teacher[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)


def _classes_last(logits: Tensor) -> Tensor:
    """Logits whose last dimension counts the classes; of masks, `b k y x`, the second does."""
    return logits.movedim(1, -1) if logits.ndim == 4 else logits


def _check_alike(student: nn.Module, teacher: nn.Module) -> None:
    """Refuse a teacher of other inputs or classes, where both say what they take and give.

    Raises:
        UsageError: they differ.
    """
    if not (isinstance(student, Signed) and isinstance(teacher, Signed)):
        return

    def told(model: Signed) -> dict[str, Any]:
        port, signature = model.signature.input, model.signature
        return {
            "inputs of shape": [one.dims for one in signature.inputs],
            "a range of": port.bounds,
            "classes": signature.output.labels or signature.classes,
        }

    ours, theirs = told(student), told(teacher)
    for what, own in ours.items():
        if theirs[what] != own:
            raise UsageError(
                f"distill: the teacher has {what} {theirs[what]} and the data {own}; take a "
                "teacher that was trained on data of the same inputs and classes"
            )
