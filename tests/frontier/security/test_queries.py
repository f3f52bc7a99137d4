"""Attacks that ask: by scores and by labels."""

import pytest
import torch
from torch import nn

from cartograd.frontier.security.hop_skip_jump import hop_skip_jump, hop_skip_jump_search
from cartograd.frontier.security.square import HALVED, share_of, square, square_search
from tests.frontier.security.support import right, share, size

BOUNDS = (0.0, 1.0)


class Counting(nn.Module):
    """Counts for itself, and sees whether gradients would be recorded."""

    def __init__(self, model, labels=False):
        super().__init__()
        self.inner, self.labels, self.rows, self.recorded = model, labels, 0, False

    def forward(self, x):
        self.rows += len(x)
        outputs = self.inner(x)
        self.recorded |= outputs.requires_grad
        if not self.labels:
            return outputs
        return nn.functional.one_hot(outputs.argmax(1), outputs.shape[1]).float()


@pytest.mark.law("square")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_square_counts_its_questions(judge, norm):
    model, x, y = Counting(judge.model), judge.x[:60], judge.y[:60]
    eps = 0.1 if norm == "linf" else 1.0
    found = square_search(model, x, y, eps=eps, queries=40, norm=norm, bounds=BOUNDS)
    assert int(found.queries.sum()) == model.rows
    assert found.queries.max() == 40
    assert not model.recorded
    assert (found.queries[~right(judge.model, x, y)] == 1).all()  # wrong as they are
    fallen = ~right(judge.model, found.point, y)
    assert (found.queries[~fallen] == 40).all()
    assert (found.queries[fallen] < 40).any()
    assert size(found.point - x, norm).max() <= eps + 1e-6
    assert found.point.min() >= 0
    assert found.point.max() <= 1


@pytest.mark.law("square")
def test_more_questions_never_help_the_model(judge):
    model, x, y = judge.model, judge.x[:100], judge.y[:100]
    standing = [share(model, square(model, x, y, eps=0.1, queries=n), y) for n in (2, 20, 200)]
    assert standing == sorted(standing, reverse=True)
    signs = torch.randint(0, 2, x.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    noisy = share(model, (x + 0.1 * signs).clamp(0, 1), y)
    assert standing[-1] < noisy - 0.2
    long = square(model, x, y, eps=1.0, queries=200, norm="l2")
    assert share(model, long, y) < share(model, x, y) - 0.2


@pytest.mark.paper("square")
def test_squares_become_smaller_as_the_paper_has_it():
    for mark in HALVED:
        assert share_of(mark + 1, 10_000) == share_of(mark, 10_000) / 2
    assert share_of(1, 10_000) == 0.8
    assert share_of(6, 5_000) == 0.4


@pytest.mark.parametrize("shape", [(7,), (9, 3)])
def test_squares_of_rows_and_series(shape):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(shape).numel(), 3))
    x = torch.rand(40, *shape)
    y = model(x).argmax(1)
    for norm, eps in (("linf", 0.4), ("l2", 1.0)):
        found = square(model, x, y, eps=eps, queries=100, norm=norm, bounds=BOUNDS)
        assert size(found - x, norm).max() <= eps + 1e-6
        assert share(model, found, y) < 0.8


@pytest.mark.law("hop-skip-jump")
@pytest.mark.place("attack/query")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_labels_are_enough(judge, norm):
    x, y = judge.x[:25], judge.y[:25]
    model = Counting(judge.model, labels=True)
    found = hop_skip_jump_search(model, x, y, queries=300, norm=norm, bounds=BOUNDS)
    assert int(found.queries.sum()) == model.rows
    assert found.queries.max() <= 300
    assert not model.recorded
    assert not right(judge.model, found.point, y).any()
    scores = hop_skip_jump(judge.model, x, y, queries=300, norm=norm)
    assert torch.equal(scores, found.point)  # what else the model tells makes no difference
    few = hop_skip_jump(judge.model, x, y, queries=60, norm=norm)
    lengths = [size(point - x, norm).median() for point in (few, found.point)]
    assert lengths[1] < 0.75 * lengths[0]


@pytest.mark.law("hop-skip-jump")
def test_jumps_come_near_the_boundary_of_a_linear_model():
    torch.manual_seed(0)
    model = nn.Linear(20, 2).double()
    x = torch.rand(20, 20).double() * 0.2 + 0.4
    y = model(x).argmax(1)
    outputs, normal = model(x), (model.weight[1] - model.weight[0]).detach()
    way = (outputs[:, 1] - outputs[:, 0]).abs().detach() / normal.norm()
    length = size(hop_skip_jump(model, x, y, queries=1500, bounds=BOUNDS) - x, "l2")
    assert (length >= way - 1e-9).all()
    assert (length / way).median() < 1.1


@pytest.mark.parametrize("attack", [square, hop_skip_jump])
def test_what_is_wrong_already_is_asked_about_once(judge, attack):
    model = Counting(judge.model)
    wrong = ~right(judge.model, judge.x, judge.y)
    x, y = judge.x[wrong], judge.y[wrong]
    assert torch.equal(attack(model, x, y, queries=50, bounds=BOUNDS), x)
    assert model.rows == len(x) > 0
