"""The row on clicks: pairs become a list for each user."""

import torch

from acceptance import clicks
from cartograd.practice.metrics import ctr
from cartograd.practice.metrics.interval import wilson


def test_pairs_become_a_list_for_each_user() -> None:
    users = torch.tensor([7, 3, 7, 3, 7])
    scores = torch.tensor([0.1, 0.5, 0.9, 0.4, -2.0])
    taken = torch.tensor([0, 1, 1, 0, 1])
    rows, right = clicks.lists(users, scores, taken)
    none = -torch.inf
    torch.testing.assert_close(rows, torch.tensor([[0.5, 0.4, none], [0.1, 0.9, -2.0]]))
    assert right.tolist() == [[1, 0, 0], [0, 1, 1]]
    assert ctr.ctr(rows, right, k=1) == 1.0


def test_users_without_a_choice_are_shown_nothing() -> None:
    users = torch.tensor([0] * clicks.CHOICE + [1])
    logits = torch.stack([torch.zeros(len(users)), torch.arange(len(users)).float()], 1)
    taken = (torch.arange(len(users)) >= clicks.CHOICE - 2).long()
    one = clicks.Told(logits, 1.0, taken, users, {}, logits)
    low, high = wilson(2, clicks.SHOWN)
    assert clicks.shown(ctr, one, logits) == f"66.7% ({low:.1%} to {high:.1%})"
