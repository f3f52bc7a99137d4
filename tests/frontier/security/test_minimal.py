"""Attacks that look for the shortest change."""

import pytest
import torch
from torch import nn

from cartograd.frontier.security import cw as carlini_wagner
from cartograd.frontier.security.cw import cw
from cartograd.frontier.security.ddn import ddn
from cartograd.frontier.security.pgd import pgd
from tests.frontier.security.support import right, share, size
from tests.reference import Reference

foolbox = Reference("foolbox", quiet=True)
attacks = Reference("foolbox.attacks", quiet=True)


def criterion(y, targeted):
    kind = "TargetedMisclassification" if targeted else "Misclassification"
    return getattr(foolbox.criteria, kind)(y)


@pytest.mark.oracle("ddn")
@pytest.mark.parametrize("targeted", [False, True])
def test_ddn_of_foolbox(modest, targeted):
    """Ours looks at the last point, too; there it may be nearer."""
    model, x, y = modest.model, modest.x[:40], modest.y[:40]
    y = (y + 1) % 10 if targeted else y
    reference = foolbox.PyTorchModel(model, bounds=(0, 1))
    expected = attacks.DDNAttack(steps=25).run(reference, x, criterion(y, targeted))
    found = ddn(model, x, y, steps=25, targeted=targeted)
    same = (found - expected).flatten(1).abs().amax(1) < 1e-10
    assert same.float().mean() > 0.4
    assert (size(found - x, "l2") < size(expected - x, "l2"))[~same].all()
    assert (right(model, found, y) == targeted).all()


@pytest.mark.oracle("cw")
@pytest.mark.parametrize("targeted", [False, True])
def test_cw_of_foolbox(modest, targeted):
    model, x, y = modest.model, modest.x[:12], modest.y[:12]
    y = (y + 1) % 10 if targeted else y
    reference = foolbox.PyTorchModel(model, bounds=(0, 1))
    attack = attacks.L2CarliniWagnerAttack(
        binary_search_steps=5, steps=15, stepsize=0.1, initial_const=carlini_wagner.FIRST,
        abort_early=False,
    )  # fmt: skip
    expected = attack.run(reference, x, criterion(y, targeted))
    found = cw(model, x, y, steps=15, searches=5, restarts=0, lr=0.1, targeted=targeted)
    fooled = (right(model, found, y) == targeted) & (found != x).flatten(1).any(1)
    assert fooled.float().mean() > 0.5
    torch.testing.assert_close(found[fooled], expected[fooled], rtol=0, atol=1e-6)


@pytest.mark.law("ddn")
def test_the_way_to_the_boundary_of_a_linear_model():
    torch.manual_seed(0)
    model = nn.Linear(20, 2).double()
    x = torch.rand(50, 20).double() * 0.2 + 0.4
    y = model(x).argmax(1)
    outputs, normal = model(x), model.weight[1] - model.weight[0]
    way = (outputs[:, 1] - outputs[:, 0]).abs() / normal.norm()
    found = ddn(model, x, y, bounds=(0.0, 1.0))
    assert not right(model, found, y).any()
    length = size(found - x, "l2")
    assert (length >= way - 1e-9).all()
    assert (length <= 1.01 * way + 1e-3).all()


@pytest.mark.law("cw", "ddn")
def test_shorter_than_the_ball_of_pgd(judge):
    """What the map asks: at equal success a smaller L2 than PGD."""
    model, x, y = judge.model, judge.x[:20], judge.y[:20]
    for radius in (1.0, 1.25, 1.5, 2.0):
        ball = pgd(model, x, y, eps=radius, norm="l2", steps=20)
        if share(model, ball, y) <= 0.02:
            break
    weighed, decoupled = cw(model, x, y, steps=60, searches=8), ddn(model, x, y)
    assert share(model, weighed, y) == share(model, decoupled, y) == 0
    lengths = [size(found - x, "l2") for found in (ball, weighed, decoupled)]
    assert lengths[1].median() <= 0.5 * radius
    assert (lengths[1] <= lengths[0]).float().mean() > 0.9
    assert lengths[2].median() <= lengths[1].median() * 1.05


@pytest.mark.law("cw")
def test_restarts_only_shorten(judge):
    model, x, y = judge.model, judge.x[:20], judge.y[:20]
    asked = {"steps": 30, "searches": 6, "lr": 0.1}
    once, more, same = (
        size(cw(model, x, y, restarts=count, **asked) - x, "l2") for count in (0, 3, 3)
    )
    assert torch.equal(more, same)
    assert (more <= once).all()
    assert (more < once).float().mean() > 0.5


def test_a_sure_answer_is_asked_for(judge):
    model, x, y = judge.model, judge.x[:6], judge.y[:6]
    found = cw(model, x, y, confidence=2.0, steps=40, searches=4, lr=0.1)
    with torch.no_grad():
        outputs = model(found)
    ahead = outputs.scatter(1, y[:, None], -torch.inf).amax(1) - outputs.gather(1, y[:, None])[:, 0]
    moved = (found != x).flatten(1).any(1)
    assert moved.float().mean() > 0.6
    assert (ahead[moved] >= 2 - 1e-4).all()


@pytest.mark.parametrize("attack", [cw, ddn])
def test_what_nothing_was_found_for_stays(judge, attack):
    class Deaf(nn.Module):
        def forward(self, x):
            return torch.tensor([1.0, 0.0]).expand(len(x), 2) + 0 * x.flatten(1)[:, :2]

    x = judge.x[:5]
    found = attack(Deaf(), x, torch.zeros(5).long(), steps=3, bounds=(0.0, 1.0))
    assert torch.equal(found, x)
