"""Decision tree: one question after another, each about one number.

The oldest model that explains itself: an answer is the path to its leaf, and every question on it
can be read. Questions are chosen one at a time, each as well as it can be on the examples that come
to it (see `splits.py`); a leaf says the shares of its examples' classes, or their mean.

    node -> left if x_feature <= threshold else right;    leaf: p_k = n_k / n, or the mean of y

Shapes: x (b ...), flattened; logits (b k), the logarithms of the leaf's shares, or values (b 1).

Departures: growth ends at a depth or a leaf's least size; nothing is pruned afterwards.

References:
    Leo Breiman, Jerome Friedman, Charles J. Stone, R. A. Olshen. Classification and regression
    trees. 1984. https://doi.org/10.1201/9781315139470

>>> tree = DecisionTree(features=1, classes=2, depth=1)
>>> tree.grow(torch.tensor([[0.0], [1.0], [2.0], [3.0]]), torch.tensor([0, 0, 1, 1]))
>>> tree(torch.tensor([[0.5], [2.5]])).argmax(1).tolist()
[0, 1]
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.explain.trees.heap import Heap, one_hot

CARD = Card(
    name="decision-tree",
    kind="model",
    entry="DecisionTree",
    nodes=("xai/tree", "xai/trade-off"),
    title="Decision tree",
    zh="决策树",
    paper="Classification and regression trees",
    year=1984,
    url="https://doi.org/10.1201/9781315139470",
    proofs=(
        "oracle: sklearn's DecisionTreeClassifier (gini) and DecisionTreeRegressor (squared error) "
        "ask the same questions, and say the same to 1e-6",
        "law: trained by the command it is the tree that grows on the training part, and predicts, "
        "evaluates and exports as any model",
    ),
    evidence={
        "xai/tree": (
            "test_the_tree_is_scikit_learns",
            "test_a_trained_tree_is_a_model_like_any_other",
        ),
        "xai/trade-off": (
            "test_glass_and_black_boxes_are_compared_on_one_table_with_intervals",
            "test_every_duty_is_answered_by_a_section_or_by_none",
        ),
    },
    tiny={"features": 4, "classes": 3, "depth": 3},
    objective="grow",
)


class DecisionTree(nn.Module):
    """A tree of questions.

    Args:
        features: numbers of one flattened input.
        classes: numbers of the answer; 1 for a value.
        depth: most questions before an answer.
        min_leaf: fewest examples of a leaf.
    """

    def __init__(self, *, features: int, classes: int, depth: int = 5, min_leaf: int = 1):
        super().__init__()
        self.min_leaf = min_leaf
        self.heap = Heap(features=features, classes=classes, depth=depth)

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b k"]:
        """Logits, or values."""
        found = self.heap(x.flatten(1))[:, 0]
        return found.log_softmax(1) if found.shape[1] > 1 else found

    def grow(self, x: Float[Tensor, "n ..."], targets: Shaped[Tensor, "n ..."], /) -> None:
        """Grow anew on examples with their classes or values."""
        rows, features = torch.arange(len(x), device=x.device), x[0].numel()
        self.heap.grow(
            x.flatten(1), one_hot(targets, self.heap.says.shape[2]), least=self.min_leaf,
            looked=features, draws=[rows], generator=torch.Generator(),
        )  # fmt: skip
