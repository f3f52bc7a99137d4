"""Tree SHAP: the exact Shapley values of trees, in polynomial time.

A tree is a sum over its leaves: a leaf counts if the example passes every question on the way to
it. Of one leaf, covering a set of features leaves a product: a feature that is shown passes its
questions or not (o = 1 or 0), one that is covered passes with the share z of the examples that did
(or, with backgrounds, as the background does). A product's Shapley value is an integral along the
diagonal of its multilinear form, a polynomial, which Gauss and Legendre's points give exactly:

    phi_i = sum over leaves of  v (o_i - z_i) * integral_0^1 prod_(j != i) (z_j + t (o_j - z_j)) dt

Shapes: x and the attribution (b ...), the same; backgrounds (m ...).

Departures: the integral takes the place of the recursion over subsets, so that all leaves are
counted at once. What is explained of classes is the forest's share, not its logarithm: trees add up
in shares. Boosted trees add up in logits, which are explained there.

References:
    Scott M. Lundberg, Gabriel G. Erion, Su-In Lee. Consistent individualized feature attribution
    for tree ensembles. 2018. https://arxiv.org/abs/1802.03888
    Guillermo Owen. Multilinear extensions of games. Management Science 18, 1972.
    https://doi.org/10.1287/mnsc.18.5.64
    Peng Yu, Chao Xu, Albert Bifet, Jesse Read. Linear TreeShap. NeurIPS 2022.
    https://arxiv.org/abs/2209.08192

>>> from cartograd.frontier.explain.trees.decision_tree import DecisionTree
>>> tree, x = DecisionTree(features=2, classes=1, depth=1), torch.tensor([[0.0, 5.0], [1.0, 5.0]])
>>> tree.grow(x, torch.tensor([[2.0], [4.0]]))
>>> tree_shap(tree, x).tolist()
[[-1.0, 0.0], [1.0, 0.0]]
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import Signed, statistics
from cartograd.frontier.explain.baselines import targets_of
from cartograd.frontier.explain.trees.heap import Heap
from cartograd.frontier.inputs import answers, check_takes, rows_at_once

CARD = Card(
    name="tree-shap",
    kind="explainer",
    entry="tree_shap",
    nodes=("xai/shap", "xai/tree"),
    title="Tree SHAP",
    zh="树模型 SHAP",
    paper="Consistent individualized feature attribution for tree ensembles",
    year=2018,
    url="https://arxiv.org/abs/1802.03888",
    proofs=(
        "oracle: shap.TreeExplainer of scikit-learn's trees and forests, by the paths' shares and "
        "by backgrounds, to 1e-9",
        "law: with backgrounds it is the exact Shapley values of `exact-shap`, to 1e-10",
        "law: contributions add up to the share less the mean share of the training part",
    ),
)

AT_ONCE = 2**22
"""Numbers that are held at a time."""


def tree_shap(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    baseline: Tensor | None = None,
) -> Float[Tensor, "b ..."]:
    """The Shapley value of each number in what the trees say.

    Args:
        model: a decision tree, a random forest or boosted trees, whose logits are explained.
        x: inputs in the units of the input port.
        target: which class's share to explain, one for all or one each; by default the highest.
        baseline: backgrounds, `m ...`, whose values a covered feature takes; by default it passes
            each question with the share of the training examples that did.

    Raises:
        UsageError: the model is no tree, or a class that it does not have.
    """
    check_takes(model, x)
    mean, std, unit = torch.zeros(1), torch.ones(1), torch.ones(1)
    if isinstance(model, Signed):
        mean, std = statistics(model.signature.input)
        unit = model.output_std
    with evaluating(model), torch.no_grad():
        seen = ((x.detach() - mean.to(x)) / std.to(x)).flatten(1)
        heap = _heap(model, x.detach(), seen)
        targets = targets_of(model, x, target, rows_at_once(x))
        grounds = None
        if baseline is not None:
            grounds = ((baseline.to(x) - mean.to(x)) / std.to(x)).flatten(1)
            if grounds.shape[1] != seen.shape[1]:
                raise UsageError(
                    f"the backgrounds have {grounds.shape[1]} numbers each, the inputs "
                    f"{seen.shape[1]}; expected rows of the inputs' shape"
                )
        found = _values(heap, seen, targets, grounds)
    return (found * unit.to(found)).reshape(x.shape).to(x.dtype)


def mean_said(model: nn.Module, /) -> Float[Tensor, " k"]:
    """The mean share of each class (or the mean value) where nothing is known: what is added to."""
    heap = next(part for part in model.modules() if isinstance(part, Heap))
    return heap.shares[:, 0].detach().mean(0)


@dataclass(frozen=True)
class Leaves:
    """All leaves, with the questions on the way to each.

    Attributes:
        asked: the feature of each question, `leaves questions`; -1 where the way is shorter.
        low, high: between which thresholds the feature has to be.
        share: of the examples that came to the question, those that passed it.
        says: what the leaf adds to the answer.
    """

    asked: Int[Tensor, "n1 n2"]
    low: Float[Tensor, "n1 n2"]
    high: Float[Tensor, "n1 n2"]
    share: Float[Tensor, "n1 n2"]
    says: Float[Tensor, "n k"]


def leaves_of(heap: Heap, /) -> Leaves:
    """The leaves of all trees; questions about the same feature are one."""
    rows: list[tuple[list[tuple[int, float, float, float]], Tensor]] = []
    for feature, threshold, cover, says in zip(
        heap.feature.tolist(), heap.threshold.tolist(), heap.cover.tolist(), heap.shares,
        strict=True,
    ):  # fmt: skip
        waiting: list[tuple[int, dict[int, tuple[float, float, float]]]] = [(0, {})]
        while waiting:
            node, way = waiting.pop()
            asked = feature[node]
            if asked < 0:
                rows.append(([(f, *rest) for f, rest in way.items()], says[node]))
                continue
            low, high, share = way.get(asked, (-np.inf, np.inf, 1.0))
            at, whole = threshold[node], max(cover[node], 1e-300)
            left, right = (share * cover[child] / whole for child in (2 * node + 1, 2 * node + 2))
            waiting.append((2 * node + 1, way | {asked: (low, min(high, at), left)}))
            waiting.append((2 * node + 2, way | {asked: (max(low, at), high, right)}))
    most = max(1, *(len(way) for way, _ in rows))
    padded = [way + [(-1, -np.inf, np.inf, 1.0)] * (most - len(way)) for way, _ in rows]
    table = torch.tensor(padded, dtype=torch.float64, device=heap.says.device)
    asked, low, high, share = table.unbind(2)
    says = torch.stack([leaf for _, leaf in rows]).double() / len(heap.feature)
    return Leaves(asked.long(), low, high, share, says)


def _values(heap: Heap, x: Tensor, targets: Tensor, grounds: Tensor | None) -> Float[Tensor, "b d"]:
    leaves = leaves_of(heap)
    n, q = leaves.asked.shape
    nodes, weights = np.polynomial.legendre.leggauss(-(-q // 2))
    points = list(zip((nodes + 1) / 2, weights / 2, strict=True))
    found = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
    covered = [leaves.share] if grounds is None else [_passes(leaves, row) for row in grounds]
    rows = max(1, AT_ONCE // (n * q))
    for part, own, into in zip(x.split(rows), targets.split(rows), found.split(rows), strict=True):
        shown = _passes(leaves, part)  # b n q
        says = leaves.says[:, own].T
        for hidden in covered:
            change, total = shown - hidden, torch.zeros_like(shown)
            for t, weight in points:
                total += weight * _all_others(hidden + t * change)
            each = says[:, :, None] * change * total / len(covered)
            where = leaves.asked.clamp(min=0).flatten().expand(len(part), -1)
            into.scatter_add_(1, where, each.flatten(1))
    return found


def _passes(leaves: Leaves, x: Tensor) -> Tensor:
    """Whether what is shown passes each question, as a number."""
    value = x[..., leaves.asked.clamp(min=0)].double()
    inside = (value > leaves.low) & (value <= leaves.high)
    return (inside | (leaves.asked < 0)).double()


def _all_others(factors: Float[Tensor, "b n1 n2"]) -> Float[Tensor, "b n1 n2"]:
    """For each factor the product of the others, also where one is zero."""
    ones = torch.ones_like(factors[..., :1])
    before = torch.cat([ones, factors[..., :-1]], -1).cumprod(-1)
    after = torch.cat([factors[..., 1:], ones], -1).flip(-1).cumprod(-1).flip(-1)
    return before * after


def _heap(model: nn.Module, x: Tensor, seen: Tensor) -> Heap:
    """The trees of a model, which have to see the input itself.

    Raises:
        UsageError: there are none, or something comes before them.
    """
    heaps = [part for part in model.modules() if isinstance(part, Heap)]
    given: list[Tensor] = []
    hooks = [
        heap.register_forward_pre_hook(lambda _, args: given.append(args[0])) for heap in heaps
    ]
    try:
        answers(model, x[:1])
    finally:
        for hook in hooks:
            hook.remove()
    if len(given) != 1 or not torch.equal(given[0], seen[:1]):
        inner = model.model if isinstance(model, Signed) else model
        raise UsageError(
            f"tree-shap explains decision-tree and random-forest; this is {type(inner).__name__}. "
            "Take kernel-shap or permutation-shap, which ask any model"
        )
    return heaps[0]
