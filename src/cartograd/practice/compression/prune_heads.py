"""Attention heads that matter least are cut out of a Transformer.

A head is a group of channels (see `prune_channels`): its rows of the queries, keys and values and
its columns of the projection behind them. Where several heads of queries share a key, they go
together.

    score(h) = sum of |w| over all weights w of head h        (or of |w dL/dw|)

Shapes: anything; what the attention gives keeps its features.

Departures: the paper's score is the expectation of |dL/d gate| on each head; `taylor` is that of
its weights, summed.

References:
    Paul Michel, Omer Levy, Graham Neubig. Are sixteen heads really better than one? NeurIPS 2019.
    https://arxiv.org/abs/1905.10650

>>> from cartograd.core.build import build
>>> from cartograd.core.ports import Port, Signature
>>> picture = Port("image", "image", (1, 4, 4), "float32", (0.0, 1.0))
>>> signature = Signature((picture,), (Port("class", "label", (2,)),))
>>> model = build("vit:patch=2,dim=8,heads=4,depth=1", signature=signature)
>>> prune_heads(model, amount=0.5).model.blocks[0].attention.query.weight.shape
torch.Size([4, 8])
"""

from torch import nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batches
from cartograd.practice.compression.importance import Importance, Scope
from cartograd.practice.compression.prune_channels import pruned

CARD = Card(
    name="prune-heads",
    kind="compressor",
    entry="prune_heads",
    nodes=("compress/prune-blocks",),
    title="Head pruning",
    zh="注意力头剪枝",
    paper="Are sixteen heads really better than one?",
    year=2019,
    url="https://arxiv.org/abs/1905.10650",
    proofs=(
        "law: a Transformer without some heads is the one with zeros for them, to 1e-12 in "
        "float64, and it still writes token by token",
        "law: feed-forward parts and all else keep their sizes",
    ),
    tiny={"amount": 0.5},
    evidence={"compress/prune-blocks": ("acceptance:pruned-transformer",)},
)


def prune_heads(
    model: nn.Module,
    data: Batches | None = None,
    /,
    *,
    amount: float = 0.5,
    importance: Importance = "l1",
    scope: Scope = "local",
    seed: int = 0,
) -> nn.Module:
    """A copy of a model without the attention heads that matter least.

    Args:
        model: with its signature.
        data: examples with their right answers, for importance=taylor.
        amount: share of the heads that go; of each attention it is rounded down.
        importance: of a head, by which the least go: l1, l2, taylor or random.
        scope: whether that share goes of each attention (local), or of all together (global).
        seed: of importance=random.

    Raises:
        UsageError: there are no heads that could go, which says why.
    """
    return pruned(
        model, data, amount=amount, importance=importance, scope=scope, seed=seed, heads=True
    )
