"""Readable regions of the input in which B is worse: found on one half, confirmed on the other.

A tree of depth two is grown on half of the examples to tell where B lost most, over what a reader
can check: the columns of a table, brightness, contrast, colour and size of a picture, the length of
a text. Each of its leaves in which B lost is a claim, and is tested on the half that the tree has
not seen, by the one-sided sign test on the examples where the two differ (McNemar), Holm's
correction for as many claims as there are.

References:
    Eric Wong, Shibani Santurkar, Aleksander Madry et al. ModelDiff: a framework for comparing
    learning algorithms. 2023. https://arxiv.org/abs/2211.12491 (subpopulations that tell apart)
    Sture Holm. A simple sequentially rejective multiple test procedure. Scandinavian Journal of
    Statistics 6, 1979. https://www.jstor.org/stable/4615733
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.apps.replace.changed import moved
from cartograd.apps.replace.questions import Questions
from cartograd.apps.replace.seen import Feature, features

DEPTH, LEAST = 2, 20
"""Of the tree; and the examples of a leaf at least."""

FEW = 80
"""Fewer examples than this are not halved."""

ALPHA = 0.05
"""How often a region is confirmed in which B is not worse."""


@dataclass(frozen=True)
class Region:
    """Where B is worse.

    Attributes:
        rule: in words.
        n: examples of the half that it was confirmed on.
        worse: of these, became wrong (of values: farther off).
        better: became right (nearer).
        p: of the sign test, with Holm's correction.
    """

    rule: str
    n: int
    worse: int
    better: int
    p: float

    @property
    def confirmed(self) -> bool:
        """Whether B is worse there beyond chance."""
        return self.p < ALPHA

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return dict(vars(self)) | {"confirmed": self.confirmed}


def regions(
    questions: Questions,
    answers: tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]],
    /,
    *,
    seed: int = 0,
) -> tuple[list[Region], str]:
    """The regions that were found, the surest first; and why none were looked for, if so.

    Args:
        questions: the examples.
        answers: of A and of B.
        seed: of the halves.
    """
    worse, better = moved(questions, answers)
    if len(questions) < FEW:
        return [], f"{len(questions)} examples are too few to be halved (at least {FEW})"
    if not worse.any():
        return [], "no answer became worse"
    known = features(questions)
    if not known:
        return [], "there is nothing readable to tell these examples apart by"
    order = torch.randperm(len(questions), generator=torch.Generator().manual_seed(seed)).numpy()
    seen, rest = order[: len(order) // 2], order[len(order) // 2 :]
    harm = (worse.double() - better.double()).numpy()
    claims = _leaves(known, harm, seen)
    found = []
    for rule, inside in claims:
        there = inside & np.isin(np.arange(len(inside)), rest)
        lost, won = (int(one.numpy()[there].sum()) for one in (worse, better))
        found.append(Region(rule, int(there.sum()), lost, won, sign_test(lost, won)))
    return _corrected(found), ""


def _leaves(
    known: Sequence[Feature], harm: np.ndarray, seen: np.ndarray
) -> list[tuple[str, Bool[np.ndarray, " n"]]]:
    """The rule of each leaf in which B lost on the examples seen, and which examples are in it."""
    from sklearn.tree import DecisionTreeRegressor

    table = np.stack([one.values for one in known], 1)
    tree = DecisionTreeRegressor(
        max_depth=DEPTH, min_samples_leaf=max(LEAST, len(seen) // 50), random_state=0
    ).fit(table[seen], harm[seen])
    inner, found = tree.tree_, []

    def walk(node: int, rule: list[str], inside: np.ndarray) -> None:
        left, right = int(inner.children_left[node]), int(inner.children_right[node])
        if left < 0:
            if rule and harm[seen][inside[seen]].mean() > 0:
                found.append((" and ".join(rule), inside))
            return
        feature, at = known[int(inner.feature[node])], float(inner.threshold[node])
        below = feature.values <= at
        walk(left, [*rule, feature.said(at, below=True)], inside & below)
        walk(right, [*rule, feature.said(at, below=False)], inside & ~below)

    walk(0, [], np.ones(len(harm), dtype=bool))
    return found


def sign_test(worse: int, better: int, /) -> float:
    """How often chance alone makes at least so many of the differences worse.

    >>> sign_test(5, 0), sign_test(0, 0)
    (0.03125, 1.0)
    """
    from scipy.stats import binom

    n = worse + better
    return float(binom.sf(worse - 1, n, 0.5)) if n else 1.0


def _corrected(found: list[Region]) -> list[Region]:
    """By Holm: the least p counts for all claims, the next for one less."""
    ordered, least, done = sorted(found, key=lambda one: one.p), 0.0, []
    for rank, one in enumerate(ordered):
        least = max(least, min(1.0, one.p * (len(ordered) - rank)))
        done.append(Region(one.rule, one.n, one.worse, one.better, least))
    return done
