"""Canaries: examples of wrong class that were put into a training, by which it is audited.

A coin decides for each of some examples with a class of its own, which no other example suggests,
whether it is learned from (`train --set canaries=200`). Whoever finds out by the model alone which
were there has learned it from the weights. So how many guesses are right bounds from below the eps
of the training; a training that is said to keep less is refuted.

    score(x, y) = log p_y / (1 - p_y),   y the wrong class;   eps >= what so many right guesses need

Shapes: x `n ...`, y `n`.

Departures: canaries are examples of the data with a wrong class, as the simplest of the paper's.

References:
    Thomas Steinke, Milad Nasr, Matthew Jagielski. Privacy auditing with one (1) training run.
    NeurIPS 2023. https://arxiv.org/abs/2305.08846

>>> import torch
>>> model = torch.nn.Sequential(torch.nn.Linear(3, 2))
>>> x, y = torch.rand(20, 3), torch.arange(20) % 2
>>> canaries(model, (x, y), (x, y)).value
0.5
"""

from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.privacy.membership import scores
from cartograd.frontier.privacy.told import Told, classified, judged

CARD = Card(
    name="canaries",
    kind="privacy-attack",
    entry="canaries",
    nodes=("privacy/membership-inference",),
    title="Audit by canaries",
    zh="金丝雀隐私审计",
    paper="Privacy auditing with one (1) training run",
    year=2023,
    url="https://arxiv.org/abs/2305.08846",
    proofs=(
        "law: the bound holds for answers by randomised response, whose eps is known, and nears it",
        "law: without delta it is Clopper and Pearson's, and more delta never raises it",
        "law: a training without noise that is declared as eps = 1 is refuted, a private one of "
        "that eps is not",
    ),
    evidence={
        "privacy/membership-inference": (
            "test_an_open_training_that_is_declared_private_is_refuted",
        )
    },
)


def canaries(
    model: nn.Module,
    members: tuple[Tensor, Tensor],
    others: tuple[Tensor, Tensor],
    /,
    *,
    epsilon: float | None = None,
    delta: float = 1e-5,
    seed: int = 0,
) -> Told:
    """How well canaries that were learned from are told from those that were left out.

    Args:
        model: a classifier.
        members: canaries that it learned from, and their wrong classes.
        others: canaries that were left out.
        epsilon: what the training is said to keep.
        delta: the chance with which more may be told.
        seed: of the control, and of the order of equal scores.

    Raises:
        UsageError: too few canaries.
    """
    told, rest = (scores(model, *classified(one, "canaries")) for one in (members, others))
    return judged(told, rest, epsilon=epsilon, delta=delta, seed=seed)
