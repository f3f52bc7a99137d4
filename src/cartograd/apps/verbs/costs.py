"""Costs: what models cost to run on this machine, predicted before and measured after, ranked."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from cartograd.apps.load.pretrained import specimens
from cartograd.apps.load.target import Target, as_bundle, as_signed, name_of
from cartograd.apps.load.weight import learned, size
from cartograd.apps.results.costs import MANY, Costs, ModelCost, Timed
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.core.signed import Signed
from cartograd.engine.device.energy import joules
from cartograd.engine.device.held import peak
from cartograd.engine.device.roofline import Roofline, roofline
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.files.program import runs_program
from cartograd.engine.files.rebuild import simulated
from cartograd.engine.loop.fit import Run
from cartograd.engine.loop.flops import flop_counter
from cartograd.practice.deployment.in_turns import Spent, in_turns

BATCHES = (1, 8, 64)
"""Examples at once, where nobody says how many."""

MOST = 4096
"""The largest batch."""

HOUR = 3600.0

Each = list[list[Spent]]
"""Of each batch, of each model its seconds and how many times as long as the first it took."""


def costs(
    targets: Target | Sequence[Target],
    /,
    *,
    batches: Sequence[int] = BATCHES,
    rate: float | None = None,
    machine: Roofline | None = None,
) -> Costs:
    """What models cost to run here: time by batch, memory, size, work, energy, and a price.

    Predicted is the least time by the machine's roofline, from the multiplications that are
    counted and the numbers that have to be moved; measured are all models in turns.

    Args:
        targets: one model or several: modules with a signature, runs, bundles, ONNX files, paths.
        batches: examples at once.
        rate: what an hour of this machine costs, in any currency.
        machine: its roofline, where that was measured before.

    Raises:
        UsageError: a target is no model, a batch or the rate is out of range, or the models take
            other inputs than the first.
    """
    single = isinstance(targets, str | Path | torch.nn.Module | Run | Bundle)
    named: list[Target] = [targets] if single else list(targets)
    if not named:
        raise UsageError("there is no model; expected one at least")
    for batch in batches or (0,):
        if not 1 <= batch <= MOST:
            raise UsageError(f"a batch of {batch} is out of range; expected 1 to {MOST}")
    if rate is not None and not rate > 0:
        raise UsageError(f"rate={rate:g} is out of range; expected more than 0, for an hour")
    models = [as_signed(one) for one in named]
    x = _examples(models, named)
    roof = machine or roofline()
    rows = sorted({*batches})
    timed = _timed(models, [_many(x, count) for count in rows])
    found, why = [], ""
    for number, (target, model) in enumerate(zip(named, models, strict=True)):
        work = _counted(model, x)
        spent, why = _energy(model, _many(x, rows[-1]))
        own = tuple(
            Timed(count, *each[number][:3]) for count, each in zip(rows, timed, strict=True)
        )
        best = max(one.throughput for one in own)
        found.append(ModelCost(
            _name(target, model), _parameters(target, model), size(model), work,
            _least(model, x, work, rows, roof), own,
            peak(partial(_answer, model, _many(x, rows[-1]))),
            None if spent is None else spent / rows[-1],
            None if rate is None else rate / HOUR / best * MANY,
            _moved(model, x, rows),
        ))  # fmt: skip
    ranked = sorted(found, key=lambda one: -one.best.throughput)
    return Costs(tuple(ranked), torch.get_num_threads(), why, rate, roof)


def _name(target: Target, model: Signed) -> str:
    """What to call it: its path, or the model's name."""
    if isinstance(target, str | Path):
        return str(target)
    place = target.path if isinstance(target, Bundle) else None
    place = target.folder if isinstance(target, Run) else place
    return name_of(model) if place is None else str(place)


def _parameters(target: Target, model: Signed) -> int:
    known = runs_program(model) and not isinstance(target, torch.nn.Module)
    return learned(as_bundle(target) if known else target, model)


def _examples(models: Sequence[Signed], targets: Sequence[Target]) -> tuple[Tensor, ...]:
    """One example that the ports of all models allow.

    Raises:
        UsageError: they take different inputs.
    """
    first = models[0].signature
    for model, target in zip(models, targets, strict=True):
        own, wanted = ([(one.kind, one.dims, one.dtype) for one in each.inputs]
                       for each in (model.signature, first))  # fmt: skip
        if own != wanted:
            raise UsageError(
                f"{_name(target, model)} takes {_shapes(own)}, and {_name(targets[0], models[0])} "
                f"{_shapes(wanted)}; models that are ranked take the same"
            )
    return tuple(one[:1] for one in specimens(first))


def _shapes(ports: Sequence[tuple[str, tuple[int | str, ...], str]]) -> str:
    return ", ".join(f"{kind} {' x '.join(map(str, dims))}" for kind, dims, _ in ports)


def _many(x: tuple[Tensor, ...], count: int) -> tuple[Tensor, ...]:
    """The example so many times."""
    return tuple(one.expand(count, *one.shape[1:]).contiguous() for one in x)


def _timed(models: Sequence[Signed], given: Sequence[tuple[Tensor, ...]]) -> Each:
    """Of each batch all models, in turns."""
    with inferring(*models):
        return [in_turns([partial(model, *x) for model in models]) for x in given]


def _answer(model: Signed, x: tuple[Tensor, ...]) -> None:
    with inferring(model):
        model(*x)


def _counted(model: Signed, x: tuple[Tensor, ...]) -> int | None:
    """Multiplications with additions for one example; None of what an ONNX file does.

    Rounded layers are counted by the products that their numbers stand for: a kernel of integers is
    one operation to the counter, which knows of no work in it.
    """
    if runs_program(model):
        return None
    with torch.no_grad(), flop_counter() as counter, inferring(model), simulated(model):
        model(*x)
    return counter.get_total_flops() // 2


def _moved(model: Signed, x: tuple[Tensor, ...], rows: Sequence[int]) -> tuple[float, ...]:
    """Bytes that each batch has to move at least: the weights once, inputs and answers."""
    with inferring(model):
        answer = model(*x)
    one = sum(part.numel() * part.element_size() for part in (*x, answer))
    return tuple(float(size(model) + count * one) for count in rows)


def _least(
    model: Signed, x: tuple[Tensor, ...], work: int | None, rows: Sequence[int], roof: Roofline
) -> tuple[float, ...]:
    """The least seconds of each batch by the roofline."""
    if work is None:
        return ()
    moved = zip(rows, _moved(model, x, rows), strict=True)
    return tuple(roof.seconds(2.0 * work * count, size_) for count, size_ in moved)


def _energy(model: Signed, x: tuple[Tensor, ...]) -> tuple[float | None, str]:
    """Joules of a batch, from calls for a while; or why they are not told."""
    calls = 0

    def work() -> None:
        nonlocal calls
        with inferring(model):
            for _ in range(10):
                model(*x)
                calls += 1

    spent, why = joules(work)
    return None if spent is None else spent / calls, why
