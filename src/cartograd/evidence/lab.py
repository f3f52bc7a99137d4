"""What most experiments do: train a classifier by the engine, and ask how good it is."""

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.ports import Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import Run, fit
from cartograd.practice.metrics.accuracy import accuracy as share_right
from cartograd.training.losses.cross_entropy import cross_entropy
from cartograd.training.objectives.classify import Classify


class Data(NamedTuple):
    """A data set whose parts are in memory."""

    train: Split
    valid: Split
    test: Split
    signature: Signature


@cache
def dataset(spec: str, /) -> Data:
    """A data set by spec, e.g. `digits`; read once."""
    found: Dataset = build(spec, kind="data")()
    train, valid, test = found.train, found.valid, found.test
    assert isinstance(train, Split)
    assert isinstance(valid, Split)
    assert isinstance(test, Split)
    return Data(train, valid, test, found.signature)


def few(split: Split, count: int, /, *, seed: int) -> Split:
    """`count` examples drawn from a split, others for each seed."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    return split.select(order[:count])


def train(
    model: nn.Module,
    split: Split,
    /,
    *,
    seed: int,
    epochs: int,
    optimizer: str = "adamw:lr=1e-3",
    decay: str = "all",
    batch_size: int = 64,
    loss: str = "cross-entropy",
    **settings: Any,
) -> Run:
    """Train a classifier on a split, on one thread of the processor; `settings` are those of `fit`.

    Weight decay shrinks all weights, as it did when the recorded figures were measured.

    The order of the examples and all that is random in the steps are functions of the seed only,
    so that two models trained with one seed see the same batches.

    Raises:
        UsageError: see `fit`, above all when the loss becomes infinite or not a number.
    """
    return fit(
        Classify(model=model, loss=loss),
        split.batches(batch_size=batch_size),
        optimizer=optimizer,
        epochs=epochs,
        seed=seed,
        device="cpu",
        decay=decay,
        **settings,
    )


def accuracy(model: nn.Module, split: Split, /) -> float:
    """The share of a split's examples that a classifier gets right."""
    return share_right(*answers(model, split))


def answers(model: nn.Module, split: Split, /) -> tuple[Tensor, Tensor]:
    """Logits and targets of all examples of a split, in their order."""
    return collect(model, split.batches(batch_size=512, shuffle=False), device="cpu")


def loss(model: nn.Module, split: Split, /) -> float:
    """Mean cross-entropy over a split, in evaluation mode."""
    return cross_entropy(*answers(model, split)).mean().item()
