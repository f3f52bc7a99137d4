"""Tasks of memory whose lag grows: how far back a recurrent network can be taught to remember."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cartograd.architectures.rnn.cells import recurrence
from cartograd.data.sources import adding, copying
from cartograd.training.losses.cross_entropy import cross_entropy
from cartograd.training.losses.mse import mse

SYMBOLS, KINDS = 5, 4
LENGTH = 320

Lesson = Callable[[int], tuple[Tensor, Tensor]]
"""From a lag to the loss of fresh rows, and how well they were answered: 1 is solved."""


class Network(nn.Module):
    """A recurrent layer between an input layer and an output layer."""

    def __init__(self, cell: str, read: nn.Module, features: int, units: int, answers: int):
        super().__init__()
        self.read, self.memory = read, recurrence(cell, features, units)
        self.head = nn.Linear(units, answers)

    def forward(self, x: Tensor, last: int) -> Tensor:
        """Answers at the last steps."""
        return self.head(self.memory(self.read(x))[:, -last:])


def copied(cell: str, rate: float, seed: int, /) -> tuple[float, Network]:
    """The last lag of the copy task that is solved, and the network."""
    torch.manual_seed(seed)
    model = Network(cell, nn.Embedding(KINDS + 2, 16), 16, 48, KINDS)
    draw = torch.Generator().manual_seed(seed)

    def lesson(lag: int) -> tuple[Tensor, Tensor]:
        x, y = copying.drawn(32, draw, lag=lag, symbols=SYMBOLS, classes=KINDS)
        answers, wanted = model(x, SYMBOLS), y[:, -SYMBOLS:]
        right = (answers.argmax(2) == wanted).float().mean()
        return cross_entropy(answers, wanted).mean(), right - 0.99

    return solved(model, lesson, 4, 128, rate, 400), model


def added(cell: str, rate: float, seed: int, /) -> tuple[float, Network]:
    """The longest row of the adding task that is solved, and the network."""
    torch.manual_seed(seed)
    model = Network(cell, nn.Identity(), 2, 32, 1)
    draw = torch.Generator().manual_seed(seed)

    def lesson(lag: int) -> tuple[Tensor, Tensor]:
        x, y = adding.drawn(64, draw, lag=lag)
        loss = mse(model(x, 1)[:, 0], y).mean()
        return loss, 0.02 - loss.detach()

    return solved(model, lesson, 5, LENGTH, rate, 600), model


def solved(
    model: nn.Module, lesson: Lesson, first: int, last: int, rate: float, steps: int, /
) -> float:
    """The last lag that is solved, over 20 batches in a row; half of the first if none is."""
    optimizer, lag = torch.optim.Adam(model.parameters(), lr=rate), first
    while lag <= last:
        marks: list[float] = []
        while len(marks) < 20 or sum(marks[-20:]) < 0:
            if len(marks) == steps:
                return lag / 2
            loss, mark = lesson(lag)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            marks.append(mark.item())
        lag *= 2
    return lag / 2


def reaching(model: Network, seed: int, /) -> list[float]:
    """The norm of the answer's gradient by what was read, from the last step back."""
    x, _ = adding.drawn(64, torch.Generator().manual_seed(seed + 1000), lag=LENGTH)
    slope = torch.autograd.grad(model(x.requires_grad_(), 1).sum(), x)[0]
    norms = slope.norm(dim=2).mean(0).flip(0)
    return (norms / norms[0]).clamp(min=1e-12).tolist()
