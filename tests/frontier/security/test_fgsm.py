import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.frontier.security.fgsm import fgsm
from cartograd.frontier.security.pgd import pgd
from tests.reference import Reference

foolbox = Reference("foolbox", quiet=True)
attacks = Reference("foolbox.attacks", quiet=True)


@pytest.mark.oracle("fgsm")
@pytest.mark.parametrize("eps", [0.0, 0.01, 0.1, 0.5])
def test_foolbox(modest, eps):
    reference = foolbox.PyTorchModel(modest.model, bounds=(0, 1))
    criterion = foolbox.criteria.Misclassification(modest.y)
    expected = attacks.LinfFastGradientAttack().run(reference, modest.x, criterion, epsilon=eps)
    found = fgsm(modest.model, modest.x, modest.y, eps=eps)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.law("fgsm")
@pytest.mark.parametrize("eps", [0.0, 8 / 255, 0.3])
def test_within_eps_and_within_the_bounds(judge, eps):
    found = fgsm(judge.model, judge.x, judge.y, eps=eps)
    assert (found - judge.x).abs().max() <= eps + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    if not eps:
        assert torch.equal(found, judge.x)


@pytest.mark.law("fgsm")
def test_the_margin_of_a_linear_model_falls_by_eps_times_the_weights():
    model = nn.Linear(30, 2).double()
    x = torch.rand(7, 30, dtype=torch.float64) / 2 + 0.25
    y = torch.arange(7) % 2
    found = fgsm(model, x, y, eps=0.1, bounds=(0.0, 1.0))
    toward = (2 * y - 1)[:, None] * (model.weight[1] - model.weight[0])
    before, after = ((toward * (point @ torch.eye(30).double())).sum(1) for point in (x, found))
    torch.testing.assert_close(
        before - after, torch.full((7,), 0.1).double() * toward[0].abs().sum()
    )


@pytest.mark.law("fgsm", "pgd")
def test_one_step_of_pgd_is_fgsm(judge):
    model, x, y = judge
    for eps in (0.02, 0.1):
        one = fgsm(model, x, y, eps=eps)
        other = pgd(model, x, y, eps=eps, step_size=eps, steps=1, restarts=0)
        right = model(x).argmax(1) == y
        same = (one == other).flatten(1).all(1)
        assert torch.equal(other[~right], x[~right])  # already wrong: nothing left to do
        assert same[right].float().mean() > 0.99
        worse = right & ~same  # the step went too far and helped the model: it is not kept
        assert torch.equal(other[worse], x[worse])


def test_a_wanted_class_comes_nearer(judge):
    model, x, y = judge
    wanted = (y + 3) % 10
    found = fgsm(model, x, wanted, eps=0.05, targeted=True)
    raised = model(found).log_softmax(1) - model(x).log_softmax(1)
    assert (raised.gather(1, wanted[:, None]) > 0).float().mean() > 0.95


def test_a_sure_model_still_shows_its_gradient(judge):
    """Where every probability rounds to 0 or 1 the cross-entropy has no gradient any more."""

    class Sure(nn.Module):
        def forward(self, x):
            return 1000 * judge.model(x)

    model, x, y = Sure().eval(), judge.x, judge.y
    criterion = foolbox.criteria.Misclassification(y)
    reference = foolbox.PyTorchModel(model, bounds=(0, 1))
    theirs = attacks.LinfFastGradientAttack().run(reference, x, criterion, epsilon=0.15)
    ours = fgsm(model, x, y, eps=0.15, bounds=(0.0, 1.0))
    with torch.no_grad():
        standing = [(model(point).argmax(1) == y).float().mean() for point in (x, theirs, ours)]
    assert standing[2] < 0.4
    assert standing[1] > 0.6


def test_inputs_that_are_standardised_already_are_refused(judge):
    with pytest.raises(UsageError, match="not standardised"):
        fgsm(judge.model, (judge.x - 0.3) / 0.38, judge.y)
