"""Changes that mislead models and inputs that they were not made for."""

import copy

import pytest
import torch
from torch import nn

from cartograd.core.signed import sign
from cartograd.frontier.security.gain import ascent
from cartograd.frontier.security.mi_fgsm import mi_fgsm
from cartograd.frontier.security.surrogates import together
from cartograd.frontier.security.universal import universal, universal_change
from tests.frontier.security.support import share, size
from tests.reference import Reference

foolbox = Reference("foolbox", quiet=True)
attacks = Reference("foolbox.attacks", quiet=True)


@pytest.mark.oracle("mi-fgsm")
def test_without_momentum_it_is_the_basic_iterative_method(modest):
    model, x, y = modest.model, modest.x[:30], modest.y[:30]
    reference = foolbox.PyTorchModel(model, bounds=(0, 1))
    attack = attacks.LinfBasicIterativeAttack(rel_stepsize=0.2, steps=5, random_start=False)
    expected = attack.run(reference, x, foolbox.criteria.Misclassification(y), epsilon=0.1)
    found = mi_fgsm(model, x, y, eps=0.1, steps=5, momentum=0.0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.law("mi-fgsm")
def test_momentum_as_the_paper_writes_it(modest):
    """Foolbox adds up gradients of any size; the paper's are divided by their sum of sizes."""
    model, x, y = modest.model, modest.x[:10], modest.y[:10]
    total, point = torch.zeros_like(x), x
    for _ in range(4):
        loss = nn.functional.cross_entropy(model(at := point.clone().requires_grad_()), y)
        (gradient,) = torch.autograd.grad(loss, at)
        total = 0.9 * total + gradient / gradient.abs().sum((1, 2, 3), keepdim=True)
        point = (x + (point + 0.025 * total.sign() - x).clamp(-0.1, 0.1)).clamp(0, 1)
    found = mi_fgsm(model, x, y, eps=0.1, steps=4, momentum=0.9)
    torch.testing.assert_close(found, point, rtol=0, atol=1e-10)


def perceptron(judge, seed):
    """One that has learned half of the digits which the convolutional network has not."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    model = sign(net, judge.model.signature)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(judge.x[:250]), judge.y[:250]).backward()
        optimizer.step()
    optimizer.zero_grad()
    return model.eval()


@pytest.fixture(scope="module")
def other(judge):
    return perceptron(judge, 1)


@pytest.mark.law("mi-fgsm")
@pytest.mark.place("attack/transfer")
def test_changes_made_for_one_model_mislead_another(judge, other):
    x, y, eps = judge.x[250:], judge.y[250:], 0.15
    signs = torch.randint(0, 2, x.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    points = [
        (x + eps * signs).clamp(0, 1),
        mi_fgsm(judge.model, x, y, eps=eps),
        mi_fgsm(other, x, y, eps=eps),
    ]
    by_chance, from_other, own = (share(other, point, y) for point in points)
    assert share(other, x, y) > 0.75
    assert by_chance - from_other >= 0.15
    assert from_other - own >= 0.1


@pytest.mark.law("mi-fgsm")
@pytest.mark.place("attack/transfer")
def test_what_misleads_several_together_misleads_another_more(judge, other):
    x, y, eps = judge.x[250:], judge.y[250:], 0.15
    makers = [judge.model, *(perceptron(judge, seed) for seed in (2, 3))]
    whole = together(makers)
    torch.testing.assert_close(whole(x), sum(maker(x) for maker in makers) / 3)
    assert whole.signature is judge.model.signature
    alone = [share(other, mi_fgsm(maker, x, y, eps=eps), y) for maker in makers]
    assert share(other, mi_fgsm(whole, x, y, eps=eps), y) < min(alone)


@pytest.mark.law("universal")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_one_change_for_inputs_that_it_was_not_learned_on(judge, norm):
    model, x, y = judge
    eps = 0.3 if norm == "linf" else 1.6
    change = universal_change(model, x[:200], y[:200], eps=eps, norm=norm)
    assert size(change[None], norm) <= eps + 1e-6
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, change.shape, generator=generator) * 2 - 1
    chance = eps * (signs if norm == "linf" else signs / 8)
    found, noisy = (share(model, (x[200:] + one).clamp(0, 1), y[200:]) for one in (change, chance))
    assert found < noisy - 0.3
    moved = universal(model, x[:200], y[:200], eps=eps, norm=norm)
    within = (moved > 0) & (moved < 1) & (x[:200] + change > 0) & (x[:200] + change < 1)
    torch.testing.assert_close((moved - x[:200])[within], change.expand(200, 1, 8, 8)[within])


@pytest.mark.law("universal")
def test_a_model_that_is_sure_of_all_is_misled_as_well(judge):
    class Sure(nn.Module):
        def forward(self, x):
            return 300 * judge.model(x)

    x, y = judge.x[:100], judge.y[:100]
    moved = universal(Sure(), x, y, eps=0.3, bounds=(0.0, 1.0))
    assert share(judge.model, moved, y) < share(judge.model, x, y) - 0.2


@pytest.mark.law("universal")
def test_of_a_linear_model_it_is_the_sign_of_the_weights():
    torch.manual_seed(0)
    model = nn.Linear(9, 2)
    x = 0.5 + 0.01 * torch.rand(20, 9)
    y = model(x).argmax(1).mode().values.expand(20)
    before = copy.deepcopy(model.state_dict())
    change = universal_change(model, x, y, eps=0.2, bounds=(0.0, 1.0))
    toward = (model.weight[1 - y[0]] - model.weight[y[0]]).sign()
    torch.testing.assert_close(change, 0.2 * toward, rtol=1e-5, atol=0)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    gradient, _ = ascent(model, x, y)
    assert torch.equal(gradient.sum(0).sign(), toward)
