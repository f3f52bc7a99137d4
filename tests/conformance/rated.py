"""Ratings for the checks: a table, a model that keeps rows, pairs and what they are asked of."""

import torch

from cartograd.architectures.recommend.matrix_factorisation import MatrixFactorisation
from cartograd.core.column import Column
from cartograd.core.ports import Port, Signature

RATED = Signature(
    (
        Port(
            *("pair", "table", (2,)),
            columns=(
                Column("user", tuple("abcd"), numbered=True),
                Column("film", tuple("vwxyz"), numbered=True),
            ),
        ),
    ),
    (Port("stars", "value", (1,), mean=(3.5,), std=(1.0,), task="regress"),),
)
"""The signature of a model that is asked what somebody thinks of something."""

CLICKED = Signature(
    RATED.inputs, (Port("clicked", "label", (2,), labels=("no", "yes"), task="classify"),)
)
"""The same where the question is whether somebody takes it."""


def stars(folder):
    """Eight people's ratings of twelve films."""
    rows = [f"{i % 8},{i // 8},{1 + (i * 7) % 5},{i}" for i in range(96)]
    path = folder / "stars.csv"
    path.write_text("\n".join(["user,movie,stars,time", *rows]) + "\n")
    return (path,), {}


def rater():
    """Rows of four users and five items."""
    return MatrixFactorisation(users=4, items=5, factors=3)


def rated(n):
    """Pairs of users and items, and their ratings."""
    i = torch.arange(n)
    return torch.stack([i % 4, i % 5], 1).float(), torch.sin(i * 1.3)[:, None]


def ranker():
    """Rows of four users and five items, all of which are scored."""
    return MatrixFactorisation(users=4, classes=5, factors=3)


REMEMBERED = Signature(
    (
        Port(
            *("user", "table", (3,)),
            columns=(
                Column("user", tuple("abcd"), numbered=True),
                Column("taken before", tuple("vwxyz"), numbered=True, features=2),
            ),
        ),
    ),
    (Port("film", "value", (5,), labels=tuple("vwxyz"), task="rank"),),
)
"""The signature of a model that is asked what somebody takes next, after what they took."""


def taken(n):
    """Users, and what each took."""
    i = torch.arange(n)
    return (i % 4)[:, None].float(), i % 5


def listed():
    """Scores by which what was taken stands first, by which it stands last, and what was taken."""
    right = torch.nn.functional.one_hot(torch.arange(12) % 30, 30).double()
    return right, -right, (torch.arange(12) % 30,)
