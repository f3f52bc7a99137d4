"""How good explanations are: several methods on the same answers, beside controls."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.apps.load.target import Target, as_signed
from cartograd.apps.results.explanation_quality import Figure, Quality
from cartograd.apps.verbs.explain import class_of, of_one_number
from cartograd.apps.verbs.predict import prepared
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.spec import Spec
from cartograd.engine.files.program import runs_program
from cartograd.frontier.explain.baselines import start_of, targets_of
from cartograd.frontier.explain.parts import Parts, covered, part_numbers
from cartograd.frontier.explain.quality.complexity import complexity, gini
from cartograd.frontier.explain.quality.curves import blurred, deletion, insertion
from cartograd.frontier.explain.quality.infidelity import infidelity
from cartograd.frontier.explain.quality.randomisation import forgetful, rank_correlation
from cartograd.frontier.explain.quality.sensitivity import max_sensitivity
from cartograd.frontier.inputs import check_one_input, rows_at_once

RADIUS = 0.02
"""Of the cube in which inputs are moved, as a share of their range."""

Explain = Callable[[nn.Module, Tensor], Tensor]


def explanation_quality(
    model: Target,
    x: Any,
    /,
    methods: Sequence[str | Spec],
    *,
    target: int | str | None = None,
    seed: int = 0,
) -> Quality:
    """How good explanations by several methods are, beside random numbers and edges.

    Deletion and insertion (areas under the answer's probability), infidelity (the share of the
    answer's changes that is not told), max-sensitivity (within a cube of 2 % of the range),
    complexity and Gini index, and the rank correlation with what the method says of the same
    model when its weights are dealt anew.

    Args:
        model: a model with a signature, a run, a bundle, or the path of one.
        x: inputs as a tensor, or raw ones as `predict` takes them.
        methods: specs of explainers.
        target: the class, by number or label, or the next token; by default the model's own
            answers.
        seed: of whatever is drawn.

    Raises:
        UsageError: a method, the model, the class or an input is not one, or the model's answers
            are vectors.
    """
    signed = as_signed(model)
    task = signed.signature.task
    task.check("explain")
    check_one_input(signed)
    if task.explained == "similarity":
        raise UsageError(
            "the quality of explanations is measured by an answer's probability or value, and this "
            "model answers with vectors"
        )
    if not methods:
        raise UsageError("there is no method to judge; give at least one")
    if any("target" in Spec.parse(method).args for method in methods):
        raise UsageError(
            "methods are judged by the same answers; name the class beside them (target=, --target)"
        )
    inputs, _ = prepared(signed, x)
    device = next((p.device for p in signed.parameters()), torch.device("cpu"))
    inputs, asked = inputs.to(device), of_one_number(signed)
    with evaluating(asked):
        wanted = targets_of(asked, inputs, class_of(signed, target), rows_at_once(inputs))
    explainers = {str(method): _explainer(method, wanted) for method in methods}
    measured = _Measured(asked, inputs, wanted, value=task.explained == "value", seed=seed)
    rows = explainers | {"random": _Random(seed), "edges": _edges}
    return Quality(
        figures={name: measured.figures(one) for name, one in rows.items()},
        examples=len(inputs),
        notes=measured.notes,
    )


class _Measured:
    """Inputs with what covers them, and the figures of explanations of their answers."""

    def __init__(self, model: nn.Module, x: Tensor, target: Tensor, /, *, value: bool, seed: int):
        self.model, self.x, self.target, self.value, self.seed = model, x, target, value, seed
        self.other = None if runs_program(model) else forgetful(model, seed=seed)
        self.real = x.is_floating_point()
        self.start = start_of(model, x, "low") if self.real else covered(model, x, "low")
        self.parts = Parts(model, x, target, part_numbers(model, x, None), self.start[None])
        self.coarse = blurred(x) if x.ndim == 4 and self.real else self.start
        self.notes = ["answers are values, so there is no probability to follow"] if value else []
        if self.other is None:
            self.notes.append("an ONNX file answers, whose weights cannot be dealt anew")
        if not self.real:
            self.notes.append("tokens cannot be moved a little, so max-sensitivity is left out")

    def figures(self, explain: Explain, /) -> dict[str, Figure]:
        """The mean of each figure over the examples, with its standard error."""
        own = explain(self.model, self.x)
        each: dict[str, Tensor] = {}
        if not self.value:
            each["deletion"] = deletion(
                self.model, self.x, own, target=self.target, start=self.start
            )
            each["insertion"] = insertion(
                self.model, self.x, own, target=self.target, start=self.coarse
            )
        each["infidelity"] = infidelity(self.parts, own, seed=self.seed)
        if self.real:
            radius = RADIUS * float(self.x.max() - self.x.min())
            each["max-sensitivity"] = max_sensitivity(
                lambda moved: explain(self.model, moved), self.x, radius=radius, seed=self.seed
            )
        each["complexity"], each["gini"] = complexity(own), gini(own)
        if self.other is not None:
            each["randomisation"] = rank_correlation(own, explain(self.other, self.x)).abs()
        return {name: _figure(found) for name, found in each.items()}


def _explainer(method: str | Spec, target: Tensor) -> Explain:
    found: Any = build(method, kind="explainer")
    return lambda model, x: found(model, x, target=target)


class _Random:
    """Numbers that know nothing, new ones each time."""

    def __init__(self, seed: int, /):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, _: nn.Module, x: Tensor) -> Float[Tensor, "b ..."]:
        return torch.randn(x.shape, generator=self.generator, dtype=torch.float64).to(x.device)


def _edges(_: nn.Module, x: Tensor) -> Float[Tensor, "b ..."]:
    """How steep a picture is at each place; of other inputs how large each number is."""
    if not x.is_floating_point():
        return torch.ones(x.shape, dtype=torch.float64, device=x.device)
    if x.ndim != 4:
        return x.abs().double()
    sides = [side for side in (2, 3) if x.shape[side] > 1]
    steps = [torch.gradient(x.double(), dim=side)[0].square() for side in sides]
    return sum(steps, torch.zeros_like(x, dtype=torch.float64)).sqrt()


def _figure(each: Tensor) -> Figure:
    each = each.double()
    error = float(each.std() / len(each) ** 0.5) if len(each) > 1 else float("nan")
    return float(each.mean()), error
