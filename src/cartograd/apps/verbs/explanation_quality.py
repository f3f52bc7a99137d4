"""How good explanations are: several methods on the same answers, beside controls."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.apps.load.target import Target, as_signed
from cartograd.apps.results.explanation_quality import BETTER, FAITHFUL, Figure, Quality
from cartograd.apps.verbs.explain_target import class_of, of_one_number
from cartograd.apps.verbs.prepared import prepared
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
from cartograd.frontier.explain.quality.localisation import localisation, mosaics
from cartograd.frontier.explain.quality.randomisation import forgetful, rank_correlation
from cartograd.frontier.explain.quality.sensitivity import max_sensitivity
from cartograd.frontier.inputs import answers, at_most, check_one_input, rows_at_once

RADIUS = 0.02
"""Of the cube in which inputs are moved, as a share of their range."""

Explain = Callable[[nn.Module, Tensor, Tensor], Tensor]


def explanation_quality(
    model: Target,
    x: Any,
    /,
    methods: Sequence[str | Spec],
    *,
    target: int | str | None = None,
    seed: int = 0,
    max_batch: int | Literal["auto"] = "auto",
) -> Quality:
    """How good explanations by several methods are, beside random numbers and edges.

    Deletion and insertion (areas under the answer's probability), infidelity (the share of the
    answer's changes that is not told), max-sensitivity (within a cube of 2 % of the range),
    complexity and Gini index, the rank correlation with what the method says of the same model when
    its weights are dealt anew, and of pictures localisation: in mosaics of four of the inputs the
    share of what speaks for a cell's class that lies in this cell.

    Args:
        model: a model with a signature, a run, a bundle, or the path of one.
        x: inputs as a tensor, or raw ones as `predict` takes them.
        methods: specs of explainers.
        target: the class, by number or label, or the next token; by default the model's own
            answers.
        seed: of whatever is drawn.
        max_batch: rows that go through the model at once; `auto` is as many as are fast and fit
            into memory.

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
    explainers: dict[str, Explain] = {str(method): _explainer(method) for method in methods}
    rows = explainers | {"random": _Random(seed), "edges": _edges}
    with at_most(max_batch, asked, inputs):
        with evaluating(asked):
            wanted = targets_of(asked, inputs, class_of(signed, target), rows_at_once(inputs))
        measured = _Measured(asked, inputs, wanted, value=task.explained == "value", seed=seed)
        each = {name: measured.each(name, one) for name, one in rows.items()}
    return Quality(
        figures={
            name: {column: _figure(one) for column, one in row.items() if not one.isnan().all()}
            for name, row in each.items()
        },
        examples=len(inputs),
        notes=[*measured.notes, *_unjudged(each)],
        beats={name: _beats(row, each["random"]) for name, row in each.items() if name != "random"},
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
        self.mosaics = None if value else self._mosaics()

    def _mosaics(self) -> tuple[Tensor, Tensor] | None:
        """Mosaics of the inputs, if they are pictures and the model takes larger ones."""
        try:
            if self.x.ndim != 4 or not self.real:
                raise UsageError("mosaics are made of pictures")
            with evaluating(self.model), torch.no_grad():
                rows = self.x.split(rows_at_once(self.x))
                found = torch.cat([answers(self.model, some) for some in rows])
                if found.shape[1] < 4:
                    raise UsageError("a mosaic is of four classes, and the model knows fewer")
                sure = found.double().softmax(1).amax(1)
                made = mosaics(self.x, found.argmax(1), sure, seed=self.seed)
                _check_takes(self.model, made[0][:1], self.x.shape[2:])
        except UsageError as error:
            self.notes.append(f"localisation is left out: {error}")
            return None
        return made

    def _localisation(self, name: str, explain: Explain) -> Tensor | None:
        """How much of what a method says of a mosaic's cell lies in it."""
        if self.mosaics is None:
            return None
        try:
            return localisation(lambda x, aim: explain(self.model, x, aim), *self.mosaics)
        except UsageError as error:
            self.notes.append(f"localisation of {name} is left out: {error}")
            return None

    def each(self, name: str, explain: Explain, /) -> dict[str, Tensor]:
        """The figures of each example, or mosaic."""
        own = explain(self.model, self.x, self.target)
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
                lambda moved: explain(self.model, moved, self.target),
                self.x,
                radius=radius,
                seed=self.seed,
            )
        each["complexity"], each["gini"] = complexity(own), gini(own)
        if self.other is not None:
            forgot = explain(self.other, self.x, self.target)
            each["randomisation"] = rank_correlation(own, forgot).abs()
        if (found := self._localisation(name, explain)) is not None:
            each["localisation"] = found
        return each


def _explainer(method: str | Spec) -> Explain:
    found: Any = build(method, kind="explainer")
    return lambda model, x, target: found(model, x, target=target)


def _check_takes(model: nn.Module, x: Tensor, size: torch.Size) -> None:
    """Refuse a model that takes pictures of its own size alone.

    Raises:
        UsageError: it does.
    """
    try:
        answers(model, x)
    except (RuntimeError, ValueError, AssertionError, UsageError) as error:
        own, asked = (" x ".join(map(str, sides)) for sides in (size, x.shape[2:]))
        raise UsageError(
            f"the model takes pictures of {own} alone, and a mosaic of four is of {asked}; one "
            "that averages over places takes any"
        ) from error


class _Random:
    """Numbers that know nothing, new ones each time."""

    def __init__(self, seed: int, /):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, _: nn.Module, x: Tensor, __: Tensor) -> Float[Tensor, "b ..."]:
        return torch.randn(x.shape, generator=self.generator, dtype=torch.float64).to(x.device)


def _edges(_: nn.Module, x: Tensor, __: Tensor) -> Float[Tensor, "b ..."]:
    """How steep a picture is at each place; of other inputs how large each number is."""
    if not x.is_floating_point():
        return torch.ones(x.shape, dtype=torch.float64, device=x.device)
    if x.ndim != 4:
        return x.abs().double()
    sides = [side for side in (2, 3) if x.shape[side] > 1]
    steps = [torch.gradient(x.double(), dim=side)[0].square() for side in sides]
    return sum(steps, torch.zeros_like(x, dtype=torch.float64)).sqrt()


def _beats(own: dict[str, Tensor], chance: dict[str, Tensor]) -> dict[str, float]:
    """The share of examples at which a method is better than random numbers."""
    found: dict[str, float] = {}
    for column in FAITHFUL:
        if column in own and column in chance:
            ahead = own[column] - chance[column]
            ahead = ahead[~ahead.isnan()] * (-1 if BETTER[column] == "lower" else 1)
            if len(ahead):
                found[column] = float((ahead > 0).double().mean())
    return found


def _unjudged(each: dict[str, dict[str, Tensor]]) -> list[str]:
    """A line for each method of whose figures some are of fewer examples, or of none."""
    found: list[str] = []
    for name, row in each.items():
        missing = {column: int(one.isnan().sum()) for column, one in row.items()}
        parts = [f"{column} of {k} of {len(row[column])}" for column, k in missing.items() if k]
        if parts:
            found.append(
                f"{name}: not judged are {', '.join(parts)}, as there is nothing to compare with: "
                "an explanation that is all zeros, or an answer that covering does not change"
            )
    return found


def _figure(each: Tensor) -> Figure:
    """The mean over the examples that can be judged, with its standard error."""
    each = each[~each.isnan()].double()
    error = float(each.std() / len(each) ** 0.5) if len(each) > 1 else float("nan")
    return float(each.mean()), error
