"""Small tasks of many kinds, on which optimizers are compared: real data, four kinds of network."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Split
from cartograd.evidence.lab import dataset, few, train


@dataclass(frozen=True)
class Task:
    """A network and its data.

    Attributes:
        source: spec of the data.
        network: spec of a classifier, or `GRU` or `Transformer`, which read an image by its rows.
        count: training examples.
        epochs: of training.
        batch_size: of training.
    """

    source: str
    network: str
    count: int = 500
    epochs: int = 10
    batch_size: int = 50

    def longer(self, times: int, /) -> "Task":
        """The same for more epochs."""
        return replace(self, epochs=times * self.epochs)

    def split(self, seed: int, /) -> Split:
        """The training examples, others for each seed."""
        return few(dataset(self.source).train, self.count, seed=seed)

    def trained(self, spec: str, seed: int, /) -> nn.Module | None:
        """The network after its training by an optimizer; None where that broke down."""
        torch.manual_seed(seed)
        signature = dataset(self.source).signature
        if self.network in ("GRU", "Transformer"):
            model = Rows(self.network, 8 if self.source == "digits" else 28)
        else:
            model = build(self.network, signature=signature)
        how = {"epochs": self.epochs, "batch_size": self.batch_size, "optimizer": spec}
        try:
            train(model, self.split(seed), seed=seed, **how)
        except UsageError:  # the loss was no number any more
            return None
        return model


class Rows(nn.Module):
    """Reads an image row by row, and answers with the logits of ten classes."""

    def __init__(self, reader: str, width: int):
        super().__init__()
        self.first, self.head = nn.Linear(width, 32), nn.Linear(32, 10)
        if reader == "GRU":
            self.reader = nn.GRU(32, 32, batch_first=True)
        else:
            self.reader = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
            self.places = nn.Parameter(0.1 * torch.randn(width, 32))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        rows = self.first(x[:, 0] * 2 - 1)
        if isinstance(self.reader, nn.GRU):
            return self.head(self.reader(rows)[0][:, -1])
        return self.head(self.reader(rows + self.places).mean(1))


TASKS = {
    "MLP on digits": Task("digits", "mlp:widths=[64,64]"),
    "LeNet-5 on digits": Task("digits", "lenet5"),
    "GRU on digits": Task("digits", "GRU"),
    "Transformer on digits": Task("digits", "Transformer"),
    "MLP on clothes": Task("fashion-mnist", "mlp:widths=[64]"),
    "LeNet-5 on clothes": Task("fashion-mnist", "lenet5"),
    "GRU on clothes": Task("fashion-mnist", "GRU"),
    "Transformer on clothes": Task("fashion-mnist", "Transformer"),
    "MLP on breast cancer": Task("breast-cancer", "mlp:widths=[32]", count=300),
    "MLP on spirals": Task("spirals", "mlp:widths=[32,32]", epochs=30),
}


def quadratic(condition: float, spec: str, seed: int, /) -> float:
    """The loss after 200 steps on a quadratic of 20 curvatures from 1 / condition to 1."""
    from cartograd.engine.optim.optimizers import optimizer

    torch.manual_seed(seed)
    curvature = torch.logspace(-math.log10(condition), 0, 20, dtype=torch.float64)
    weight = nn.Parameter(torch.randn(20, dtype=torch.float64))
    step = optimizer(spec, [weight])
    for _ in range(200):
        weight.grad = curvature * weight.detach()
        step.step()
    return (curvature * weight.detach() ** 2).sum().item() / 2
