"""An update rule, written as a pure function of one weight, as an optimizer of torch."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

Update = Callable[..., tuple[Tensor, dict[str, Tensor]]]
"""`update(weight, gradient, memory, /, *, lr, ...)` gives the new weight and the new memory."""


def name_of(optimizer: torch.optim.Optimizer, /) -> str:
    """The name of an optimizer in specs."""
    if isinstance(optimizer, FunctionalOptimizer):
        return optimizer.name
    return type(optimizer).__name__.lower()


class FunctionalOptimizer(torch.optim.Optimizer):
    """Applies an update rule to each weight; its state is saved as torch's optimizers save theirs.

    Args:
        params: the parameters to step.
        update: the rule.
        settings: the rule's hyperparameters; schedules change `lr` among them.
        renamed: older names of the hyperparameters, which saved states may hold.
        name: of the rule.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        update: Update,
        settings: dict[str, Any],
        /,
        *,
        renamed: Mapping[str, str] = MappingProxyType({}),
        name: str = "rule",
    ):
        super().__init__(params, settings)
        self.update = update
        self.settings = tuple(settings)
        self.renamed = renamed
        self.name = name

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state dict, also one with older names of hyperparameters."""
        groups = [
            {self.renamed.get(key, key): value for key, value in group.items()}
            for group in state_dict["param_groups"]
        ]
        super().load_state_dict(state_dict | {"param_groups": groups})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update each weight that has a gradient; a closure is called first, as in torch."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            settings = {key: group[key] for key in self.settings}
            for weight in group["params"]:
                if weight.grad is not None:
                    updated = self.update(weight, weight.grad, self.state[weight], **settings)
                    new, self.state[weight] = updated
                    weight.copy_(new)
        return loss
