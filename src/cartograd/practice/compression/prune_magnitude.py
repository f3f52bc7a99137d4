"""Magnitude pruning: the weights nearest to zero are set to zero.

    w <- w [ |w| > t ]

where t leaves the asked share, of each matrix (local) or of all together (global). In 2:4 two of
each four neighbours in a row stay, a pattern that some processors multiply faster. Zeros stay zero
in a further training. They save no time in the kernels of a CPU, and no memory: it is
`prune-channels` that makes a network smaller.

A lottery ticket is what is left, begun again: with `rewind` the weights that stay, and all biases
and norms, are those that the network had early in its training,

    w <- w_k [ |w| > t ]

and the training after it shows whether so few connections could have learned alone. After k steps
that works for larger networks, too, which from the very first weights (k = 0) it does not. Zeros
have the least size, so that in rounds of pruning and training with growing shares each ticket is
part of the one before.

Shapes: anything.

Departures: biases, factors of norms and vectors of words stay. The optimizer of a training after
rewinding begins anew, its averages and its schedule as well. A weight that was zero then and stays
becomes the smallest number there is, since a zero would not learn.

References:
    Song Han, Jeff Pool, John Tran, William Dally. Learning both weights and connections for
    efficient neural networks. NeurIPS 2015. https://arxiv.org/abs/1506.02626
    Asit Mishra et al. Accelerating sparse deep neural networks. 2021.
    https://arxiv.org/abs/2104.08378 (2:4)
    Jonathan Frankle, Michael Carbin. The lottery ticket hypothesis: finding sparse, trainable
    neural networks. ICLR 2019. https://arxiv.org/abs/1803.03635
    Jonathan Frankle, Gintare Karolina Dziugaite, Daniel Roy, Michael Carbin. Linear mode
    connectivity and the lottery ticket hypothesis. ICML 2020. https://arxiv.org/abs/1912.05671
    (rewinding to step k)

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
    aliases=("unstructured-pruning", "lottery-ticket", "weight-rewinding"),
    paper="Learning both weights and connections for efficient neural networks",
    year=2015,
    url="https://arxiv.org/abs/1506.02626",
    proofs=(
        "oracle: torch.nn.utils.prune, local and global: the same weights are zero",
        "law: in 2:4 two of each four neighbours stay, the larger ones",
        "law: zeros are zero after a further training, and what is not zero has moved",
        "law: rewound, what is left is bit for bit as the checkpoint has it, the trained weights "
        "say which that is, and a larger share leaves a part of the ticket before",
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
    rewind: str = "",
) -> nn.Module:
    """A copy of a model, the weights nearest to zero set to zero.

    Args:
        model: of any kind.
        data: not looked at.
        amount: share of the weights that is zero then.
        scope: whether that share is of each matrix (local), or of all together (global).
        structure: free, or 2:4.
        rewind: a checkpoint of its training, or a run or bundle of the same sizes, whose weights
            those that stay get; by default they keep their own.

    Raises:
        UsageError: the model has no matrices, or none with rows for 2:4; what is rewound to is not
            there, or is of another model.
    """
    scores = {name: weight.detach().abs() for name, weight in matrices(model).items()}
    return thinned(model, scores, amount=amount, scope=scope, structure=structure, rewind=rewind)
