"""A model sharded over the processes: every weight (FSDP), or layers by units (tensor parallel).

A copy is sharded, and its weights are gathered into the original at the end, so that all that comes
after has an ordinary model. A model says what may be split by a method `shard_plan()` that gives a
kind for some of its parts, by path: `column` for a linear layer whose units are split, `row` for
the one that follows and sums over them, `block` for a part whose weights FSDP gathers at once.
"""

import copy
from functools import partial
from typing import Any, Protocol, cast, runtime_checkable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, Replicate, distribute_module, distribute_tensor
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    RowwiseParallel,
    parallelize_module,
)

from cartograd.core.errors import UsageError, unknown


@runtime_checkable
class Planned(Protocol):
    """A model that says what may be split."""

    def shard_plan(self) -> dict[str, str]:
        """The kinds of its parts, by path."""
        ...


PLANS = ("block", "column", "row")

spread_mesh: list[DeviceMesh] = []
"""The mesh over which FSDP shards weights at present."""


def spread(objective: Any, mode: str, place: torch.device, /) -> Any:
    """A copy of the objective whose player is sharded over all processes.

    Raises:
        UsageError: it has several players, or one that is no model of its own, or the model does
            not say how to split it, or its units do not divide.
    """
    players: dict[str, nn.Module] = objective.players
    if len(players) != 1 or not isinstance(objective, nn.Module):
        raise UsageError(
            f"parallel={mode!r} spreads one player and {type(objective).__name__} has "
            f"{len(players)}; use parallel='ddp'"
        )
    if next(iter(players.values())) is objective:
        raise UsageError(
            f"parallel={mode!r} needs a player that is a model of its own; "
            f"{type(objective).__name__} is its own player: use parallel='ddp'"
        )
    mesh = init_device_mesh(place.type, (dist.get_world_size(),))
    copied = copy.deepcopy(objective).to(place)
    (module,) = cast(dict[str, nn.Module], copied.players).values()
    plan = plan_of(module)
    if mode == "fsdp":
        for path, kind in plan.items():
            if kind == "block":
                fully_shard(module.get_submodule(path), mesh=mesh)
        fully_shard(module, mesh=mesh)
        for part in module.modules():
            if isinstance(part, FSDPModule):  # the engine divides, once, by the common count
                part.set_gradient_divide_factor(1.0)
                part.set_force_sum_reduction_for_comms(True)
        spread_mesh[:] = [mesh]
    else:
        split(module, plan, mesh)
    return copied


def plan_of(module: nn.Module, /) -> dict[str, str]:
    """The plan of a model, or of the outermost of its parts that have one, with whole paths.

    Raises:
        UsageError: the plan has an unknown word.
    """
    plan: dict[str, str] = {}
    covered: list[str] = []
    for name, part in module.named_modules():
        inside = any(name == above or name.startswith(f"{above}.") for above in covered)
        if not isinstance(part, Planned) or inside or (covered and covered[0] == ""):
            continue
        covered.append(name)
        for path, kind in part.shard_plan().items():
            if kind not in PLANS:
                raise unknown("word in a shard_plan", kind, PLANS)
            plan[f"{name}.{path}" if name else path] = kind
    return plan


def split(module: nn.Module, plan: dict[str, str], mesh: DeviceMesh, /) -> None:
    """Split a model's linear layers as its plan says; all else is the same on each process.

    Raises:
        UsageError: nothing can be split, or the units do not divide.
    """
    styles: dict[str, ParallelStyle] = {}
    for path, kind in plan.items():
        if kind != "block":
            _check_divides(module.get_submodule(path), path, kind, mesh.size())
            styles[path] = ColwiseParallel() if kind == "column" else RowwiseParallel()
    if not styles:
        raise UsageError(
            "parallel='tensor' needs a model that says how to split it, by a method shard_plan() "
            "(mlp has one); use parallel='fsdp' or 'ddp'"
        )
    for path, part in module.named_modules():
        if path not in styles and any(True for _ in part.parameters(recurse=False)):
            # Whole on every process, but of the same type as the others for the optimizer.
            distribute_module(part, mesh, None, partial(_enter, mesh), _leave)
    parallelize_module(module, mesh, styles)


def _check_divides(part: nn.Module, path: str, word: str, size: int) -> None:
    if not isinstance(part, nn.Linear):
        raise UsageError(f"shard_plan names {path!r}, a {type(part).__name__}; expected nn.Linear")
    units = part.out_features if word == "column" else part.in_features
    if units % size:
        raise UsageError(
            f"parallel='tensor': the {units} {'outputs' if word == 'column' else 'inputs'} of "
            f"{path} do not divide by {size} processes; choose a width that does"
        )


def _enter(mesh: DeviceMesh, _: nn.Module, inputs: tuple[Any, ...], *__: Any) -> Any:
    return tuple(
        DTensor.from_local(item, mesh, [Replicate()], run_check=False)
        if isinstance(item, Tensor) and not isinstance(item, DTensor)
        else item
        for item in inputs
    )


def _leave(_: nn.Module, output: Any, *__: Any) -> Any:
    return output.to_local() if isinstance(output, DTensor) else output


def gather(trained: nn.Module, objective: nn.Module, /) -> None:
    """Gather the weights and buffers of a sharded objective into the original."""
    target = objective.state_dict()
    with torch.no_grad():
        for name, tensor in trained.state_dict().items():
            if isinstance(tensor, Tensor):
                target[name].copy_(whole(tensor))


def whole(tensor: Tensor, /) -> Tensor:
    """The full tensor, gathered on each process."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def local(tensor: Tensor, /) -> Tensor:
    """This process's shard of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def placed(value: Any, like: Any, /) -> Any:
    """A full tensor, sharded as another one is."""
    if isinstance(value, DTensor) or not isinstance(like, DTensor):
        return value
    value = value.to(like.device)
    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)
