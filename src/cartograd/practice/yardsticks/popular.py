"""Rankings without learning: what most have taken, and what goes with what a user has taken.

Popularity orders items by how many took them. Item neighbours score an item by how alike it is to
those that the user has taken: the cosine of the two columns of who took what. What was taken in
training is left out, as a recommender leaves it out.

    score(u, i) = sum over j taken by u of |U_i and U_j| / sqrt(|U_i| |U_j|)

References:
    Badrul Sarwar, George Karypis, Joseph Konstan, John Riedl. Item-based collaborative filtering
    recommendation algorithms. WWW 2001. https://doi.org/10.1145/371920.372071
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.data.dataset.dataset import Examples


def rankings(train: Examples, asked: Examples, /) -> dict[str, Float[Tensor, "n m"]]:
    """The scores of all items for each user that is asked of, by what made them.

    Args:
        train: users and the items that they took.
        asked: users; whom training does not know took nothing.
    """
    items = train.signature.output.size
    users = train.select(range(len(train))).inputs[:, 0].long()
    column = train.signature.input.columns[0]
    taken = torch.zeros(len(column.categories or ()) + 1, items)
    taken[users, train.targets] = 1
    alike = taken / taken.norm(dim=0).clamp(min=1)
    known = asked.select(range(len(asked))).inputs.long()
    own = taken[known[:, 0]]
    own = torch.cat([own, own.new_zeros(len(own), 1)], 1)
    own = own.scatter(1, known[:, 1:], 1)[:, :-1]  # what a history names was taken, too
    scores = {
        "popularity": taken.sum(0).expand(len(own), -1),
        "item neighbours": (own / taken.norm(dim=0).clamp(min=1)) @ alike.T @ alike,
    }
    return {name: one.masked_fill(own > 0, -torch.inf) for name, one in scores.items()}
