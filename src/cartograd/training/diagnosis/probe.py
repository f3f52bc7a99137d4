"""Hooks on every layer of an objective's players, and the sums that they accumulate."""

from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.core.protocols import Objective
from cartograd.foundations.activations.dead_units import ACTIVATIONS, live_units, slopes

FLAT = 0.01
"""A slope below this share of the steepest counts as flat."""


class Seen:
    """Sums over everything that passed through one layer."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind
        self.count = self.examples = 0
        self.total = self.squares = self.zeros = 0.0
        self.gradient: float | None = None
        self.flat: list[tuple[float, int]] = []
        self.live: Tensor | None = None
        self.weight: float | None = None
        self.weight_gradient: float | None = None
        self.update: float | None = None

    def row(self) -> dict[str, Any]:
        """The sums as means and norms."""
        mean = self.total / self.count
        spread = max(0.0, self.squares / self.count - mean**2) if mean == mean else mean
        flat = sum(share * n for share, n in self.flat) / max(1, sum(n for _, n in self.flat))
        return {
            "name": self.name,
            "kind": self.kind,
            "mean": mean,
            "std": spread**0.5,
            "zeros": self.zeros / self.count,
            "gradient": None if self.gradient is None else (self.gradient * self.examples) ** 0.5,
            "flat": flat if self.flat else None,
            "dead": None if self.live is None else 1 - self.live.double().mean().item(),
            "weight": self.weight,
            "weight_gradient": self.weight_gradient,
            "update": self.update,
        }


class Probe:
    """Watches a copy of an objective while it runs.

    Args:
        objective: whose players' innermost modules, and those with parameters of their own.
    """

    def __init__(self, objective: Objective) -> None:
        several = len(objective.players) > 1
        self.names: dict[nn.Module, str] = {}
        for player, model in objective.players.items():
            for name, module in model.named_modules():
                own = any(True for _ in module.parameters(recurse=False))
                if own or not any(module.children()):
                    self.names.setdefault(module, f"{player}.{name}" if several else name)
        if not several and all(n.startswith("model.") for n in self.names.values()):
            # A signed model wraps what the user knows.
            self.names = {m: n.removeprefix("model.") for m, n in self.names.items()}
        self.seen: dict[nn.Module, Seen] = {}
        self.handles: list[Any] = []

    def __enter__(self) -> "Probe":
        for module in self.names:
            self.handles.append(module.register_forward_hook(self._after))
            if isinstance(module, ACTIVATIONS):
                self.handles.append(module.register_forward_pre_hook(self._before))
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        for handle in self.handles:
            handle.remove()

    def rows(self) -> list[dict[str, Any]]:
        """A row for each layer that ran, in the order of the forward pass."""
        return [seen.row() for seen in self.seen.values() if seen.count]

    def weights(self, player: nn.Module, optimizer: torch.optim.Optimizer, /) -> None:
        """Take the optimizer's step, and note the norms of what it stepped."""
        before = {p: p.detach().clone() for p in player.parameters() if p.grad is not None}
        norms = {p: _norm([p.grad]) for p in before if p.grad is not None}
        optimizer.step()
        owned = set(player.modules())
        for module, seen in self.seen.items():
            own = [p for p in module.parameters(recurse=False) if p in before]
            if module not in owned or not own:
                continue
            seen.weight = _norm([before[p] for p in own])
            seen.weight_gradient = sum(norms[p] ** 2 for p in own) ** 0.5
            matrices = [p for p in own if p.ndim > 1]
            size = _norm([before[p] for p in matrices])
            if size:
                seen.update = _norm([p.detach() - before[p] for p in matrices]) / size

    def _before(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        """How steep an activation is where its inputs lie."""
        z = given[0]
        if not isinstance(z, Tensor) or z.ndim < 2:
            return
        seen = self._of(module)
        steepest = slopes(module, _grid(z)).abs().max()
        if steepest == 0:  # a step, or outputs that always sum to the same: slopes tell nothing
            return
        slope = slopes(module, z)
        share = float((slope.abs() < FLAT * steepest).double().mean())
        seen.flat.append((share, z.numel()))
        live = live_units(slope)
        seen.live = live if seen.live is None else seen.live | live

    def _after(self, module: nn.Module, _: tuple[Any, ...], answer: Any) -> None:
        value = answer[0] if isinstance(answer, tuple | list) and answer else answer
        if not isinstance(value, Tensor) or not value.is_floating_point() or not value.numel():
            return
        seen = self._of(module)
        numbers = value.detach().double()
        seen.count += numbers.numel()
        seen.examples = max(seen.examples, len(value) if value.ndim else 1)
        seen.total += float(numbers.sum())
        seen.squares += float(numbers.square().sum())
        seen.zeros += float((numbers == 0).sum())
        if value.requires_grad:
            # The gradient of the mean loss: times the examples it is that of one example's loss.
            value.register_hook(lambda gradient: self._gradient(seen, gradient))

    @staticmethod
    def _gradient(seen: Seen, gradient: Tensor) -> None:
        seen.gradient = (seen.gradient or 0.0) + float(gradient.detach().double().square().sum())

    def _of(self, module: nn.Module) -> Seen:
        return self.seen.setdefault(module, Seen(self.names[module], type(module).__name__))


def _grid(z: Tensor) -> Tensor:
    """Inputs from -4 to 4, for as many channels as there are."""
    line = torch.linspace(-4, 4, 81, dtype=z.dtype, device=z.device)
    return line[:, None].expand(81, z.shape[1]).reshape(81, z.shape[1], *[1] * (z.ndim - 2))


def _norm(tensors: list[Tensor]) -> float:
    real = (torch.view_as_real(one) if one.is_complex() else one for one in tensors)
    return sum(float(one.double().square().sum()) for one in real) ** 0.5
