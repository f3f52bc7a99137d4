"""The figures of a batch as a module, so that other weights can be put in."""

from collections.abc import Callable

from torch import Tensor, nn

from cartograd.core.protocols import Batch


class Figures(nn.Module):
    """The figures of a batch.

    Args:
        module: holds the weights, under the name `module`.
        figures: what an objective says of a batch.
    """

    def __init__(self, module: nn.Module, figures: Callable[[Batch], dict[str, Tensor]]):
        super().__init__()
        self.module, self.figures = module, figures

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss, and of one class for each example the share of right answers."""
        found = self.figures(batch)
        loss, weight = found["loss"], found.get("weight")
        told = {"loss": loss if weight is None else (weight * loss).sum() / weight.sum()}
        target = batch[-1]
        if target.ndim != 1 or target.is_floating_point():
            return told
        outputs = found["outputs"] if "outputs" in found else self.module(*batch[:-1])
        return told | {"accuracy": (outputs.argmax(-1) == target).float()}
