"""A step of torch's fused optimizers, without what torch looks up anew at each of them.

Of a small network the kernel is the least of a step. Torch names the step for its profiler, calls
hooks, asks its compiler for a break, gathers weights, gradients and moments into lists, sorts these
by device and type, and counts the steps of each weight by itself. Here the lists are kept, and the
counts are numbers of one tensor. The kernel is the same and is given the same, so weights are, too,
to the bit. Whatever differs from the step before (a weight without a gradient, a state that was
loaded or replaced) goes through torch's own step, and is looked at again.

Shapes: any.

>>> weight = torch.nn.Parameter(torch.ones(3))
>>> step = FusedStep(torch.optim.AdamW([weight], lr=0.5, weight_decay=0.0, fused=True))
>>> for _ in range(3):
...     weight.grad = torch.ones(3)
...     step()
>>> weight.detach(), step.groups[0].counts
(tensor([-0.5000, -0.5000, -0.5000]), [tensor(3.)])
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import profiler
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

MOMENTS = {
    torch.optim.Adam: ("exp_avg", "exp_avg_sq"),
    torch.optim.AdamW: ("exp_avg", "exp_avg_sq"),
    torch.optim.SGD: ("momentum_buffer",),
}
"""What the optimizers keep of each weight, beside the count of steps."""
COUNT = "step"
PLAIN = (Tensor, nn.Parameter)
"""Tensors of no subclass, which have no step or backward pass of their own."""
LOOKS = 16
"""How often the lists are made anew; of weights that take turns torch's own step makes them."""

_KERNELS: Any = torch
"""Whose fused kernels have no types."""
_HOOKED = torch.optim.Optimizer.profile_hook_step(lambda _: None).__code__
"""What torch wraps around an optimizer's step to name it for its profiler and to call hooks."""


@dataclass
class Group:
    """Weights of one type that are stepped alike, on the CPU.

    Attributes:
        settings: torch's group, which schedules change.
        params: those that have gradients.
        idle: those that have none.
        states: what the optimizer keeps of each.
        moments: the same in lists, by name.
        counts: of the steps of each, which are numbers of `steps`; SGD does not count.
    """

    settings: dict[str, Any]
    params: list[Tensor]
    idle: list[Tensor]
    states: list[dict[str, Any]]
    moments: dict[str, list[Tensor]]
    counts: list[Tensor] = field(default_factory=list)
    steps: Tensor | None = None

    def gradients(self) -> list[Tensor] | None:
        """The gradients; None where anything is not as it was."""
        settings = self.settings
        if isinstance(settings["lr"], Tensor) or settings.get("amsgrad"):
            return None
        lists = self.moments | ({COUNT: self.counts} if self.counts else {})
        for name, kept in lists.items():
            for own, one in zip(self.states, kept, strict=True):
                if own.get(name) is not one:
                    return None
        found = [p.grad for p in self.params if p.grad is not None]
        same = len(found) == len(self.params) and all(p.grad is None for p in self.idle)
        return found if same else None

    def step(self, gradients: list[Tensor], /) -> None:
        """The kernel's step."""
        if not gradients:
            return
        told, lists = self.settings, self.moments.values()
        common = {key: told[key] for key in ("lr", "weight_decay", "maximize")}
        common |= {"grad_scale": None, "found_inf": None}
        if self.steps is None:
            _KERNELS._fused_sgd_(
                self.params, gradients, *(lists or [[]]), momentum=told["momentum"],
                dampening=told["dampening"], nesterov=told["nesterov"], is_first_step=False,
                **common,
            )  # fmt: skip
            return
        self.steps.add_(1)
        decoupled = told["decoupled_weight_decay"]
        kernel = _KERNELS._fused_adamw_ if decoupled else _KERNELS._fused_adam_
        first, second = told["betas"]
        kernel(
            self.params, gradients, *lists, [], self.counts, amsgrad=False, beta1=first,
            beta2=second, eps=told["eps"], **common,
        )  # fmt: skip


class FusedStep:
    """Steps an optimizer; of others than torch's fused ones as it is.

    Args:
        optimizer: any.

    Attributes:
        groups: what is kept of one step for the next.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, /) -> None:
        self.optimizer = optimizer
        self.groups: list[Group] = []
        self.looks = LOOKS if type(optimizer) in MOMENTS else 0
        self.state: Any = None
        self.weights = 0

    def __call__(self) -> None:
        """Step with the gradients that there are."""
        own = self.optimizer
        if not _bare(own):
            own.step()
            return
        gradients = self._gradients()
        if gradients is None:
            type(own).step.__wrapped__(own)  # pyright: ignore[reportFunctionMemberAccess]
            if self.looks:
                self._look()
            return
        with torch.no_grad():
            for group, some in zip(self.groups, gradients, strict=True):
                group.step(some)

    def _gradients(self) -> list[list[Tensor]] | None:
        """Those of each group; None where torch has to look."""
        own = self.optimizer
        weights = sum(len(group["params"]) for group in own.param_groups)
        if not self.groups or own.state is not self.state or weights != self.weights:
            return None
        found = [group.gradients() for group in self.groups]
        return None if any(one is None for one in found) else found  # pyright: ignore[reportReturnType]

    def _look(self) -> None:
        """Note the lists of the step that was taken, if its kernel is one of these."""
        self.looks -= 1
        self.groups, self.state, found = [], self.optimizer.state, []
        self.weights = sum(len(group["params"]) for group in self.optimizer.param_groups)
        for settings in self.optimizer.param_groups:
            for dtype in {p.dtype: None for p in settings["params"]}:
                params = [p for p in settings["params"] if p.dtype == dtype]
                group = self._group(settings, params)
                if group is None:
                    return
                found.append(group)
        self.groups = found

    def _group(self, settings: dict[str, Any], params: list[Tensor]) -> Group | None:
        """Weights with their states; None where the kernel would not be called with these alone."""
        other = any(settings.get(key) for key in ("amsgrad", "differentiable", "capturable"))
        other = other or any(isinstance(beta, Tensor) for beta in settings.get("betas", ()))
        elsewhere = any(p.device.type != "cpu" or type(p) not in PLAIN for p in params)
        if not settings.get("fused") or other or elsewhere:
            return None
        idle = [p for p in params if p.grad is None]
        active = [p for p in params if p.grad is not None]
        named = MOMENTS[type(self.optimizer)] if settings.get("momentum", 1) else ()
        states = [self.state[p] if named else {} for p in active]
        if any(state.get(name) is None for state in states for name in named):
            return None
        moments = {name: [state[name] for state in states] for name in named}
        group = Group(settings, active, idle, states, moments)
        if active and type(self.optimizer) is not torch.optim.SGD:
            group.steps = torch.stack([state[COUNT] for state in states])
            group.counts = list(group.steps.unbind())
            for state, count in zip(states, group.counts, strict=True):
                state[COUNT] = count
        return group


def _bare(optimizer: torch.optim.Optimizer) -> bool:
    """Whether neither torch's profiler nor a hook, or whatever replaced it, waits for the step."""
    return (
        getattr(type(optimizer).step, "__code__", None) is _HOOKED
        and "step" not in optimizer.__dict__
        and not optimizer._optimizer_step_pre_hooks
        and not optimizer._optimizer_step_post_hooks
        and not _global_optimizer_pre_hooks
        and not _global_optimizer_post_hooks
        and not profiler._is_profiler_enabled
    )
