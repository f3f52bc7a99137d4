"""Learning-rate schedules by spec: `cosine:warmup=0.05`, `onecycle`, `plateau:metric=valid/f1`.

A schedule is a pure function of the step, found by the name of its card (`cartograd list
schedule`); the engine only asks it for the rate of the step to come. So a run that is resumed
needs no state of it, and `rates` computes it before anything is trained.

A step is one batch given to the objective (one group of microbatches where gradients are
accumulated), however many times its players step on it. Most schedules count steps; `step`,
`multistep` and `exponential` count epochs, as torch documents them, and `plateau` follows the
monitored number of every epoch, or `metric=`. `per=step` or `per=epoch` overrides this. What
shapes the whole run gets its length. `warmup` (a share of the run, or a number of steps) lets the
rate rise in a line before any schedule that has no rise of its own.

Torch's names mean the same: `StepLR:step_size=30,gamma=0.1` is `step:every=30,factor=0.1`. A
scheduler of torch that has no card (`LambdaLR`, `MultiplicativeLR`) is played on an optimizer of
its own, which makes it a function of the step too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from cartograd.core import registry, vocabulary
from cartograd.core.build import build
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec
from cartograd.engine.optim.groups import SCALE
from cartograd.engine.optim.schedule_names import CYCLING, PER_EPOCH, UNITS, ours
from cartograd.engine.optim.schedule_spec import FunctionalOptimizer, arguments, rule

RISING = ("onecycle", "cyclic", "sequential", "chained")
"""Schedules with a rise of their own, which take no warm-up."""


class Schedule:
    """Sets the learning rates of an optimizer by a rule.

    Args:
        optimizer: its present rates are the full rates.
        rule: of the schedule.
        per: `step`, `epoch` or `metric`: the argument that the rule takes.
        warmup: steps of the rise.
        metric: name of the number that it follows.
        cycles: whether it sets the momentum too, where it has one.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        rule: FunctionalOptimizer,
        /,
        *,
        per: str = "step",
        warmup: float = 0,
        metric: str = "",
        cycles: bool = True,
    ) -> None:
        self.optimizer = optimizer
        self.rule = rule
        self.per = per
        self.warmup = warmup
        self.metric = metric
        self.cycles = cycles
        self.own = [float(group["lr"]) / group.get(SCALE, 1.0) for group in optimizer.param_groups]
        self._rise: FunctionalOptimizer = build("warmup", kind="schedule", warmup=max(warmup, 1))
        self._moment: Any = 0
        self._set = False

    def begin(self, epoch: int, history: Sequence[Mapping[str, Any]], /) -> None:
        """Note that an epoch (from 0) begins, with the records of those before it.

        Raises:
            UsageError: the number that it follows is not among those of an epoch.
        """
        self._moment, self._set = epoch, False
        if self.per != "metric":
            return
        for record in history:
            if self.metric not in record:
                names = [key for key in record if key.startswith(("train/", "valid/"))]
                raise unknown("number to follow", self.metric, names)
        self._moment = [record[self.metric] for record in history]

    def apply(self, step: int, /) -> None:
        """Set the rates of a step (from 0)."""
        late = step - self.warmup
        if self.per == "step":
            self._moment = late if late > 0 else 0
        elif late > 0 and self._set:
            return
        self._set = True
        risen = self._rise(step, 1.0) if late < 0 else 1.0
        # The groups are new objects after an optimizer's state was loaded.
        for group, lr in zip(self.optimizer.param_groups, self.own, strict=True):
            found = self.rule(self._moment, lr)
            if isinstance(found, tuple):
                found, momentum = found
                if self.cycles:
                    _set_momentum(group, momentum)
            group["lr"] = found * risen * group.get(SCALE, 1.0)


def _set_momentum(group: dict[str, Any], momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    elif "momentum" in group:
        group["momentum"] = momentum


def of_step(function: Callable[[int], float], optimizer: Optimizer, /) -> Schedule:
    """A schedule by a function of a user's own: of the step, from 0, the factor of the rate.

    Raises:
        UsageError: it gives no number, as torch's schedulers, which are made of an optimizer.
    """
    try:
        first: Any = function(0)
    except Exception as error:
        raise UsageError(
            f"schedule= is a function that fails for step 0 ({type(error).__name__}: {error}); "
            "expected one of the step that gives the factor of the rate: lambda step: 0.99**step"
        ) from error
    if isinstance(first, bool) or not isinstance(first, int | float):
        raise UsageError(
            f"schedule= is a function that gives {type(first).__name__} for step 0; expected the "
            "factor of the rate, like lambda step: 0.99**step (torch's schedulers go by name: "
            "CosineAnnealingLR:T_max=10)"
        )
    return Schedule(optimizer, lambda step, lr: lr * float(function(step)))


def schedule(
    spec: str | Spec,
    optimizer: Optimizer,
    total_steps: int | None,
    /,
    *,
    epochs: int | None = None,
    metric: str = "",
    mode: str = "min",
) -> Schedule:
    """Make a schedule for an optimizer.

    Args:
        spec: `"cosine:warmup=0.1"`, or the `Spec`.
        optimizer: whose learning rate follows it.
        total_steps: steps of the run; None where the data has no length.
        epochs: epochs of the run, the length of schedules that count them.
        metric: the number that a plateau follows.
        mode: whether that number should fall (`min`) or rise (`max`).

    Raises:
        UsageError: unknown name or argument (with the nearest match), a wrong value, a warm-up
            longer than the run, a plateau without a number, or a schedule that needs the length
            of a run that has none.
    """
    spec = ours(spec)
    args = dict(spec.args)
    name = spec.name
    per = str(args.pop("per", "epoch" if name in PER_EPOCH else "step"))
    if per not in UNITS:
        raise unknown("unit of a schedule", per, UNITS)
    if name == "plateau":
        args = {"mode": mode} | {key: value for key, value in args.items() if key != "metric"}
        per = "metric"
        if not metric:
            raise UsageError("plateau follows the monitored number; give validate= or monitor=")
    cycles = args.pop("cycle_momentum", True) if name in CYCLING else True
    if not isinstance(cycles, bool):
        raise UsageError(f"{name}: cycle_momentum={cycles!r} is of the wrong type; expected a bool")
    warm = _warmup(name, args, total_steps)
    if per == "step" and total_steps is not None:
        total_steps -= warm
    total = total_steps if per == "step" else epochs
    made = rule(Spec(name, args, spec.subject), total)
    return Schedule(optimizer, made, per=per, warmup=warm, metric=metric, cycles=cycles)


def _warmup(name: str, args: dict[str, Any], total: int | None) -> int:
    """Checks the warm-up, and takes it out of the arguments of a rule that has none of its own."""
    if "warmup" not in args:
        return 0
    amount = args["warmup"]
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise UsageError(f"{name}: warmup={amount!r} is of the wrong type; expected a number")
    vocabulary.check(name, "warmup", amount)
    if name in RISING:
        raise UsageError(f"{name} takes no warmup: it is for schedules that start at the full rate")
    if 0 < amount < 1 and total is None:
        raise UsageError("a warmup that is a share of the run needs data with a length")
    first = max(round(amount * (total or 0)), 1) if 0 < amount < 1 else int(amount)
    if total is not None and first >= max(total, 1):
        raise UsageError(f"warmup={amount} takes {first} steps and the run has only {total}")
    if name in registry.names(kind="schedule") and "warmup" in arguments(name):
        args["warmup"] = max(first, 1)
        return 0
    del args["warmup"]
    return first


def rates(
    spec: str | Spec, /, *, steps: int = 1000, epochs: int = 10, lr: float = 1.0
) -> list[float]:
    """The rate at every step of a run, without the run.

    Args:
        spec: of the schedule.
        steps: of the run.
        epochs: that these steps make.
        lr: the optimizer's own rate.

    Returns:
        A rate for each step. A plateau is computed for a number that never gets better.

    >>> [round(rate, 2) for rate in rates("cosine:warmup=2", steps=6)]
    [0.5, 0.75, 1.0, 0.85, 0.5, 0.15]

    Raises:
        UsageError: the spec is wrong.
    """
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=lr)
    plan = schedule(spec, optimizer, steps, epochs=epochs, metric="valid/loss")
    found = []
    for step in range(steps):
        epoch = step * epochs // steps
        plan.begin(epoch, [{plan.metric: 1.0}] * epoch)
        plan.apply(step)
        found.append(float(optimizer.param_groups[0]["lr"]))
    return found
