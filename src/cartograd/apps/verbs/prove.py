"""Prove: whether a property of a model holds, by a VNN-LIB file."""

import math
import time
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.results.proof import Proof
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.frontier.inputs import check_one_input
from cartograd.frontier.verification.alpha_crown import ascend
from cartograd.frontier.verification.bounds import Enclosure, enclose
from cartograd.frontier.verification.certified import check
from cartograd.frontier.verification.complete import served
from cartograd.frontier.verification.network import read
from cartograd.frontier.verification.parts import LR, STEPS, divide
from cartograd.frontier.verification.query import Query, Serve, Verdict, steepest
from cartograd.frontier.verification.rules import Box
from cartograd.frontier.verification.vnnlib import Case, Property, parsed

MOST = 10**9
"""Parts that are looked at: as many as there is time for."""


def prove(target: Target, property: str | Path, /, *, minutes: float = 5.0) -> Proof:
    """Whether a property holds for every input of its boxes.

    Bounds answer what they can, an attack looks for a counterexample, and branch and bound divides
    what is left until each part has an answer or the time is up.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        property: a file in the VNN-LIB's form: which answers are unsafe. Its X are in the units of
            the input port, its Y what the model answers: logits, or values in their unit.
        minutes: the most that it takes.

    Raises:
        UsageError: the file does not parse or is of another number of inputs or outputs, the model
            has operations without a rule, or an input has no bounds.
    """
    if not 0 < minutes < math.inf:
        raise UsageError(f"minutes={minutes} is out of range; expected a number above 0")
    began = time.monotonic()
    said = _read(property)
    model = as_signed(target)
    check_one_input(model)
    port = model.signature.input
    if port.kind == "text":
        raise UsageError("the model reads tokens; a property is of real numbers within boxes")
    _check_count("inputs", said.inputs, port.size, f"{port.name}, {_by(port.dims)}")
    example = _served_box(model, said.cases[0])[0].low.to(_kind(model))
    network = read(model, example)
    with torch.inference_mode(False), torch.no_grad():
        serve = served(model, example)
        classes = serve(example).shape[1]
        _check_count("outputs", said.outputs, classes, model.signature.output.name)
        check(network, model, example)
        boxes, notes = [], list[str]()
        for case in said.cases:
            box, lines = _served_box(model, case)
            boxes.append(box)
            notes += [line for line in lines if line not in notes]
        until = began + 60 * minutes
        proved, parts = 0, 0
        worst: Verdict = Verdict("proved")
        found: Enclosure | None = None
        for case, box in zip(said.cases, boxes, strict=True):
            if time.monotonic() > until:
                worst = Verdict("unknown")
                break
            if found is None or not _same(found.boxes[0], box):
                found = enclose(network, box)
            query = Query(box, torch.tensor(case.weights).double(),
                          torch.tensor(case.limits).double())  # fmt: skip
            verdict = _verdict(query, found, serve, until)
            parts += verdict.parts
            if verdict.answer == "proved":
                proved += 1
                continue
            worst = verdict
            if verdict.answer == "refuted":
                break
        at = None if worst.found is None else worst.found.to(example)
        outputs = None if at is None else serve(at[None])[0]
    return Proof(
        name_of(model), str(property), worst.answer, (len(said.cases), proved), parts,
        time.monotonic() - began, at, outputs, tuple(notes),
    )  # fmt: skip


def _same(one: Box, other: Box) -> bool:
    return torch.equal(one.low, other.low) and torch.equal(one.high, other.high)


def _verdict(query: Query, found: Enclosure, serve: Serve, until: float) -> Verdict:
    """The answer to one case: by bounds, by an attack, or by dividing it."""
    network = found.network
    bound = ascend(found, query.weights[None], steps=STEPS, lr=LR)
    if float((bound.lower[0] - query.limits).max()) > 0:
        return Verdict("proved", parts=1)
    if (point := steepest(query, network, serve)) is not None:
        return Verdict("refuted", point, parts=1)
    return divide(query, network, serve, branches=MOST, stop=lambda: time.monotonic() > until)


def _read(path: str | Path) -> Property:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: it is no text (UTF-8)") from error
    return parsed(text, str(path))


def _check_count(what: str, declared: int, count: int, name: str) -> None:
    if declared != count:
        raise UsageError(
            f"the property is of {declared} {what}, the model has {count} ({name}); expected "
            f"{'X' if what == 'inputs' else 'Y'}_0 to "
            f"{'X' if what == 'inputs' else 'Y'}_{count - 1}"
        )


def _served_box(model: Signed, case: Case) -> tuple[Box, list[str]]:
    """The inputs of a case that the model can be given: numbers of its own precision.

    Raises:
        UsageError: an input has no bounds, neither here nor in the model's signature.
    """
    port, notes = model.signature.input, list[str]()
    low, high = (torch.tensor(end, dtype=torch.float64) for end in (case.low, case.high))
    for name, end, side in (("least", low, 0), ("largest", high, 1)):
        free = end.isinf()
        if not free.any():
            continue
        if port.bounds is None:
            raise UsageError(
                f"X_{int(free.nonzero()[0])} has no {name} value, neither in the file nor in the "
                "model's signature; assert one"
            )
        end[free] = float(port.bounds[side])
        notes.append(f"inputs without a {name} value take that of the port: {port.bounds[side]:g}")
    if port.bounds is not None and (low.min() < port.bounds[0] or high.max() > port.bounds[1]):
        notes.append(
            f"the box reaches from {low.min():.4g} to {high.max():.4g}, valid inputs from "
            f"{port.bounds[0]:g} to {port.bounds[1]:g}; it is looked at as a whole"
        )
    kind = _kind(model)
    ends = [_inward(low, kind, 1), _inward(high, kind, -1)]
    middle = ((low + high) / 2).to(kind).double()
    empty = ends[0] > ends[1]  # narrower than two numbers of this precision
    sizes = [int(dim) for dim in port.dims]
    shaped = [torch.where(empty, middle, end).reshape(1, *sizes) for end in ends]
    return Box(shaped[0], shaped[1]), notes


def _kind(model: Signed) -> torch.dtype:
    """The precision that the model computes in."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)


def _inward(end: Float[Tensor, " n"], kind: torch.dtype, way: int) -> Tensor:
    """The nearest number of a precision that is within."""
    near = end.to(kind)
    outside = (near.double() - end) * way < 0
    beyond = torch.full_like(near, math.inf * way)
    return torch.where(outside, torch.nextafter(near, beyond), near).double()


def _by(dims: tuple[int | str, ...]) -> str:
    return " x ".join(map(str, dims))
