"""Random forest: the mean of many trees, each grown on other examples and by other features.

A deep tree learns its examples by heart, and another sample would give another tree. Grown on as
many examples drawn with replacement, and at each node shown only some of the features, trees err in
different ways, and their mean errs less than any of them.

    p(x) = 1 / T sum_t p_t(x),    tree t grown on n draws of n examples, m features at each node

Shapes: x (b ...), flattened; logits (b k), the logarithm of the mean share, or values (b 1).

Departures: trees end at a depth; a node looks at m features that differ within it.

References:
    Leo Breiman. Random forests. Machine Learning 45, 2001. https://doi.org/10.1023/A:1010933404324

>>> forest = RandomForest(features=1, classes=2, depth=1, trees=5)
>>> forest.grow(torch.tensor([[0.0], [1.0], [2.0], [3.0]]), torch.tensor([0, 0, 1, 1]))
>>> forest(torch.tensor([[-0.5], [3.5]])).argmax(1).tolist()
[0, 1]
"""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.explain.trees.heap import Heap, one_hot

CARD = Card(
    name="random-forest",
    kind="model",
    entry="RandomForest",
    nodes=("xai/tree",),
    title="Random forest",
    zh="随机森林",
    paper="Random forests",
    year=2001,
    url="https://doi.org/10.1023/A:1010933404324",
    proofs=(
        "oracle: on breast cancer within two points of sklearn's RandomForestClassifier of as many "
        "trees of this depth",
        "law: the same seed grows the same forest; a forest of one tree on all examples and all "
        "features is the decision tree",
    ),
    tiny={"features": 4, "classes": 3, "depth": 3, "trees": 3},
    objective="grow",
)


class RandomForest(nn.Module):
    """A forest.

    Args:
        features: numbers of one flattened input.
        classes: numbers of the answer; 1 for a value.
        trees: how many.
        depth: most questions before an answer.
        min_leaf: fewest examples of a leaf.
        max_features: looked at at each node; by default the root of all of them, of values a third.
        seed: of the examples and features that are drawn.
    """

    def __init__(
        self,
        *,
        features: int,
        classes: int,
        trees: int = 50,
        depth: int = 10,
        min_leaf: int = 1,
        max_features: int | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.min_leaf, self.seed = min_leaf, seed
        usual = math.isqrt(features) if classes > 1 else features // 3
        self.max_features = min(features, max_features or max(1, usual))
        self.heap = Heap(features=features, classes=classes, depth=depth, count=trees)

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b k"]:
        """Logits, or values."""
        found = self.heap(x.flatten(1))  # b n k
        if found.shape[2] == 1:
            return found.mean(1)
        return found.log_softmax(2).logsumexp(1) - math.log(found.shape[1])

    def grow(self, x: Float[Tensor, "n ..."], targets: Shaped[Tensor, "n ..."], /) -> None:
        """Grow anew on examples with their classes or values."""
        generator = torch.Generator().manual_seed(self.seed)
        trees, n = len(self.heap.feature), len(x)
        draws = torch.randint(n, (trees, n), generator=generator).to(x.device)
        self.heap.grow(
            x.flatten(1), one_hot(targets, self.heap.says.shape[2]), least=self.min_leaf,
            looked=self.max_features, draws=list(draws), generator=generator,
        )  # fmt: skip
