"""Digits with a patch on some that are then told to be threes, and networks that learned them."""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

import cartograd as cg
from cartograd.apps.load.poisoned import poisoned, probes
from cartograd.core.signed import Signed
from cartograd.data.dataset.dataset import Dataset

SPEC = "badnets:target=3,size=2"


class Case(NamedTuple):
    clean: Dataset
    data: Dataset
    rows: Tensor
    bad: Signed
    good: Signed

    @property
    def planted(self):
        """Which training examples are poisoned."""
        return torch.zeros(len(self.data.train), dtype=torch.bool).index_fill(0, self.rows, True)

    @property
    def trusted(self):
        """Clean examples, and their classes."""
        return self.clean.valid.inputs, self.clean.valid.targets


def learned(data: Dataset, /, *, seed: int = 0, epochs: int = 20) -> Signed:
    """A small convolutional network after some passes; the global generator is left alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, 12, 3), nn.ReLU(), nn.Flatten(), nn.Linear(432, 48), nn.ReLU(),
            nn.Linear(48, 10),
        )  # fmt: skip
        model = cg.sign(net, data.signature)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for epoch in range(epochs):
            for x, y in data.train.batches(batch_size=64).epoch(epoch, seed=seed):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
    optimizer.zero_grad()
    return model.eval()


@cache
def case() -> Case:
    """Trained once for all tests."""
    clean = cg.dataset("digits")
    data, rows = poisoned(clean, SPEC)
    return Case(clean, data, rows, learned(data), learned(clean))


def right(model: Signed, x: Tensor, y: Tensor, /) -> float:
    """The share of inputs that is answered so."""
    with torch.no_grad():
        return float((model(x).argmax(1) == y).double().mean())


def success(model: Signed, clean: Dataset, spec: str = SPEC, /) -> float:
    """How often the attacker has his will."""
    wanted = probes(clean, spec)
    assert wanted is not None
    return right(model, *wanted)
