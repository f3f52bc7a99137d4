"""Every learning-rate schedule of torch, by spec: `cosine:warmup=0.05`, `onecycle`, `plateau`.

A step is one batch given to the objective (one group of microbatches where gradients are
accumulated), however many times its players step on it. `cosine`, `linear`, `polynomial`,
`constant`, `onecycle`, `cyclic` and `warm_restarts` advance with each step and get the length of
the run filled in; `step`, `multistep`, `exponential`, `lambda`, `multiplicative` advance with
each epoch, as torch documents them, and so does `plateau`, on the monitored number. `per=step` or
`per=epoch` says otherwise. `warmup` (a share of the run, or a number of steps) puts a linear rise
before any schedule that has none of its own.

`linear` is torch's: it rises from a third to the full rate unless told otherwise
(`linear:start_factor=1,end_factor=0` falls). `constant` keeps the rate (torch's default factor of
1/3 is for its class name, `constant_lr:factor=0.333`).
"""

import inspect
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from torch.optim import Optimizer, lr_scheduler

from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec
from cartograd.engine import torch_spec

SCHEDULES: dict[str, type] = {
    "chained": lr_scheduler.ChainedScheduler,
    "constant": lr_scheduler.ConstantLR,
    "cosine": lr_scheduler.CosineAnnealingLR,
    "cyclic": lr_scheduler.CyclicLR,
    "exponential": lr_scheduler.ExponentialLR,
    "lambda": lr_scheduler.LambdaLR,
    "linear": lr_scheduler.LinearLR,
    "multiplicative": lr_scheduler.MultiplicativeLR,
    "multistep": lr_scheduler.MultiStepLR,
    "onecycle": lr_scheduler.OneCycleLR,
    "plateau": lr_scheduler.ReduceLROnPlateau,
    "polynomial": lr_scheduler.PolynomialLR,
    "sequential": lr_scheduler.SequentialLR,
    "step": lr_scheduler.StepLR,
    "warm_restarts": lr_scheduler.CosineAnnealingWarmRestarts,
}
"""Torch's schedules by short name; the class name in lower case works too."""

_PER_EPOCH = ("exponential", "lambda", "multiplicative", "multistep", "plateau", "step")
_WARMUP = inspect.Parameter("warmup", inspect.Parameter.KEYWORD_ONLY, default=0.0)
_OWN_WARMUP = ("chained", "cyclic", "onecycle", "plateau", "sequential")
_LENGTH = {"cosine": "T_max", "linear": "total_iters", "polynomial": "total_iters"} | {
    "constant": "total_iters",
    "onecycle": "total_steps",
}


@dataclass
class Schedule:
    """A scheduler of torch and when it advances.

    Attributes:
        scheduler: torch's object.
        per: `step` or `epoch`.
        follows: whether it wants the monitored number (plateau).
        started: whether the optimizer has stepped; a schedule does not run ahead of it.
    """

    scheduler: Any
    per: str
    follows: bool = False
    started: bool = field(default=False)

    def advance(self, per: str, value: float | None = None, /) -> None:
        """Note that a step or an epoch ended, the latter with the monitored value.

        Raises:
            UsageError: the schedule follows a number and there is none.
        """
        if per != self.per or not self.started:
            return
        if not self.follows:
            self.scheduler.step()
        elif value is None:
            raise UsageError("plateau follows the monitored number; give validate= or monitor=")
        else:
            self.scheduler.step(value)


def schedule(
    spec: str | Spec,
    optimizer: Optimizer,
    total_steps: int | None,
    /,
    *,
    epochs: int | None = None,
    mode: str = "min",
) -> Schedule:
    """Make a schedule for an optimizer.

    Args:
        spec: `"cosine:warmup=0.1"`, or the `Spec`.
        optimizer: whose learning rate follows it.
        total_steps: steps of the run; None where the data has no length.
        epochs: epochs of the run, the length of schedules that advance per epoch.
        mode: whether the monitored number should fall (`min`) or rise (`max`), for plateau.

    Raises:
        UsageError: unknown name or argument (with the nearest match), a wrong value, or a
            schedule that needs the length of a run that has none.
    """
    spec = Spec.parse(spec)
    make = torch_spec.find(spec.name, SCHEDULES, "schedule")
    name = next(word for word, found in SCHEDULES.items() if found is make)
    own = {"per": "epoch" if name in _PER_EPOCH else "step", "warmup": 0} | {
        key: spec.args[key] for key in ("per", "warmup") if key in spec.args
    }
    if own["per"] not in ("step", "epoch"):
        raise unknown("unit of a schedule", str(own["per"]), ("step", "epoch"))
    inner = replace(spec, args={key: value for key, value in spec.args.items() if key not in own})
    torch_spec.check(Spec("schedule", {"warmup": own["warmup"]}), {"warmup": _WARMUP})
    total = total_steps if own["per"] == "step" else epochs
    if not own["warmup"]:
        made = _make(inner, name, make, optimizer, total, mode)
    elif name in _OWN_WARMUP:
        raise UsageError(f"{name} takes no warmup: it is for schedules that start at the full rate")
    else:
        made = _warmed(inner, name, make, optimizer, total, own["warmup"])
    return Schedule(made, own["per"], follows=name == "plateau")


def _warmed(
    spec: Spec, name: str, make: type, optimizer: Optimizer, total: int | None, warmup: float
) -> Any:
    """A linear rise from 1/n of the rate over the first n steps, then the schedule."""
    if warmup < 1 and total is None:
        raise UsageError("a warmup that is a share of the run needs data with a length")
    first = round(warmup * total) if warmup < 1 and total is not None else int(warmup)
    first = max(first, 1)
    if total is not None and first >= total:
        raise UsageError(f"warmup={warmup} takes {first} steps and the run has only {total}")
    rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / first, total_iters=first)
    rest = _make(spec, name, make, optimizer, None if total is None else total - first, "min")
    return lr_scheduler.SequentialLR(optimizer, [rise, rest], milestones=[first])


def _make(
    spec: Spec, name: str, make: type, optimizer: Optimizer, total: int | None, mode: str
) -> Any:
    allowed = torch_spec.arguments(make, without=("optimizer", "last_epoch"))
    torch_spec.check(spec, allowed)
    args = _filled(spec, name, optimizer, total, mode)
    torch_spec.check_complete(spec.name, args, allowed)
    if name in ("chained", "sequential"):
        args["schedulers"] = _parts(args, optimizer, total)
    if name == "chained":
        return torch_spec.make(
            lambda _, **rest: make(optimizer=optimizer, **rest), optimizer, args, spec
        )
    return torch_spec.make(make, optimizer, args, spec)


def _filled(
    spec: Spec, name: str, optimizer: Optimizer, total: int | None, mode: str
) -> dict[str, Any]:
    """The arguments, with what follows from the run and from the optimizer."""
    args = dict(spec.args)
    key = _LENGTH.get(name)
    if key is not None and not {key, "epochs"} & set(args):
        if total is None:
            raise UsageError(f"{spec.name} needs {key}: the data has no length to take it from")
        args[key] = total
    if name == "constant" and spec.name.lower() == "constant":
        args.setdefault("factor", 1.0)
    if name == "onecycle":
        args.setdefault("max_lr", [group["lr"] for group in optimizer.param_groups])
    if name in ("onecycle", "cyclic"):
        cycled = {"momentum", "betas"} & set(optimizer.defaults)
        args.setdefault("cycle_momentum", bool(cycled))
    if name == "plateau":
        args.setdefault("mode", mode)
    return args


def _parts(args: dict[str, Any], optimizer: Optimizer, total: int | None) -> list[Any]:
    """The schedules inside of a sequence or a chain; those of a sequence get their own length."""
    specs = args["schedulers"]
    if not isinstance(specs, tuple | list) or not specs:
        raise UsageError("schedulers is a list of specs: schedulers=[(linear),(cosine)]")
    lengths: list[int | None] = [total] * len(specs)
    if "milestones" in args and total is not None:
        ends = [0, *args["milestones"], total]
        lengths = [max(1, end - start) for start, end in pairwise(ends)]
    made = []
    for part, length in zip(specs, lengths, strict=False):
        inner = Spec.parse(part)
        make = torch_spec.find(inner.name, SCHEDULES, "schedule")
        name = next(word for word, found in SCHEDULES.items() if found is make)
        made.append(_make(inner, name, make, optimizer, length, "min"))
    return made
