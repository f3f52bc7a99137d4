"""A player: the parameters that one optimizer owns."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import graph

from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec
from cartograd.engine.distributed.process_group import ProcessGroup, SingleProcess
from cartograd.engine.optim.average import Average
from cartograd.engine.optim.fused_step import PLAIN, FusedStep
from cartograd.engine.optim.groups import SCALE
from cartograd.engine.optim.optimizers import for_module, spare, undecayed
from cartograd.engine.optim.schedule import Schedule

Clip = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor], list[Tensor]]
"""`clip(gradients, weights, norm)` gives the clipped gradients: see `training.clipping`."""


class Player:
    """Parameters, their optimizer and its schedule.

    Args:
        name: its key in the objective's `players`.
        module: whose parameters it owns.
        spec: of the optimizer, or a function that makes it of the parameters.
        clip: gradient clipping.
        processes: the processes that train it.
        decay: which weights decay: `matrices` (and filters, but no embeddings), or `all`.
        given: optimizers by the names of parameters, where groups say so.
        muon: what Muon steps: `hidden` weights, or all `matrices`.
        scaler: of the loss, where gradients are computed in half precision.

    Raises:
        UsageError: there is nothing to train, or the optimizer cannot be made.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        spec: str | Spec | Callable[..., Any],
        *,
        clip: Clip | None,
        processes: ProcessGroup | None = None,
        decay: str = "matrices",
        given: Mapping[str, str] = MappingProxyType({}),
        muon: str | None = None,
        scaler: torch.amp.GradScaler | None = None,
    ):
        self.name = name
        self.spec = spec
        self.processes = processes or SingleProcess()
        self.module = module
        self.params = [p for p in module.parameters() if p.requires_grad]
        if not self.params:
            raise UsageError(f"player {name!r} has no parameters that require a gradient")
        self.optimizer = for_module(spec, module, given=given, muon=muon or "hidden")
        if decay == "matrices" and isinstance(spec, str | Spec):
            spare(self.optimizer, undecayed(module))
        self._fused = FusedStep(self.optimizer)
        self.schedule: Schedule | None = None
        self.average: Average | None = None
        self.clip, self.scaler = clip, scaler
        self.started = False
        self.watched = self.eager = self.broken = self.overflowed = False
        self.slowed = 1.0
        self._gradient: tuple[Any, Tensor] | None = None
        self._inputs = None if self.processes.sharded else tuple(self.params)
        self._plain = all(type(p) in PLAIN for p in self.params)

    def backward(
        self, value: Float[Tensor, "..."], weight: float | Float[Tensor, "..."], /
    ) -> None:
        """Add the gradient of `(weight * value).sum()` to this player's parameters, to no others.

        The weight goes in as the incoming gradient, so the sum need not be part of the graph.

        Raises:
            UsageError: the value does not depend on any parameter.
        """
        self._check_depends(value)
        if self.scaler is not None:
            value = self.scaler.scale(value.float())
        # FSDP gathers sharded weights into other tensors for the backward pass.
        inputs = self._inputs
        if isinstance(weight, Tensor):
            torch.autograd.backward(value, weight.to(value.dtype), inputs=inputs)
            return
        key = (value.shape, value.dtype, weight)
        if self._gradient is None or self._gradient[0] != key:
            self._gradient = key, torch.full_like(value, weight)
        elif self._plain and type(value) is Tensor:
            # Torch checked the gradient at the step before; skip its checks.
            graph._engine_run_backward(
                (value,),
                (self._gradient[1],),
                False,
                False,
                inputs or (),
                allow_unreachable=True,
                accumulate_grad=True,
            )
            return
        torch.autograd.backward(value, self._gradient[1], inputs=inputs)

    def try_backward(
        self, value: Float[Tensor, "..."], weight: float | Float[Tensor, "..."], /
    ) -> None:
        """Compute what `backward` would add to the gradients, and drop it.

        Raises:
            UsageError: the value does not depend on any parameter.
        """
        self._check_depends(value)
        share = weight.to(value.dtype) if isinstance(weight, Tensor) else weight
        inputs = self._inputs or [p for p in self.params if p.requires_grad]
        torch.autograd.grad(value, inputs, torch.ones_like(value) * share, allow_unused=True)

    def _check_depends(self, value: Tensor) -> None:
        if not value.requires_grad:
            raise UsageError(
                f"the loss of player {self.name!r} does not depend on its parameters; was it "
                "detached, or computed without gradients?"
            )

    def step(self, count: float | Tensor | None = None) -> Tensor | None:
        """Step with the accumulated gradients divided by `count`, then drop them.

        With several processes gradients and counts are sums over all of them. Where the norm is
        known at once and is not finite, `broken` is set and no step is taken; where the loss is
        scaled it is `overflowed`, and the scale is lowered for the next step.

        Returns:
            The norm of the whole gradient before it was clipped, where it was computed.

        Raises:
            UsageError: there is no gradient, or torch's optimizer cannot use it.
        """
        count = self.processes.reduce(self.params, count)
        if not self.started:
            self._start()
        if count is not None:
            for parameter in self.params:
                if parameter.grad is not None:
                    parameter.grad.div_(count)
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        wanted = self.clip is not None or self.watched or self.scaler is not None
        norm = self._clipped() if wanted else None
        known = norm is not None and (self.eager or self.scaler is not None)
        finite = norm is None or not known or math.isfinite(norm.item())
        self.overflowed = self.scaler is not None and not finite
        self.broken = self.scaler is None and not finite
        if finite:
            self._step()
        if self.scaler is not None:
            self.scaler.update()
        self.drop()
        return norm

    def _step(self) -> None:
        """The optimizer's step, with a lower rate after going back to a checkpoint."""
        if self.slowed == 1.0:
            self._fused() if self.scaler is None else self.scaler.step(self.optimizer)
            return
        rates = [group["lr"] for group in self.optimizer.param_groups]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * self.slowed
        self.optimizer.step() if self.scaler is None else self.scaler.step(self.optimizer)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def drop(self) -> None:
        """Drop the gradients."""
        for parameter in self.params:
            parameter.grad = None

    def _clipped(self) -> Tensor:
        """Clip the gradients; returns their norm before clipping."""
        having = [parameter for parameter in self.params if parameter.grad is not None]
        gradients = [parameter.grad for parameter in having if parameter.grad is not None]
        norms = torch._foreach_norm(gradients)  # pyright: ignore[reportPrivateImportUsage]
        norm = torch.linalg.vector_norm(torch.stack(norms))
        if self.clip is None:
            return self.processes.whole(norm)
        weights = [parameter.detach() for parameter in having]
        for parameter, gradient in zip(having, self.clip(gradients, weights, norm), strict=True):
            parameter.grad = gradient
        return self.processes.whole(norm)

    def _start(self) -> None:
        """Check at the first step that the optimizer can use the gradients."""
        gradients = [p.grad for p in self.params if p.grad is not None]
        if not gradients:
            raise UsageError(
                f"the loss of player {self.name!r} reaches none of its parameters; does it name "
                "the right player?"
            )
        kind = type(self.optimizer)
        if kind is torch.optim.SparseAdam and not all(g.is_sparse for g in gradients):
            raise UsageError(
                "sparseadam needs sparse gradients (nn.Embedding(..., sparse=True)) for every "
                "parameter, and some are dense; use adam"
            )
        if self.clip is not None and any(g.is_sparse for g in gradients):
            raise UsageError("torch has no norm of sparse gradients; train without clip")
        self.started = True

    def align(self) -> None:
        """Give the optimizer's state the memory format of its weight, as kernels expect."""
        for weight in self.params:
            state = self.optimizer.state.get(weight, {})
            for key, value in state.items():
                if isinstance(value, Tensor) and value.shape == weight.shape:
                    state[key] = torch.empty_like(weight, requires_grad=False).copy_(value)
        if self.average is not None:
            self.average.load(self.average.mean)

    def load(self, state: dict[str, Any], /) -> None:
        """Go on from an optimizer's state, its tensors laid out as the parameters are.

        Raises:
            UsageError: it is that of parameters that were grouped otherwise.
        """
        of_each = dict(state["state"])
        groups = self.optimizer.param_groups
        sizes = [
            [len(group["params"]) for group in them] for them in (state["param_groups"], groups)
        ]
        if sizes[0] != sizes[1]:
            raise UsageError(
                f"the checkpoint has the parameters of player {self.name!r} in groups of "
                f"{sizes[0]} and this run in groups of {sizes[1]}: the model is another one"
            )
        for number, parameter in enumerate(one for group in groups for one in group["params"]):
            of_each[number] = {
                key: self.processes.placed(value, parameter)
                if isinstance(value, Tensor) and value.shape == parameter.shape
                else value
                for key, value in of_each.get(number, {}).items()
            }
        of_each = {number: own for number, own in of_each.items() if own}
        self.optimizer.load_state_dict(state | {"state": of_each})

    @property
    def lr(self) -> float:
        """The current learning rate; with layer-wise decay that of the last layer."""
        group = self.optimizer.param_groups[0]
        return float(group["lr"]) / group.get(SCALE, 1.0)


def rates(players: Mapping[str, Player], /) -> dict[str, float]:
    """The players' learning rates, as an epoch's record names them."""
    alone = len(players) == 1
    return {"lr" if alone else f"lr/{name}": player.lr for name, player in players.items()}


def per_player(given: Any, names: list[str], what: str, /) -> dict[str, Any]:
    """One spec for all players, or one for each, as a dictionary.

    Raises:
        UsageError: a player is unknown.
    """
    if not isinstance(given, Mapping):
        return dict.fromkeys(names, given)
    for name in given:
        if name not in names:
            raise unknown(f"player in {what}", name, names)
    return dict(given)
