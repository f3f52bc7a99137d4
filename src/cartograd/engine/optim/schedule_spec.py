"""The rule that the spec of a schedule makes."""

import inspect
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler

from cartograd.core import registry
from cartograd.core.build import build, hyperparameters
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.engine.optim import torch_spec
from cartograd.engine.optim.schedule_names import ours

FunctionalOptimizer = Callable[[Any, float], Any]
"""`rule(moment, lr)` gives the rate, or the rate and the momentum; a moment is a step, an epoch, or
the numbers of all epochs so far."""


def arguments(name: str, /) -> dict[str, inspect.Parameter]:
    """The hyperparameters of a schedule that has a card."""
    return hyperparameters(registry.find(name, kind="schedule")[0])


def rule(spec: Spec, total: int | None, /) -> FunctionalOptimizer:
    """The rule of a spec, with the length of the run where it needs one.

    Raises:
        UsageError: an argument is wrong or missing.
    """
    if spec.name in lr_scheduler.__all__:
        return Played(spec)
    args = dict(spec.args)
    if "total" in arguments(spec.name) and "total" not in args:
        if total is not None:
            args["total"] = total
        elif arguments(spec.name)["total"].default is inspect.Parameter.empty:
            raise UsageError(
                f"{spec.name} needs the number of steps of the whole run, and the data has no "
                f"length to take it from; say it: {spec.name}:total=10000, or give the data a "
                "__len__"
            )
    if "schedulers" in args:
        args["schedulers"] = _parts(spec, total)
    return build(Spec(spec.name, args, spec.subject), kind="schedule")


def _parts(spec: Spec, total: int | None) -> tuple[FunctionalOptimizer, ...]:
    """The schedules inside of a sequence or a chain; those of a sequence get their own length."""
    given, milestones = spec.args["schedulers"], spec.args.get("milestones")
    if not isinstance(given, tuple | list) or not given:
        raise UsageError("schedulers is a list of specs: schedulers=[(linear),(cosine)]")
    lengths: list[int | None] = [total] * len(given)
    if isinstance(milestones, tuple | list):
        if len(milestones) != len(given) - 1:
            raise UsageError(f"{len(given)} schedulers have {len(given) - 1} milestones in between")
        if total is not None:
            lengths = [max(1, end - start) for start, end in pairwise([0, *milestones, total])]
    parts = [ours(part) for part in given]
    for part in parts:
        if part.name in ("plateau", "onecycle", "cyclic"):
            raise UsageError(f"{spec.name} cannot hold {part}: it is more than a rate of the step")
    return tuple(rule(part, length) for part, length in zip(parts, lengths, strict=True))


class Played:
    """A scheduler of torch as a function of the step: replayed on an optimizer of its own.

    Args:
        spec: the name of its class, and torch's arguments.

    Raises:
        UsageError: an argument is unknown or missing, or torch refuses it.
    """

    def __init__(self, spec: Spec, /) -> None:
        self.spec = spec
        make = self.make = getattr(lr_scheduler, spec.name)
        allowed = torch_spec.arguments(make, without=("optimizer", "last_epoch"))
        torch_spec.check(spec, allowed)
        torch_spec.check_complete(spec.name, spec.args, allowed)
        self._played: dict[float, tuple[Any, int]] = {}
        self(0, 1.0)

    def __call__(self, step: int, lr: float, /) -> float:
        """The rate at a step: that of the step before, and one more where it was asked already."""
        scheduler, at = self._played.get(lr, (None, -1))
        if at < 0 or at > step:
            own = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=lr)
            scheduler, at = torch_spec.make(self.make, own, self.spec.args, self.spec), 0
            own.step()
        for _ in range(step - at):
            scheduler.step()
        self._played[lr] = scheduler, step
        return float(scheduler.get_last_lr()[0])
