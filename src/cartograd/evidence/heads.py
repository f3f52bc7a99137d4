"""How strong the gradients of a network with auxiliary heads are, with their losses and without."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from cartograd.core.protocols import Batch
from cartograd.training.objectives.classify import Classify

WEIGHTS = {"with": 0.3, "without": 0.0}
"""How much the loss of a head counts; the paper's 0.3."""


class Watched(nn.Module):
    """A classifier that notes how strong its gradients are, with the heads' losses and without.

    Before the first step, and after every so many, by the gradients of the examples `probe`.
    """

    def __init__(self, model: nn.Module, probe: Batch, /, *, aux_weight: float, every: int):
        super().__init__()
        self.model, self.task = model, Classify(model=model, aux_weight=aux_weight)
        self.losses, self.players = self.task.losses, self.task.players
        self.probe, self.every, self.step = probe, every, 0
        self.gains, self.early, self.late = [], [], []
        self._note()

    def after_step(self, _player: str, /) -> None:
        """Count."""
        self.step += 1
        if self.step % self.every == 0:
            self._note()

    def _note(self) -> None:
        norms = {name: self._norms(weight) for name, weight in WEIGHTS.items()}
        self.gains.append(norms["with"][0] / norms["without"][0])
        self.early.append(norms["without"][0])
        self.late.append(norms["without"][1])

    def _norms(self, weight: float) -> tuple[float, float]:
        """Of the first three convolutions, and of the last module."""
        copy = Classify(model=deepcopy(self.model).train(), aux_weight=weight)
        next(copy.losses(self.probe)).value.mean().backward()
        early, late = list[Tensor](), list[Tensor]()
        for name, value in copy.model.named_parameters():
            if value.grad is not None and name.endswith("conv.weight"):
                early += [value.grad.flatten()] * name.startswith("conv")
                late += [value.grad.flatten()] * name.startswith("inception5b")
        return torch.cat(early).norm().item(), torch.cat(late).norm().item()
