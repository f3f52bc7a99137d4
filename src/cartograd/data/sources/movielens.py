"""MovieLens: 100,004 ratings of 9,066 films by 671 people, from half a star to five.

The small set of 2016 (`ml-latest-small`), as the R package dslabs has it. It is fetched
(`cartograd data get movielens`) and never part of this library: GroupLens allows research, and
neither redistribution nor commercial use without permission. How it is split, and what a rating is
told from, says `ratings`.

Shapes: inputs `n 2`, the numbers of user and film; targets `n 1`, the stars.

References:
    F. Maxwell Harper, Joseph Konstan. The MovieLens datasets: history and context. ACM TiiS 5,
    2015. https://doi.org/10.1145/2827872

>>> from cartograd.data.store import packages
>>> packages.show("movielens").package
'apt r-cran-dslabs 0.7.4-1'
"""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from cartograd.core.card import Card
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.sources.ratings import ratings
from cartograd.data.store import packages

CARD = Card(
    name="movielens",
    kind="data",
    entry="movielens",
    title="MovieLens: ratings of films",
    zh="MovieLens 电影评分",
    paper="The MovieLens datasets: history and context",
    year=2015,
    url="https://doi.org/10.1145/2827872",
    proofs=("paper: 100,004 ratings of 9,066 films by 671 people",),
)

FILE = "movielens.csv"


def movielens(
    path: str | Path | None = None,
    /,
    *,
    task: Literal["regress", "rank", "click"] = "regress",
    liked: float | None = None,
    history: int = 0,
    split: Literal["last", "random"] = "last",
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """The ratings of films.

    Args:
        path: the table; by default what `cartograd data get movielens` has fetched.
        task: `regress` tells ratings, `rank` which film is liked next, `click` whether one is.
        liked: from which rating on a film counts as liked; 4 by default.
        history: how many films that were taken before are known of each example, to rank.
        split: `last` tests on the last rating of each user, `random` on a share of all.
        valid: share of a random split for validation.
        test: share of a random split for testing.

    Raises:
        UsageError: the table is not there, or is none of ratings.
    """
    file = packages.where("movielens") / FILE if path is None else Path(path)
    found = ratings(
        file, task=task, liked=liked, history=history, split=split, valid=valid, test=test
    )
    licence = packages.show("movielens").licence
    decided = [*found.about["decided"], f"licence: {licence}"]
    return replace(found, name="movielens", about=found.about | {"licence": licence,
                                                               "decided": decided})  # fmt: skip
