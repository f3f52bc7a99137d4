"""Movement pruning: the weights go that a training moves towards zero.

    S_j = - sum_t w_j(t) dL/dw_j(t)

over the steps of a training grows for weights that move away from zero, and falls for those that
come nearer. What was learned elsewhere may leave large weights that a new task does not need;
their size does not tell, and their movement does.

Shapes: anything.

Departures: scores are collected in a short training by plain gradient descent, on a copy, and the
weights that are pruned are those from before it (a further training follows); the paper masks
while it trains.

References:
    Victor Sanh, Thomas Wolf, Alexander Rush. Movement pruning: adaptive sparsity by fine-tuning.
    NeurIPS 2020. https://arxiv.org/abs/2005.07683

>>> import cartograd as cg
>>> data = cg.dataset("xor")
>>> model = cg.build("mlp:widths=[8]", signature=data.signature)
>>> small = prune_movement(model, data.train.batches(), amount=0.75, scope="local", steps=2)
>>> [int((weight == 0).sum()) for weight in small.parameters() if weight.ndim == 2]
[12, 12]
"""

import copy
from itertools import islice

import torch
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.learning import learning
from cartograd.core.protocols import Batches
from cartograd.practice.compression.importance import Scope
from cartograd.practice.compression.slopes import mean_of, own_loss
from cartograd.practice.compression.zeros import matrices, thinned

CARD = Card(
    name="prune-movement",
    kind="compressor",
    entry="prune_movement",
    nodes=("compress/prune-unstructured",),
    title="Movement pruning",
    zh="移动剪枝",
    paper="Movement pruning: adaptive sparsity by fine-tuning",
    year=2020,
    url="https://arxiv.org/abs/2005.07683",
    proofs=(
        "law: the scores of one step are the weights times what the step adds to them, over the "
        "rate",
        "law: a large weight that the task shrinks goes before a small one that it grows",
    ),
    tiny={"amount": 0.1},
    evidence={"compress/prune-unstructured": ("test_what_shrinks_goes_first",)},
)


def prune_movement(
    model: nn.Module, data: Batches | None = None, /, *, amount: float = 0.5,
    scope: Scope = "global", steps: int = 50, lr: float = 0.01,
) -> nn.Module:  # fmt: skip
    """A copy of a model without the weights that a short training moves towards zero.

    Args:
        model: with its signature, whose task says what the loss is.
        data: batches with their right answers.
        amount: share of the weights that is zero then.
        scope: whether that share is of each matrix (local), or of all together (global).
        steps: of the training, one epoch at most.
        lr: of these steps.

    Raises:
        UsageError: there are no data, or no matrices.
    """
    if data is None:
        raise UsageError("prune-movement needs examples with their right answers; give data")
    scores = movement(model, data, steps=steps, lr=lr)
    return thinned(model, scores, amount=amount, scope=scope)


@learning()
def movement(model: nn.Module, data: Batches, /, *, steps: int, lr: float) -> dict[str, Tensor]:
    """How far each weight moves away from zero, times its size, over the rate."""
    objective, made = own_loss(copy.deepcopy(model), "prune-movement")
    weights = matrices(made.eval().requires_grad_(True))
    scores = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for batch in islice(data.epoch(0, seed=0), steps):
        with torch.enable_grad():
            loss = next(iter(objective.losses(batch)))
            value = mean_of(loss.value, loss.weight)
            found = torch.autograd.grad(value, list(weights.values()), allow_unused=True)
        with torch.no_grad():
            for (name, weight), slope in zip(weights.items(), found, strict=True):
                if slope is not None:
                    scores[name] -= weight * slope
                    weight -= lr * slope
    return scores
