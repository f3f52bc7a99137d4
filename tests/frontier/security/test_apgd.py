import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.frontier.security.apgd import apgd, checked
from cartograd.frontier.security.gain import dlr, toward
from cartograd.frontier.security.pgd import pgd
from tests.frontier.security.support import right, share, size


def algorithm_1(model, x, y, *, eps, steps, norm):
    """Croce and Hein's algorithm 1 for one example from its own place; as in their program, the
    way back to the best point is taken at the checkpoint itself."""

    def project(z):
        change = z - x
        if norm == "linf":
            change = change.clamp(-eps, eps)
        elif change.norm() > eps:
            change = change * eps / change.norm()
        return (x + change).clamp(0, 1)

    def look(z):
        z = z.clone().requires_grad_()
        outputs = model(z)
        value = nn.functional.cross_entropy(outputs, y)
        (gradient,) = torch.autograd.grad(value, z)
        return value.item(), gradient.sign() if norm == "linf" else gradient / gradient.norm()

    w, eta, values = [0, *checked(steps)], 2 * eps, []
    before, now = x, x
    value, step = look(x)
    top, top_value, top_step = x, value, step
    eta_at, top_at = eta, value
    for k in range(1, steps + 1):
        if model(now).argmax() != y:
            return now
        z = project(now + eta * step)
        after = z if k == 1 else project(now + 0.75 * (z - now) + 0.25 * (now - before))
        before, now, old = now, after, value
        value, step = look(now)
        values.append(value > old)
        if value > top_value:
            top, top_value, top_step = now, value, step
        if k in w and model(now).argmax() == y:
            few = sum(values[w[w.index(k) - 1] : k]) < 0.75 * (k - w[w.index(k) - 1])
            stuck = eta == eta_at and top_value == top_at
            eta_at, top_at = eta, top_value
            if few or stuck:
                eta, now, value, step = eta / 2, top, top_value, top_step
    return now if model(now).argmax() != y else top


@pytest.mark.paper("apgd")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_algorithm_1_step_by_step(modest, norm):
    model, x, y = modest.model, modest.x[:6], modest.y[:6]
    eps = 0.08 if norm == "linf" else 0.6
    found = apgd(model, x, y, eps=eps, steps=14, norm=norm, restarts=0)
    for row in range(len(x)):
        one = slice(row, row + 1)
        expected = algorithm_1(model, x[one], y[one], eps=eps, steps=14, norm=norm)
        torch.testing.assert_close(found[one], expected, rtol=0, atol=1e-10)
    assert right(model, found, y).any()


@pytest.mark.paper("apgd")
def test_checkpoints_of_the_paper():
    assert checked(100) == [22, 41, 57, 70, 80, 87, 93, 99]


@pytest.mark.law("apgd")
@pytest.mark.parametrize("loss", ["ce", "dlr", "targeted-dlr"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_apgd_stays_within_eps_and_the_bounds(judge, norm, loss):
    model, x, y = judge
    eps = 0.1 if norm == "linf" else 0.8
    found = apgd(model, x[:30], y[:30], eps=eps, norm=norm, loss=loss, steps=8)
    assert size(found - x[:30], norm).max() <= eps + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    assert share(model, found, y[:30]) < share(model, x[:30], y[:30]) - 0.2


@pytest.mark.law("apgd")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_at_most_as_many_stand_as_under_pgd(judge, norm):
    model, x, y = judge.model, judge.x[:120], judge.y[:120]
    eps = 0.08 if norm == "linf" else 0.64
    weak = share(model, pgd(model, x, y, eps=eps, norm=norm, steps=20), y)
    for loss in ("ce", "targeted-dlr"):
        strong = apgd(model, x, y, eps=eps, norm=norm, steps=20, loss=loss)
        assert share(model, strong, y) <= weak + 0.01
    assert 0.05 < weak < 0.9


@pytest.mark.law("apgd")
def test_dlr_does_not_change_with_the_scale_of_the_logits():
    outputs, y, wanted = (
        torch.randn(50, 6).double(),
        torch.arange(50) % 6,
        (torch.arange(50) + 2) % 6,
    )
    for gain in (dlr, toward(wanted)):
        torch.testing.assert_close(gain(1000 * outputs, y), gain(outputs, y))
    by_hand = torch.tensor([[3.0, 5.0, 1.0, 2.0]])
    assert dlr(by_hand, torch.tensor([1])).item() == pytest.approx(-2 / 3)
    assert toward(torch.tensor([2]))(by_hand, torch.tensor([1])).item() == pytest.approx(-4 / 3.5)


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("loss", ["dlr", "targeted-dlr"])
def test_dlr_of_few_classes(classes, loss):
    torch.manual_seed(0)
    model = nn.Linear(5, classes)
    x = torch.rand(30, 5)
    outputs = model(x)
    y = (outputs[:, 0] > 0).long() if classes == 1 else outputs.argmax(1)
    found = apgd(model, x, y, eps=0.9, loss=loss, steps=10, bounds=(-1.0, 2.0))
    moved = model(found)
    now = (moved[:, 0] > 0).long() if classes == 1 else moved.argmax(1)
    assert (now != y).float().mean() > 0.3


@pytest.mark.parametrize("spec", ["apgd:loss=mse", "apgd:norm=l1", "apgd:steps=0"])
def test_words_of_apgd_are_checked(judge, spec):
    with pytest.raises(ValueError, match=r"unknown|out of range|expected"):
        build(spec)(judge.model, judge.x, judge.y)
