"""Boosted trees: each tree mends what those before it have left.

The strong plain model of tables. Trees are grown one after the other, each on the slopes of the
loss at what all before it say, and each is let in only by a small share, so that many have to
agree. Growth is scikit-learn's (histograms of the columns); the trees are then tables of ours, so
that the model is saved, explained, exported and served like any other.

    F_0 = the best constant,    F_r = F_(r-1) + shrinkage * tree_r,    tree_r ~ - dL/dF at F_(r-1)

Shapes: x (b ...), flattened; logits (b k), or values (b 1).

Departures: growth is a library's, with the second-order leaf values of XGBoost. Thresholds are
rounded down to float32, so that no example changes sides. With 500 examples and more a tenth of
them says when to stop, and trees that were not needed say nothing.

References:
    Jerome Friedman. Greedy function approximation: a gradient boosting machine. 2001.
    https://doi.org/10.1214/aos/1013203451
    Guolin Ke et al. LightGBM: a highly efficient gradient boosting decision tree. 2017.
    https://papers.nips.cc/paper/6907

>>> model = BoostedTrees(features=1, classes=2, trees=20, depth=2, min_leaf=1)
>>> model.grow(torch.arange(40.0)[:, None], (torch.arange(40) >= 20).long())
>>> model(torch.tensor([[3.0], [30.0]])).argmax(1).tolist()
[0, 1]
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.trees.heap import Heap

CARD = Card(
    name="boosted-trees",
    kind="model",
    entry="BoostedTrees",
    nodes=("xai/tree",),
    title="Boosted trees",
    zh="梯度提升树",
    paper="Greedy function approximation: a gradient boosting machine",
    year=2001,
    url="https://doi.org/10.1214/aos/1013203451",
    proofs=(
        "oracle: sklearn's HistGradientBoostingClassifier and -Regressor of the same settings say "
        "the same to 1e-5, on examples seen and unseen",
        "law: of a table it is trained, evaluated, explained and exported as any model",
    ),
    tiny={"features": 4, "classes": 3, "depth": 3, "trees": 3},
    objective="grow",
)

STOPS = 500
"""Examples from which on some are held back to say when to stop."""

NEAR = 1e-4
"""How far our sums in float32 may be from the library's, of what is said."""

NEVER = -20.0
"""The logit of a class that no training example has."""


class BoostedTrees(nn.Module):
    """A sum of small trees.

    Args:
        features: numbers of one flattened input.
        classes: numbers of the answer; 1 for a value.
        trees: most rounds; each of more than two classes takes a tree a round.
        depth: most questions of a tree before an answer.
        shrinkage: share by which each tree is let in.
        min_leaf: fewest examples of a leaf.
        seed: of the examples that are held back.
    """

    def __init__(
        self,
        *,
        features: int,
        classes: int,
        trees: int = 100,
        depth: int = 6,
        shrinkage: float = 0.1,
        min_leaf: int = 20,
        seed: int = 0,
    ):
        super().__init__()
        self.rounds, self.shrinkage = trees, shrinkage
        self.min_leaf, self.seed = min_leaf, seed
        self.classes = classes
        self.each = classes if classes > 2 else 1
        count = trees * self.each
        self.heap = Heap(features=features, classes=classes, depth=depth, count=count, summed=True)

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b k"]:
        """Logits, or values."""
        return self.heap(x.flatten(1)).sum(1)

    @torch.no_grad()
    def grow(self, x: Float[Tensor, "n ..."], targets: Shaped[Tensor, "n ..."], /) -> None:
        """Grow anew on examples with their classes or values.

        Raises:
            UsageError: values of several numbers, or scikit-learn keeps its trees otherwise.
        """
        if targets.is_floating_point() and self.classes != 1:
            raise UsageError(f"boosted-trees predict one value, not {self.classes}; take mlp")
        self._forget()
        rows = x.flatten(1).double().cpu().numpy()
        right = targets.reshape(len(targets)).cpu().numpy()
        seen = np.unique(right) if self.classes > 1 else np.zeros(1)
        start = torch.full((self.classes,), NEVER if self.classes > 2 else 0.0)
        if self.classes > 1 and len(seen) == 1:  # nothing to tell apart
            start[int(seen[0])] = -NEVER
            self.heap.says[0] += start.to(self.heap.says)
            return
        made = self._fitted(rows, right)
        base = torch.from_numpy(np.asarray(made._baseline_prediction).reshape(-1)).float()
        sides = _sides(self.classes, [int(one) for one in seen])
        start[list(map(int, seen))] = 0.0
        for one, side in zip(base, sides, strict=True):
            start += one * side
        for number, trees in enumerate(made._predictors):
            for at, (side, tree) in enumerate(zip(sides, trees, strict=True)):
                self._take(number * self.each + at, tree.nodes, side)
        self._average()
        self.heap.says[0] += start.to(self.heap.says)  # the constant rides in the first tree
        self._check(made, rows, seen)

    def _fitted(self, rows: np.ndarray, right: np.ndarray) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier as Classifier
        from sklearn.ensemble import HistGradientBoostingRegressor as Regressor

        kind: Any = Regressor if self.classes == 1 else Classifier
        counts = np.unique(right, return_counts=True)[1]
        stops = len(rows) >= STOPS and (self.classes == 1 or int(counts.min()) > 1)
        return kind(
            learning_rate=self.shrinkage, max_iter=self.rounds, max_depth=self.heap.depth,
            max_leaf_nodes=31, min_samples_leaf=min(self.min_leaf, max(1, len(rows) // 4)),
            early_stopping=stops, random_state=self.seed,
        ).fit(rows, right)  # fmt: skip

    def _forget(self) -> None:
        self.heap.feature.fill_(-1)
        self.heap.threshold.zero_()
        self.heap.cover.zero_()
        self.heap.says.zero_()

    def _take(self, row: int, nodes: np.ndarray, side: Tensor) -> None:
        """One grown tree as a table: the children of node n are 2n + 1 and 2n + 2."""
        heap, below = self.heap, [(0, 0)]
        while below:
            theirs, ours = below.pop()
            node = nodes[theirs]
            heap.cover[row, ours] = float(node["count"])
            if node["is_leaf"]:
                heap.says[row, ours] = float(node["value"]) * side.to(heap.says)
                continue
            heap.feature[row, ours] = int(node["feature_idx"])
            heap.threshold[row, ours] = _below(float(node["num_threshold"]))
            below += [(int(node["left"]), 2 * ours + 1), (int(node["right"]), 2 * ours + 2)]

    def _average(self) -> None:
        """What a node says that is no leaf: the mean of the examples that came to it."""
        heap = self.heap
        for level in reversed(range(heap.depth)):
            own = torch.arange(2**level - 1, 2 ** (level + 1) - 1, device=heap.says.device)
            asks = heap.feature[:, own] >= 0
            left, right = (heap.cover[:, 2 * own + side, None] for side in (1, 2))
            said = left * heap.says[:, 2 * own + 1] + right * heap.says[:, 2 * own + 2]
            mean = said / (left + right).clamp(min=1)
            heap.says[:, own] = torch.where(asks[..., None], mean, heap.says[:, own])

    def _check(self, made: Any, rows: np.ndarray, seen: np.ndarray) -> None:
        """Compare with what the library says, as its trees are taken from where it keeps them."""
        some = rows[:200]
        ours = self(torch.from_numpy(some).to(self.heap.says)).double().cpu()
        if self.classes == 1:
            theirs = torch.from_numpy(made.predict(some))[:, None]
        else:
            ours = ours.softmax(1)[:, torch.from_numpy(seen).long()]
            theirs = torch.from_numpy(made.predict_proba(some))
        apart = float((ours - theirs).abs().max())
        if not apart <= NEAR * (1 + float(theirs.abs().max())):
            raise UsageError(
                f"boosted-trees say {apart:.3g} off what scikit-learn says: this version keeps its "
                "trees otherwise; take random-forest"
            )


def _sides(classes: int, seen: list[int]) -> list[Tensor]:
    """To which answers each tree of a round adds: the value, both of two, or one of more."""
    if classes == 1:
        return [torch.ones(1)]
    side = torch.zeros(len(seen), classes)
    if len(seen) == 2:
        first, second = seen
        side[0, first], side[0, second] = -0.5, 0.5
        return [side[0]]
    side[torch.arange(len(seen)), torch.tensor(seen)] = 1.0
    return list(side)


def _below(number: float) -> float:
    """The largest float32 that is not above a number."""
    near = np.float32(number)
    return float(near if near <= number else np.nextafter(near, np.float32(-np.inf)))
