"""Hints: a student's inner features are to tell the teacher's, by a linear map.

The answers of a deep teacher say little about how it found them. A hint is what one of its layers
gives; the student has a layer from which a line (of each place, where features are maps) is to
guess it. The line learns beside the student and is thrown away with the teacher:

    L = L_distill + weight mean (A f + a - f')^2

f is what the student's layer gives and f' what the teacher's does; A learns from the same error.

Shapes: a batch is (inputs ..., targets), as of `distill`; features `b d`, `b t d` or `b c y x`,
whose places (`t`, `y x`) are as many for both.

Departures: the paper fits the hint first and the answers after; here both are learned together, and
the teacher's features are divided by their own mean size, so that `weight` does not depend on it.

References:
    Adriana Romero, Nicolas Ballas, Samira Ebrahimi Kahou, Antoine Chassang, Carlo Gatta, Yoshua
    Bengio. FitNets: hints for thin deep nets. ICLR 2015. https://arxiv.org/abs/1412.6550

>>> from cartograd.core.build import build
>>> from cartograd.core.ports import Port, Signature
>>> row, classes = Port("row", "vector", (4,)), Port("class", "label", (3,), task="classify")
>>> nets = [build(f"mlp:widths=[{n}]", signature=Signature((row,), (classes,))) for n in (2, 6)]
>>> objective = Hints(model=nets[0], teacher=nets[1])
>>> batch = torch.randn(5, 4), torch.zeros(5, dtype=torch.int64)
>>> [loss.player for loss in objective.losses(batch)]
['hint', 'model']
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.example import drawn_for
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import signature_of
from cartograd.training.objectives.distill import Distill
from cartograd.training.objectives.within import within

CARD = Card(
    name="hints",
    kind="objective",
    entry="Hints",
    nodes=("compress/distillation",),
    title="Distillation by hints",
    zh="特征提示蒸馏（FitNets）",
    aliases=("fitnets", "feature-distillation"),
    paper="FitNets: hints for thin deep nets",
    year=2015,
    url="https://arxiv.org/abs/1412.6550",
    proofs=(
        "law: the error of the line at each place, written out, to 1e-10 in float64",
        "law: the line's loss moves the line alone and the student's the student alone",
        "law: the student's features come to tell the teacher's, which labels do not bring",
    ),
    metrics=("accuracy",),
    logs={"accuracy": "higher"},
)

WHOSE = "the student", "the teacher"


class Hints(nn.Module):
    """Distillation, and the error at which a teacher's features are guessed.

    Args:
        model: the student, with its signature; gives logits.
        teacher: the folder of a run or bundle, or a module; gives logits for the same classes.
        temperature: what the logits of both are divided by.
        alpha: share of the teacher's softened answers.
        weight: how much the hint counts.
        layer: the student's layer, by its path; by default what its last linear layer reads.
        teacher_layer: the teacher's, likewise.

    Raises:
        UsageError: there is no such layer, or what both give has other places.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        teacher: str | nn.Module,
        temperature: float = 4.0,
        alpha: float = 0.9,
        weight: float = 1.0,
        layer: str = "",
        teacher_layer: str = "",
    ):
        super().__init__()
        self.answers = Distill(model=model, teacher=teacher, temperature=temperature, alpha=alpha)
        self.taught_by, self.weight = self.answers.taught_by, weight
        self.layers = layer, teacher_layer
        inputs = drawn_for(model, signature_of(model))
        ours, theirs = self._shapes(inputs)
        if ours[:-1] != theirs[:-1]:
            raise UsageError(
                f"hints: the student's features have places {ours[1:-1]} and the teacher's "
                f"{theirs[1:-1]}; name layers of as many (layer=, teacher_layer=)"
            )
        weights = next(iter(model.parameters()))
        self.line = nn.Linear(ours[-1], theirs[-1], device=weights.device, dtype=weights.dtype)
        self.players = {"model": model, "hint": self.line}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """The line's loss, then the student's: that of each example."""
        loss, own, known = self._run(batch)
        yield Loss(self._off(own.detach(), known), player="hint")
        yield replace(loss, value=loss.value + self.weight * self._off(own, known))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """As of `distill`: with the labels alone."""
        return self.answers.validate(batch)

    def _run(self, batch: Batch) -> tuple[Loss, Tensor, Tensor]:
        """The loss of the answers, and the features of both, channels last."""
        with (
            within(self.answers.model, self.layers[0], WHOSE[0]) as ours,
            within(self.answers.teacher, self.layers[1], WHOSE[1]) as theirs,
        ):
            loss = next(self.answers.losses(batch))
        own = _last(ours[-1])
        return loss, own, _last(theirs[-1]).detach().to(own.dtype)

    def _off(self, own: Float[Tensor, "b ... d"], known: Float[Tensor, "b ... k"]) -> Tensor:
        """The mean squared error of each example, in units of the features' mean square."""
        unit = known.square().flatten(1).mean(1).clamp(min=1e-12)
        return (self.line(own) - known).square().flatten(1).mean(1) / unit

    def _shapes(self, inputs: tuple[Tensor, ...]) -> tuple[tuple[int, ...], ...]:
        """What both layers give for some inputs, channels last."""
        found = []
        both = self.answers.model, self.answers.teacher
        for one, layer, whose in zip(both, self.layers, WHOSE, strict=True):
            with evaluating(one), torch.no_grad(), within(one, layer, whose) as given:
                one(*(_as(x, one) for x in inputs))
            found.append(tuple(_last(given[-1]).shape))
        return tuple(found)


def _as(x: Tensor, model: nn.Module) -> Tensor:
    """Numbers of the precision of a model."""
    weight = next((part for part in model.parameters() if part.is_floating_point()), x)
    return x.to(weight.dtype) if x.is_floating_point() else x


def _last(features: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
    """Maps with their channels last; all else as it is."""
    return features.movedim(1, -1) if features.ndim == 4 else features
