"""Several optimizers as one: each steps its own parameters, all share one state dict."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from cartograd.engine.optim.functional import name_of


class Combined(torch.optim.Optimizer):
    """Steps several optimizers in turn, with the groups and the state dict of a single one.

    Args:
        parts: optimizers without a parameter in common.
    """

    def __init__(self, parts: Sequence[torch.optim.Optimizer], /) -> None:
        self.parts = tuple(parts)
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Copy the combined groups and state to the parts."""
        start = 0
        for part in self.parts:
            end = start + len(part.param_groups)
            part.param_groups, part.state = self.param_groups[start:end], self.state
            start = end

    def join(self) -> None:
        """Copy the parts' groups back, which were changed."""
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step each part; a closure is called first, as in torch."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for part in self.parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state dict of the same combination."""
        super().load_state_dict(state_dict)
        self._share()


def described(optimizer: torch.optim.Optimizer, module: nn.Module, /) -> list[dict[str, Any]]:
    """Which optimizer steps which parameters of each group, at which rate and decay."""
    parts = optimizer.parts if isinstance(optimizer, Combined) else (optimizer,)
    of_each = {id(weight): name for name, weight in module.named_parameters()}
    return [
        {
            "optimizer": name_of(part),
            "names": patterns([of_each[id(w)] for w in group["params"]], of_each.values()),
            "parameters": sum(weight.numel() for weight in group["params"]),
            "lr": float(group["lr"]),
            "weight_decay": group.get("weight_decay", 0.0),
        }
        for part in parts
        for group in part.param_groups
    ]


def patterns(names: Iterable[str], every: Iterable[str], /) -> list[str]:
    """Names in few words: `blocks.*.weight` where all that match it are among them.

    >>> patterns(["0.weight", "b.0.w", "b.1.w"], ["0.weight", "1.weight", "b.0.w", "b.1.w"])
    ['0.weight', 'b.*.w']
    """
    chosen = set(names)
    others = {_numberless(name) for name in every if name not in chosen}
    short = (name if _numberless(name) in others else _numberless(name) for name in chosen)
    return sorted(set(short))


def _numberless(name: str) -> str:
    return ".".join("*" if part.isdigit() else part for part in name.split("."))
