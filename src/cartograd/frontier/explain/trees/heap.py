"""Binary trees as tables: a node's children are found by its number, and no pointer is followed.

Node 0 is the root, and the children of node n are 2n + 1 (its feature is at most the threshold) and
2n + 2. All trees go down at once, one level at a time, so that what answers is five operations a
level, also in an exported file.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.frontier.explain.trees.splits import Growth, grown

DEEPEST = 14
"""Levels below the root; each doubles the tables."""


class Heap(nn.Module):
    """Several binary trees over the same features.

    Until they are grown they ask at random and say next to nothing.

    Args:
        features: numbers of one flattened input.
        classes: numbers of what a node says: the logarithm of each class's share, or (1) a value.
        depth: levels below the root.
        count: trees.
        summed: what the trees say is added up (logits or values), not averaged.

    Attributes:
        feature: what each node asks for, `trees nodes`; -1 of a leaf.
        threshold: up to where an example goes to the left.
        cover: how many examples each node had when it was grown.
        says: what each node says, `trees nodes classes`.

    Raises:
        UsageError: more levels than a table has room for.
    """

    feature: Tensor
    threshold: Tensor
    cover: Tensor

    def __init__(
        self, *, features: int, classes: int, depth: int, count: int = 1, summed: bool = False
    ):
        super().__init__()
        self.summed = summed
        if depth > DEEPEST:
            raise UsageError(
                f"depth={depth} takes tables of 2^{depth + 1} nodes; expected at most {DEEPEST}"
            )
        self.depth, nodes = depth, 2 ** (depth + 1) - 1
        asked = torch.randint(features, (count, nodes))
        asked[:, nodes // 2 :] = -1
        self.register_buffer("feature", asked)
        self.register_buffer("threshold", torch.randn(count, nodes))
        self.register_buffer("cover", torch.zeros(count, nodes))
        self.says = nn.Parameter(0.1 * torch.randn(count, nodes, classes))

    def leaves(self, x: Float[Tensor, "b d"], /) -> Int[Tensor, "b n"]:
        """The node in which each example ends, of each tree."""
        trees, nodes = self.feature.shape
        start = torch.arange(trees, device=x.device) * nodes
        node = torch.zeros(x.shape[0], trees, dtype=torch.long, device=x.device)
        feature, threshold = self.feature.flatten(), self.threshold.flatten()
        for _ in range(self.depth):
            asked = feature[start + node]
            value = x.gather(1, asked.clamp(min=0))
            down = 2 * node + 1 + (value > threshold[start + node]).long()
            node = torch.where(asked < 0, node, down)
        return node

    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b n k"]:
        """What each tree says of each example."""
        trees, nodes = self.feature.shape
        start = torch.arange(trees, device=x.device) * nodes
        return self.says.flatten(0, 1)[start + self.leaves(x)]

    @property
    def shares(self) -> Float[Tensor, "n1 n2 k"]:
        """Each class's share in each node, or its value: what the mean of the trees is made of."""
        if self.summed:
            return self.says * len(self.feature)
        return self.says.softmax(-1) if self.says.shape[-1] > 1 else self.says

    @torch.no_grad()
    def grow(
        self,
        x: Float[Tensor, "n d"],
        t: Float[Tensor, "n k"],
        /,
        *,
        least: int,
        looked: int,
        draws: Sequence[Tensor],
        generator: torch.Generator,
    ) -> None:
        """Grow all trees anew.

        Args:
            x: examples.
            t: for each a one for its class and zeros, or its value.
            least: fewest examples of a leaf.
            looked: how many features are looked at where a node is split, drawn anew each time.
            draws: which examples each tree is grown on.
            generator: of the features.
        """
        for tree, rows in enumerate(draws):
            growth = Growth(depth=self.depth, least=least, looked=looked, generator=generator)
            found = grown(x[rows], t[rows], growth)
            self.feature[tree] = found.feature.to(self.feature)
            self.threshold[tree] = found.threshold.to(self.threshold)
            self.cover[tree] = found.cover.to(self.cover)
            says = found.says if t.shape[1] == 1 else found.says.clamp(min=1e-12).log()
            self.says[tree] = says.to(self.says)


def one_hot(targets: Tensor, classes: int, /) -> Float[Tensor, "n k"]:
    """Classes as rows with a one; values as a column."""
    if targets.is_floating_point():
        return targets.reshape(len(targets), -1).double()
    return nn.functional.one_hot(targets, classes).double()
