"""Signs of masked gradients: a model that only looks robust, because attacks lose their way."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from cartograd.apps.results.security_curve import Check
from cartograd.apps.verbs.attack import attack, bounded, classes_of, outputs_of
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Split
from cartograd.frontier.inputs import looking
from cartograd.frontier.security.ball import Norm
from cartograd.frontier.security.gain import ascent

FEW = 50
"""Examples that are looked at."""
QUESTIONS = 300
ASKED = ("square", "hop-skip-jump")
"""Attacks that use no gradient."""


def checks(
    model: Signed,
    chosen: Split,
    eps: float,
    norm: Norm,
    standing: Mapping[str, Sequence[Bool[Tensor, " n"]]],
    /,
    *,
    own: bool = True,
) -> tuple[Check, ...]:
    """The checks that AutoAttack's authors make, and whether large changes leave nothing.

    Args:
        model: on its device.
        chosen: the attacked examples.
        eps: the largest size of the curve.
        norm: what it measures.
        standing: what stands at each size, by the method.
        own: whether the changes were made for this model, and not for another one.
    """
    few = chosen.select(torch.arange(min(FEW, len(chosen))))
    outputs = outputs_of(model, few.inputs)
    try:
        gradients = _gradients(model, few)
    except UsageError:  # a tree: no attack by gradients can be asked
        none = Check("gradients are there", False, "none: the model answers by comparisons")
        return none, _repeats(model, few, outputs), _logits(outputs)
    by_gradients = _by_gradients(model, few, eps, norm, standing if own else {})
    transfer = () if own else (_transfer(by_gradients, standing),)
    return (
        *transfer,
        _whole_range(model, few, norm),
        _questions(model, few, eps, norm, by_gradients),
        gradients,
        _repeats(model, few, outputs),
        _logits(outputs),
    )


def _whole_range(model: Signed, few: Split, norm: Norm) -> Check:
    low, high = model.signature.input.bounds or (few.inputs.min().item(), few.inputs.max().item())
    width = (high - low) * (few.inputs[0].numel() ** 0.5 if norm == "l2" else 1)
    spec = Spec("pgd", {"eps": width, "steps": 20, "norm": norm})
    left = int(_standing(model, few, spec).sum())
    name = "changes over the whole range leave nothing"
    return Check(name, left == 0, f"{left} of {len(few)} stand")


def _by_gradients(
    model: Signed,
    few: Split,
    eps: float,
    norm: Norm,
    standing: Mapping[str, Sequence[Tensor]],
) -> Bool[Tensor, " n"]:
    """What stands against all attacks by gradients; against PGD if there were none."""
    found = [
        each[-1][: len(few)]
        for name, each in standing.items()
        if Spec.parse(name).name not in ASKED
    ] or [_standing(model, few, Spec("pgd", {"eps": eps, "steps": 20, "norm": norm}))]
    return torch.stack(found).all(0)


def _transfer(gradients: Tensor, standing: Mapping[str, Sequence[Tensor]]) -> Check:
    """What was made for another model must not do better."""
    by_others = torch.stack([each[-1][: len(gradients)] for each in standing.values()]).all(0)
    left, own = int(by_others.sum()), int(gradients.sum())
    return Check(
        "changes made for another model do no better than own ones",
        left >= own,
        f"{left} of {len(gradients)} stand against those, {own} against pgd",
    )


def _questions(
    model: Signed, few: Split, eps: float, norm: Norm, gradients: Bool[Tensor, " n"]
) -> Check:
    """A random search must not find what gradients do not."""
    spec = Spec("square", {"eps": eps, "queries": QUESTIONS, "norm": norm})
    questions = _standing(model, few, spec)
    more = int((gradients & ~questions).sum())
    return Check(
        "questions alone do no better than gradients",
        int(questions.sum()) >= int(gradients.sum()),
        f"{int(questions.sum())} of {len(few)} stand against square, {int(gradients.sum())} "
        f"against gradients; square alone felled {more}",
    )


def _standing(model: Signed, few: Split, spec: Spec) -> Bool[Tensor, " n"]:
    spec = bounded(spec, model, few.inputs)
    moved = attack(model, few.inputs, few.targets, method=spec).cpu()
    return classes_of(outputs_of(model, moved)) == few.targets


def _gradients(model: Signed, few: Split) -> Check:
    device = model.output_mean.device
    x, y = few.inputs.to(device), few.targets.to(device).long()
    with looking(model, x):
        gradient, _ = ascent(model, x, y)
    none = int((gradient.flatten(1) == 0).all(1).sum())
    return Check("gradients are there", none == 0, f"none at {none} of {len(few)}")


def _repeats(model: Signed, few: Split, outputs: Tensor) -> Check:
    again = outputs_of(model, few.inputs)
    apart = float((again - outputs).abs().max())
    return Check("answers repeat", apart == 0, f"up to {apart:.3g} apart")


def _logits(outputs: Tensor) -> Check:
    rows = outputs.sum(1)
    shares = bool((outputs >= 0).all()) and bool((rows - 1).abs().max() < 1e-3)
    return Check("answers are logits", not shares, "probabilities" if shares else "logits")
