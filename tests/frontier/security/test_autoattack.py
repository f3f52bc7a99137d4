import pytest

from cartograd.frontier.security.apgd import apgd
from cartograd.frontier.security.autoattack import autoattack
from cartograd.frontier.security.fab import fab
from cartograd.frontier.security.fgsm import fgsm
from cartograd.frontier.security.pgd import pgd
from cartograd.frontier.security.square import square
from tests.frontier.security.support import right, share, size


@pytest.mark.law("autoattack")
def test_the_chain_of_attacks(judge):
    """AutoAttack <= APGD <= PGD <= FGSM <= clean, per example within the members."""
    model, x, y = judge.model, judge.x[:60], judge.y[:60]
    eps = 0.08
    whole = autoattack(model, x, y, eps=eps, steps=15, queries=60)
    chain = [
        share(model, point, y)
        for point in (
            whole, apgd(model, x, y, eps=eps, steps=15), pgd(model, x, y, eps=eps, steps=15),
            fgsm(model, x, y, eps=eps), x,
        )
    ]  # fmt: skip
    assert all(chain[at] <= chain[at + 1] + 0.01 for at in range(4))
    assert chain[0] < chain[3] < chain[4]
    assert size(whole - x, "linf").max() <= eps + 1e-6
    assert whole.min() >= 0
    assert whole.max() <= 1
    stands = right(model, whole, y)
    near = fab(model, x[stands], y[stands], steps=15)
    assert (size(near - x[stands], "linf") > eps).all()
    assert right(model, apgd(model, x, y, eps=eps, steps=15), y)[stands].all()
    asked = square(model, x[stands], y[stands], eps=eps, queries=60)
    assert right(model, asked, y[stands]).float().mean() > 0.98


@pytest.mark.law("autoattack")
def test_the_chain_of_attacks_in_l2(judge):
    model, x, y = judge.model, judge.x[:16], judge.y[:16]
    whole = autoattack(model, x, y, eps=0.5, norm="l2", steps=10, queries=30)
    single = pgd(model, x, y, eps=0.5, norm="l2", steps=15)
    assert size(whole - x, "l2").max() <= 0.5 + 1e-6
    assert share(model, whole, y) <= share(model, single, y) <= share(model, x, y) - 0.2
