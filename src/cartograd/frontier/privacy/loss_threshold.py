"""Membership by the loss: a model is surer of what it has learned from.

The simplest attack, which asks the model once and trains nothing: an example was there if the
model's odds for its class are above a threshold. It tells the easy from the hard as much as the
known from the unknown, so that it finds few without false alarms.

    score(x, y) = log p_y / (1 - p_y),   there: score >= threshold

Shapes: x `n ...`, y `n`.

Departures: all thresholds are tried, as the curve shows; the paper takes the mean loss of the
training.

References:
    Samuel Yeom, Irene Giacomelli, Matt Fredrikson, Somesh Jha. Privacy risk in machine learning:
    analyzing the connection to overfitting. CSF 2018. https://arxiv.org/abs/1709.01604

>>> import torch
>>> model = torch.nn.Sequential(torch.nn.Linear(3, 2))
>>> x, y = torch.rand(20, 3), torch.arange(20) % 2
>>> loss_threshold(model, (x, y), (x, y)).value
0.5
"""

from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.privacy.membership import scores
from cartograd.frontier.privacy.told import Told, classified, judged

CARD = Card(
    name="loss-threshold",
    kind="privacy-attack",
    entry="loss_threshold",
    nodes=("privacy/membership-inference",),
    title="Membership by the loss",
    zh="基于损失的成员推断",
    paper="Privacy risk in machine learning: analyzing the connection to overfitting",
    year=2018,
    url="https://arxiv.org/abs/1709.01604",
    aliases=("membership",),
    proofs=(
        "law: of a model that has learned its digits by heart members are told, and shuffled ones "
        "or those of a model that has not learned are not",
    ),
    evidence={
        "privacy/membership-inference": ("test_members_are_told_of_a_model_that_knows_them",)
    },
)


def loss_threshold(
    model: nn.Module,
    members: tuple[Tensor, Tensor],
    others: tuple[Tensor, Tensor],
    /,
    *,
    epsilon: float | None = None,
    delta: float = 1e-5,
    seed: int = 0,
) -> Told:
    """How well members are told by how sure the model is of them.

    Args:
        model: a classifier.
        members: examples that it learned from, and their classes.
        others: such that it did not.
        epsilon: what the training is said to keep.
        delta: the chance with which more may be told.
        seed: of the control, which shuffles membership.

    Raises:
        UsageError: too few examples, or none with classes.
    """
    told, rest = (scores(model, *classified(one, "loss-threshold")) for one in (members, others))
    return judged(told, rest, epsilon=epsilon, delta=delta, seed=seed)
