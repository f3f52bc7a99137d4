"""Gradient accumulation: several small batches make one step that equals the large batch's.

A batch that does not fit into memory is cut into microbatches whose gradients are added up before
the step. They have to be added as sums and divided once by the whole count: a mean of means would
let an example of a small or mostly masked microbatch count for more than one of a full one. In a
run: `accumulate=4`.

    g = sum_m sum_i w_mi dL_mi / sum_m sum_i w_mi,  not  1/M sum_m (mean of microbatch m)

Shapes: a loss has one number per example (or per position, or per unmasked position), and may
bring weights of the same shape.

Departures: none. What depends on the whole batch (batch normalisation) gets the microbatch.

References:
    Priya Goyal et al. Accurate, large minibatch SGD: training ImageNet in 1 hour, section 3. 2017.
    https://arxiv.org/abs/1706.02677

>>> loss = Loss(torch.tensor([1.0, 2.0, 3.0]))
>>> weighed(loss, 3), shares(loss)
((1.0, 3), 0.3333333333333333)
"""

import torch
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.protocols import Loss

CARD = Card(
    name="accumulation",
    kind="technique",
    entry="weighed",
    nodes=("train/grad-accumulation",),
    title="Gradient accumulation",
    zh="梯度累积",
    paper="Accurate, large minibatch SGD: training ImageNet in 1 hour",
    year=2017,
    url="https://arxiv.org/abs/1706.02677",
    proofs=(
        "law: uneven, masked and weighted microbatches equal the full batch, with clipping and in "
        "an epoch's last window too, to 1e-12 in float64",
    ),
    evidence={
        "train/grad-accumulation": (
            "test_weighted_losses_in_uneven_parts_equal_the_full_batch",
            "claim:accumulation-equals-batch",
        ),
    },
)


def weighed(loss: Loss, examples: int, /) -> tuple[float | Tensor, float | Tensor]:
    """The weight of each number of a microbatch's loss, and the sum of the weights."""
    if loss.weight is not None:
        return loss.weight.detach(), loss.weight.detach().sum()
    if loss.value.ndim:
        return 1.0, loss.value.numel()
    return examples, examples


def shares(loss: Loss, /) -> float | Tensor:
    """The weight of each number of a loss in its mean."""
    if loss.weight is None:
        return 1 / max(loss.value.numel(), 1)
    return loss.weight.detach() / divisor(loss.weight.detach().sum())


def divisor(count: float | Tensor, /) -> float | Tensor:
    """The count, or 1 where it is 0, so that a batch without a single number gives no gradient."""
    return torch.where(count > 0, count, 1) if isinstance(count, Tensor) else max(count, 1)


def mean(loss: Loss, examples: int, /) -> tuple[Tensor | None, float | Tensor]:
    """The mean of a loss and its weight; None if it has no number."""
    value = loss.value.detach()
    if loss.weight is not None:
        total = loss.weight.detach().sum()
        return (loss.weight.detach() * value).sum() / divisor(total), total
    if value.ndim == 0:
        return value, examples
    return (value.mean(), value.numel()) if value.numel() else (None, 0)
