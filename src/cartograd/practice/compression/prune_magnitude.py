"""Magnitude pruning: the weights nearest to zero are set to zero.

    w <- w [ |w| > t ]

where t leaves the asked share, of each matrix (local) or of all together (global). In 2:4 two of
each four neighbours in a row stay, a pattern that some processors multiply faster. Zeros stay zero
in a further training. They save no time in the kernels of a CPU, and no memory: it is
`prune-channels` that makes a network smaller.

Shapes: anything.

Departures: biases, factors of norms and vectors of words stay.

References:
    Song Han, Jeff Pool, John Tran, William Dally. Learning both weights and connections for
    efficient neural networks. NeurIPS 2015. https://arxiv.org/abs/1506.02626
    Asit Mishra et al. Accelerating sparse deep neural networks. 2021.
    https://arxiv.org/abs/2104.08378 (2:4)

>>> import torch
>>> layer = nn.Sequential(nn.Linear(2, 2, bias=False))
>>> layer[0].weight.data = torch.tensor([[1.0, -3.0], [-2.0, 4.0]])
>>> prune_magnitude(layer, amount=0.5)[0].weight.tolist()
[[0.0, -3.0], [0.0, 4.0]]
"""

from torch import nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batches
from cartograd.practice.compression.importance import Scope
from cartograd.practice.compression.zeros import Structure, matrices, thinned

CARD = Card(
    name="prune-magnitude",
    kind="compressor",
    entry="prune_magnitude",
    nodes=("compress/prune-unstructured",),
    title="Magnitude pruning",
    zh="幅值剪枝",
    aliases=("unstructured-pruning",),
    paper="Learning both weights and connections for efficient neural networks",
    year=2015,
    url="https://arxiv.org/abs/1506.02626",
    proofs=(
        "oracle: torch.nn.utils.prune, local and global: the same weights are zero",
        "law: in 2:4 two of each four neighbours stay, the larger ones",
        "law: zeros are zero after a further training, and what is not zero has moved",
    ),
    tiny={"amount": 0.1},
    evidence={"compress/prune-unstructured": ("test_accuracy_falls_as_zeros_grow",)},
)


def prune_magnitude(
    model: nn.Module,
    data: Batches | None = None,  # noqa: ARG001
    /,
    *,
    amount: float = 0.5,
    scope: Scope = "local",
    structure: Structure = "free",
) -> nn.Module:
    """A copy of a model, the weights nearest to zero set to zero.

    Args:
        model: of any kind.
        data: not looked at.
        amount: share of the weights that is zero then.
        scope: whether that share is of each matrix (local), or of all together (global).
        structure: free, or 2:4.

    Raises:
        UsageError: the model has no matrices, or none with rows for 2:4.
    """
    scores = {name: weight.detach().abs() for name, weight in matrices(model).items()}
    return thinned(model, scores, amount=amount, scope=scope, structure=structure)
