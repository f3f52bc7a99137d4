"""Estimate the cost of a training run before it begins."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.apps.load.target import name_of
from cartograd.apps.results.cost import Cost, Layer
from cartograd.apps.verbs.evaluate import at_once
from cartograd.apps.verbs.plan import Plan, planned
from cartograd.core.errors import UsageError, first_line
from cartograd.core.protocols import Batch, Batches
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import fit
from cartograd.engine.loop.flops import flop_counter
from cartograd.engine.optim.optimizers import optimizer
from cartograd.engine.optim.player import per_player

PROBE = 1.0
"""Seconds for which steps are timed."""

WORK = 1e11
"""Operations of the largest step that is timed; of a larger one, part of its examples."""


class LooksAtNumbersError(UsageError):
    """A model or a loss looks at numbers, and on the meta device there are none."""


def cost(
    model: Plan | str | Spec | nn.Module,
    data: str | Path | Spec | Dataset | None = None,
    /,
    **settings: Any,
) -> Cost:
    """Shapes, parameters, work and memory, from a pass on torch's meta device.

    Args:
        model: a spec, a module on the meta device, or a plan made with `meta=True`.
        data: a spec or a dataset; a plan has its own.
        **settings: as `train` has them.

    Raises:
        UsageError: the model or the optimizer cannot take these shapes.
    """
    return _cost(model) if isinstance(model, Plan) else costed(model, data, **settings)[1]


def costed(model: Any, data: Any, /, **settings: Any) -> tuple[Plan, Cost]:
    """A plan and what it needs.

    Where a model or a loss looks at numbers (the longest target, how many are right), the pass is
    made with real ones.

    Raises:
        UsageError: as `planned` and `cost` say.
    """
    plan = planned(model, data, meta=True, **settings)
    try:
        return plan, _cost(plan)
    except LooksAtNumbersError:
        plan = planned(model, data, **settings)
        return plan, _cost(plan)


def _cost(plan: Plan) -> Cost:
    rows = min(plan.value("batch_size"), len(plan.data.train))
    batch = _batch(plan, rows)
    saved: dict[int, int] = {}
    own = {_storage(tensor) for tensor in _tensors(plan.model)}

    def keep(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in own:
            saved[_storage(tensor)] = tensor.numel() * tensor.element_size()
        return tensor

    try:
        with (
            _watched(plan.model) as layers,
            flop_counter() as counter,
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            for loss in plan.objective.losses(batch):
                loss.value.mean().backward()
    except UsageError:
        raise
    except Exception as error:  # a model of anybody may fail in any way
        port, name = plan.data.signature.input, name_of(plan.model)
        shape = " x ".join(map(str, port.dims))
        kind = LooksAtNumbersError if "meta tensor" in str(error).lower() else UsageError
        raise kind(
            f"{name} cannot take this data (inputs of kind {port.kind}, {shape}); take a model for "
            f"it, or the size or the arguments that it needs (`cartograd show {name}`). "
            f"It said: {first_line(error)}"
        ) from error
    weights = sum(tensor.numel() * tensor.element_size() for tensor in _tensors(plan.model))
    learned = [parameter for parameter in plan.model.parameters() if parameter.requires_grad]
    memory = {
        "weights": weights,
        "gradients": sum(item.numel() * item.element_size() for item in learned),
        "optimizer": optimizer_bytes(plan),
        "activations": sum(saved.values()),
        "data": sum(part.held for part in (plan.data.train, plan.data.valid, plan.data.test)),
    }
    return Cost(
        layers=tuple(layers),
        parameters=sum(item.numel() for item in plan.model.parameters()),
        flops=counter.get_total_flops() // rows,
        memory=memory,
        steps=_per_epoch(plan) * plan.value("epochs"),
    )


@dataclass(frozen=True)
class _First:
    """The first batches of an epoch, made as the whole epoch makes them."""

    batches: Batches
    count: int

    def __len__(self) -> int:
        return self.count

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """Those from `start` on."""
        return islice(self.batches.epoch(number, seed=seed, start=start), self.count - start)


def probe(
    plan: Plan,
    flops: float,
    /,
    *,
    least: float = PROBE,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float, int]:
    """Time some real steps on this machine; the plan's model is changed by them.

    Args:
        plan: of the run.
        flops: of a step for one example, as `cost` counts them.
        least: seconds for which steps are timed, if there are so many.
        clock: by which they are.

    Returns:
        Seconds for a step, estimated seconds for the whole run with its validation, and how many
        examples of a step were timed: of a large one a part, whose time is scaled.
    """
    options = replace(
        plan.options, epochs=1, monitor=None, schedule=None, patience=None, compile=False,
        accumulate=1,
    )  # fmt: skip
    whole, size = len(plan.batches()), min(plan.value("batch_size"), len(plan.data.train))
    most = max(2, int(WORK // max(flops, 1)))
    rows = min(size, most)
    batches = plan.batches(rows)

    def seconds(count: int) -> float:
        start = clock()
        fit(plan.objective, _First(batches, count), options=options)
        return clock() - start

    seconds(1 if rows < size else min(2, whole))  # the first steps load libraries and are slower
    once = step = seconds(1)
    if once < least and (count := min(len(batches), max(5, round(least / once)))) > 1:
        more = seconds(count)  # a fit takes time besides its steps, too
        step = max((more - once) / (count - 1), more / count / 2)
    step *= size / rows
    valid = plan.data.valid
    least = at_once(plan.data.signature)
    few = min(least, len(valid), most)
    start = clock()
    collect(
        plan.model, valid.select(range(few)).batches(batch_size=least), device=plan.value("device")
    )
    check = (clock() - start) / few * len(valid)
    return step, plan.value("epochs") * (whole * step + check), rows


def _batch(plan: Plan, rows: int) -> tuple[Tensor, ...]:
    """Examples without numbers for a model without numbers, else the first ones."""
    if not any(tensor.is_meta for tensor in _tensors(plan.model)):
        first = plan.data.train.select(range(rows))
        return (*first.arguments, first.targets)
    example = plan.data.train.select([0])
    return tuple(
        torch.empty((rows, *tensor.shape[1:]), dtype=tensor.dtype, device="meta")
        for tensor in (*example.arguments, example.targets)
    )


@contextmanager
def _watched(model: nn.Module) -> Iterator[list[Layer]]:
    """Record the output shape of each innermost module, in the order of the forward pass."""
    layers: list[Layer] = []

    def note(name: str) -> Any:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                count = sum(parameter.numel() for parameter in module.parameters())
                layers.append(Layer(name, type(module).__name__, tuple(output.shape), count))

        return hook

    handles = [
        module.register_forward_hook(note(name.removeprefix("model.")))
        for name, module in model.named_modules()
        if not any(module.children()) and not isinstance(module, torch.jit.ScriptModule)
    ]
    try:
        yield layers
    finally:
        for handle in handles:
            handle.remove()


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]


def _storage(tensor: Tensor) -> int:
    """Where a tensor's numbers would lie; views of a weight lie where the weight does."""
    return tensor.untyped_storage()._cdata


def optimizer_bytes(plan: Plan, /) -> int:
    """Bytes that the optimizers keep: so many copies of the weights, counted on a small matrix."""
    players = plan.objective.players
    total = 0
    for name, spec in per_player(plan.value("optimizer"), list(players), "optimizers").items():
        sample = nn.Parameter(torch.zeros(8, 8))
        sample.grad = torch.zeros(8, 8)
        made = optimizer(spec, [sample])
        made.step()
        kept = [item for item in made.state[sample].values() if isinstance(item, Tensor)]
        copies = sum(item.shape == sample.shape for item in kept)
        learned = (item for item in players[name].parameters() if item.requires_grad)
        total += copies * sum(item.numel() * item.element_size() for item in learned)
    return total


def _per_epoch(plan: Plan) -> int:
    if plan.value("federated") is not None:
        return 1  # a round
    return -(-len(plan.batches()) // plan.value("accumulate"))
