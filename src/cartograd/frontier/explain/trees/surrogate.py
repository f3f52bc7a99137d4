"""Surrogate tree: a tree that answers as a network does, and how often it does.

A small tree is grown on the network's answers, not on the right ones. Its questions can be read;
whether they tell of the network is a number, its fidelity on examples that it has not grown on,
beside that of always saying what the network says most often. A tree of low fidelity explains
nothing.

    tree <- grown(x, argmax f(x)),    fidelity = share of held-back x with tree(x) = argmax f(x)

Shapes: x (n ...), flattened; y (n), only to say how often tree and network are right.

Departures: of values the tree grows on the values, and fidelity is the share of their variance that
it tells.

References:
    Mark W. Craven, Jude W. Shavlik. Extracting tree-structured representations of trained networks.
    NIPS 1995. https://papers.nips.cc/paper/1152-extracting-tree-structured-representations

>>> model = torch.nn.Linear(2, 2)
>>> found = surrogate_tree(model, torch.randn(90, 2), torch.arange(90) % 2, depth=4)
>>> found.fidelity > found.constant
True
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.ports import Port
from cartograd.core.signed import signature_if_any
from cartograd.frontier.explain.studies.hidden import called
from cartograd.frontier.explain.trees.decision_tree import DecisionTree
from cartograd.frontier.inputs import answers, check_takes, rows_at_once

CARD = Card(
    name="surrogate-tree",
    kind="study",
    entry="surrogate_tree",
    nodes=("xai/tree",),
    title="Surrogate tree",
    zh="代理决策树",
    paper="Extracting tree-structured representations of trained networks",
    year=1995,
    url="https://papers.nips.cc/paper/1152-extracting-tree-structured-representations",
    proofs=(
        "law: of a network that is a tree it finds the tree's answers: fidelity 1 on held-back "
        "examples",
        "law: it grows on the network's answers, not on the right ones; deeper is more faithful",
    ),
    evidence={
        "xai/tree": (
            "test_a_surrogate_finds_the_tree_that_answers",
            "test_every_study_is_drawn_and_told",
        )
    },
    tiny={"depth": 2},
)


@dataclass(frozen=True)
class Question:
    """A node of the tree.

    Attributes:
        level: how many questions come before.
        way: the question, or what is said at a leaf.
        examples: how many come here, of those that it grew on.
        says: what most of them are, or their mean.
        sure: the share of these.
    """

    level: int
    way: str
    examples: int
    says: str
    sure: float


@dataclass(frozen=True)
class SurrogateTree:
    """A tree in a network's place.

    Attributes:
        tree: the tree itself, a model.
        questions: its nodes, from the root down, the left side first.
        fidelity: how often it answers as the network, on held-back examples.
        constant: the same of always saying what the network says most often.
        right, network: how often tree and network are right there; None where that is not known.
    """

    tree: DecisionTree
    questions: tuple[Question, ...]
    fidelity: float
    constant: float
    right: float | None
    network: float | None

    columns = ("question", "examples", "says", "share")

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each node."""
        return [
            ("  " * one.level + one.way, str(one.examples), one.says, f"{one.sure:.0%}")
            for one in self.questions
        ]

    def to_json(self) -> dict[str, Any]:
        """The figures and all questions."""
        figures = {"fidelity": self.fidelity, "constant": self.constant}
        figures |= {"accuracy": self.right, "network_accuracy": self.network}
        return figures | {"questions": [asdict(one) for one in self.questions]}

    @property
    def notes(self) -> list[tuple[str, str]]:
        """The figures in words."""
        told = [("fidelity", f"{self.fidelity:.1%} (a constant answer: {self.constant:.1%})")]
        if self.right is not None and self.network is not None:
            told.append(("right", f"{self.right:.1%}, the network {self.network:.1%}"))
        return told


def surrogate_tree(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    y: Shaped[Tensor, "n ..."],
    /,
    *,
    depth: int = 4,
    min_leaf: int = 5,
    seed: int = 0,
) -> SurrogateTree:
    """A tree that is grown on a model's answers to two thirds of the examples.

    Args:
        model: any module that answers with a class or a value.
        x: examples.
        y: their classes or values.
        depth: most questions before an answer.
        min_leaf: fewest examples of a leaf.
        seed: of which examples are held back.

    Raises:
        UsageError: too few examples, or tokens.
    """
    check_takes(model, x)
    if not x.is_floating_point():
        raise UsageError(
            f"a tree asks for numbers, and the inputs are {x.dtype}; take another explanation of "
            "texts, such as occlusion or lime"
        )
    if len(x) < 6 * min_leaf:
        raise UsageError(
            f"{len(x)} examples are too few for leaves of {min_leaf}; expected {6 * min_leaf}"
        )
    with evaluating(model), torch.no_grad():
        found = torch.cat([answers(model, part) for part in x.split(rows_at_once(x))])
    classes = found.shape[1]
    said = found.argmax(1) if classes > 1 else found
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)).to(x.device)
    grown, held = order[len(x) // 3 :], order[: len(x) // 3]
    flat = x.detach().flatten(1).double().cpu()
    with torch.random.fork_rng(devices=[]):  # a tree that has not grown yet is drawn
        tree = DecisionTree(
            features=flat.shape[1], classes=classes, depth=depth, min_leaf=min_leaf
        ).double()
    tree.grow(flat[grown], said[grown].cpu())
    with torch.no_grad():
        own = tree(flat[held])
    wanted, truth = said[held].cpu(), y[held].cpu()
    signature = signature_if_any(model)
    port = signature.input if signature else None
    questions = _questions(tree, called(model, classes), port)
    if classes == 1:
        left = float((own - wanted).square().mean() / wanted.var(correction=0).clamp(min=1e-300))
        return SurrogateTree(tree, questions, 1 - left, 0.0, None, None)
    own = own.argmax(1)
    most = said[grown].cpu().mode().values
    known = truth.ndim == 1 and not truth.is_floating_point()
    right, network = (_alike(one, truth) if known else None for one in (own, wanted))
    return SurrogateTree(tree, questions, _alike(own, wanted), _alike(most, wanted), right, network)


def _alike(one: Tensor, other: Tensor) -> float:
    return float((one == other).double().mean())


def _questions(
    tree: DecisionTree, names: tuple[str, ...], port: Port | None
) -> tuple[Question, ...]:
    """The nodes in the order in which one would read them."""
    heap, shares = tree.heap, tree.heap.shares[0].detach()
    found, waiting = list[Question](), [(0, 0, "all")]
    while waiting:
        node, level, way = waiting.pop()
        share = shares[node]
        top = int(share.argmax())
        says, sure = (names[top], float(share[top])) if len(share) > 1 else (f"{share[0]:.4g}", 1.0)
        found.append(Question(level, way, int(heap.cover[0, node]), says, sure))
        asked = int(heap.feature[0, node])
        if asked >= 0:
            no, yes = question(asked, float(heap.threshold[0, node]), port)
            waiting.append((2 * node + 2, level + 1, yes))
            waiting.append((2 * node + 1, level + 1, no))
    return tuple(found)


def question(number: int, at: float, port: Port | None, /) -> tuple[str, str]:
    """What is true of an example on the left of a threshold, and on its right.

    Numbers of tables are told in the unit of their column, pixels by their place.

    >>> question(5, 0.5, Port("x", "image", (1, 4, 4))), question(2, 1, None)
    (('row 2 column 2 <= 0.5', 'row 2 column 2 > 0.5'), ('feature 2 <= 1', 'feature 2 > 1'))
    """
    name = f"feature {number}" if port is None else f"{port.name} {number}"
    if port is not None and port.kind == "image":
        channels, rows, columns = (int(side) for side in port.dims)
        channel, place = divmod(number, rows * columns)
        row, column = divmod(place, columns)
        name = f"row {row + 1} column {column + 1}"
        name += f" channel {channel + 1}" if channels > 1 else ""
    start = 0
    for column in port.columns if port is not None else ():
        own = number - start
        start += column.width
        if own < 0 or own >= column.width:
            continue
        if column.categories is not None and not column.numbered:
            word = f"{column.name} is {column.categories[own]}"
            return f"not {word}", word
        plain = own == 0 and column.numeric
        at = at * column.std + column.mean if plain else at
        name = column.name if plain else f"{column.name} [{own}]"
    return f"{name} <= {at:.4g}", f"{name} > {at:.4g}"
