"""Gradient descent in its three variants: all examples a step, some of them, or one.

A step on all the data goes straight down but has seen every example first. Steps on one example
are as many as there are examples, each cheap and wrong by its own noise, under which the loss
jitters at the end. Steps on a few dozen share both virtues, and processors like them best: they
are what everybody uses. `cartograd trace descent` runs all three on real digits.

    w <- w - lr (1 / |B|) sum_{i in B} dL_i(w)/dw        |B| = n, some, or 1

Shapes: examples `n d`, classes ` n`; the weights of a softmax regression are `d k` and ` k`.

Departures: none. The gradient is written out: softmax minus the one-hot class, times the input.

References:
    Léon Bottou, Frank Curtis, Jorge Nocedal. Optimization methods for large-scale machine
    learning. SIAM Review 60, 2018. https://arxiv.org/abs/1606.04838

>>> x, y = torch.eye(4), torch.tensor([0, 1, 0, 1])
>>> [(one.name, one.steps) for one in compare(x, y, epochs=3, batch_size=2)]
[('batch', 3), ('mini-batch', 6), ('stochastic', 12)]
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card
from cartograd.foundations.activations.softmax import softmax
from cartograd.training.losses.cross_entropy import cross_entropy
from cartograd.training.optimizers.sgd import update

CARD = Card(
    name="descent",
    kind="demonstration",
    entry="descent",
    nodes=("optim/gd",),
    title="Batch, mini-batch and stochastic gradient descent",
    zh="批量、小批量与随机梯度下降",
    paper="Optimization methods for large-scale machine learning",
    year=2018,
    tiny={"epochs": 1},
    url="https://arxiv.org/abs/1606.04838",
    proofs=(
        "oracle: each variant's weights are those of torch.optim.SGD on the same batches, to 1e-10 "
        "in float64",
        "law: on digits, after as many examples, smaller batches have the lower loss, and steps on "
        "one example raise the loss of all most often",
    ),
    evidence={
        "optim/gd": (
            "test_equals_torch_on_the_same_batches",
            "test_smaller_batches_are_ahead_after_as_many_examples_and_jitter_more",
        ),
    },
)


@dataclass(frozen=True)
class Descent:
    """How one variant went.

    Attributes:
        name: batch, mini-batch or stochastic.
        batch_size: examples a step.
        steps: how many it took.
        losses: mean loss of all examples, at the start and after each epoch.
        rises: share of the first epoch's steps after which that loss was higher than before.
    """

    name: str
    batch_size: int
    steps: int
    losses: tuple[float, ...]
    rises: float

    def to_json(self) -> dict[str, Any]:
        """The variant as JSON types."""
        return asdict(self)


def descent(
    *, lr: float = 0.1, epochs: int = 10, batch_size: int = 32, seed: int = 0
) -> tuple[Descent, ...]:
    """The three variants on the handwritten digits that every installation has.

    Args:
        lr: the same for all three.
        epochs: how often each goes through the data.
        batch_size: examples in a mini-batch.
        seed: of the order of the examples.
    """
    from cartograd.data.dataset.dataset import Split
    from cartograd.data.sources.digits import digits

    train = digits().train
    assert isinstance(train, Split)
    x = train.inputs.flatten(1)
    return compare(x, train.targets, lr=lr, epochs=epochs, batch_size=batch_size, seed=seed)


def compare(
    x: Float[Tensor, "n d"],
    y: Int[Tensor, " n"],
    /,
    *,
    lr: float = 0.1,
    epochs: int = 10,
    batch_size: int = 32,
    seed: int = 0,
) -> tuple[Descent, ...]:
    """The three variants of a softmax regression, from weights of zero, over the same epochs."""
    sizes = {"batch": len(x), "mini-batch": batch_size, "stochastic": 1}
    return tuple(
        _run(name, x, y, size, lr=lr, epochs=epochs, seed=seed) for name, size in sizes.items()
    )


def gradient(
    weight: Float[Tensor, "d k"],
    bias: Float[Tensor, " k"],
    x: Float[Tensor, "b d"],
    y: Int[Tensor, " b"],
    /,
) -> tuple[Float[Tensor, "d k"], Float[Tensor, " k"]]:
    """Of the mean cross-entropy of a softmax regression."""
    error = softmax(x @ weight + bias)
    error[torch.arange(len(y)), y] -= 1
    return x.T @ error / len(y), error.mean(0)


def _run(
    name: str, x: Tensor, y: Tensor, size: int, /, *, lr: float, epochs: int, seed: int
) -> Descent:
    weight, bias = x.new_zeros(x.shape[1], int(y.max()) + 1), x.new_zeros(int(y.max()) + 1)
    draw = torch.Generator().manual_seed(seed)

    def loss() -> float:
        return cross_entropy(x @ weight + bias, y).mean().item()

    losses, rose, steps = [loss()], 0, 0
    for epoch in range(epochs):
        before = losses[-1]
        for part in torch.randperm(len(x), generator=draw).split(size):
            slopes = gradient(weight, bias, x[part], y[part])
            weight, _ = update(weight, slopes[0], {}, lr=lr)
            bias, _ = update(bias, slopes[1], {}, lr=lr)
            steps += 1
            if epoch == 0:
                now = loss()
                rose, before = rose + (now > before), now
        losses.append(loss())
    return Descent(name, size, steps, tuple(losses), rose / (steps / max(epochs, 1)))
