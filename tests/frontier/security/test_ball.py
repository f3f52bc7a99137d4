"""The ball of all attacks, and what they leave behind."""

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.column import Column
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.frontier.security.ball import Ball
from cartograd.frontier.security.ddn import ddn
from cartograd.frontier.security.pgd import pgd
from tests.frontier.security.support import share
from tests.reference import Reference

foolbox = Reference("foolbox", quiet=True)
attacks = Reference("foolbox.attacks", quiet=True)


@pytest.mark.parametrize("eps", [0.02, 0.1, 8 / 255, 0.3])
def test_no_number_moves_by_more_than_eps_not_even_by_the_last_bit(eps):
    """x + eps - x is often larger than eps: seen of foolbox and others (0.02000001)."""
    x = torch.rand(200, 50, generator=torch.Generator().manual_seed(0))
    naive = ((x + eps) - x).double().max()
    assert naive > eps
    ball = Ball(x, torch.zeros_like(x), torch.ones_like(x), eps=eps, norm="linf")
    for point in (x + 2, x - 2):
        change = (ball.project(point).double() - x.double()).abs()
        assert change.max() <= torch.tensor(eps).double()
    model = sign(nn.Linear(50, 2), Signature(
        (Port("x", "vector", (50,), bounds=(0.0, 1.0)),), (Port("y", "label", (2,)),)
    ))  # fmt: skip
    for name in ("pgd", "apgd", "fgsm"):
        found = build(f"{name}:eps={eps}", kind="attack")(model, x, torch.zeros(200).long())
        assert (found.double() - x.double()).abs().max() <= torch.tensor(eps).double()


def test_weights_get_no_gradients_as_foolbox_gives_them(judge):
    model, x, y = judge.model, judge.x[:5], judge.y[:5]
    model.zero_grad()
    pgd(model, x, y, eps=0.1, steps=2)
    ddn(model, x, y, steps=2)
    assert all(weight.grad is None for weight in model.parameters())
    reference = foolbox.PyTorchModel(model, bounds=(0, 1))
    attacks.LinfProjectedGradientDescentAttack(steps=2).run(
        reference, x, foolbox.criteria.Misclassification(y), epsilon=0.1
    )
    assert any(weight.grad is not None for weight in model.parameters())  # the trap
    model.zero_grad()


def test_more_steps_never_help_the_model_as_with_a_last_iterate(judge):
    """Foolbox returns the last point: of some example one more step undoes what there was."""
    model, x, y = judge
    reference = foolbox.PyTorchModel(model, bounds=(0, 1))
    before, undone, standing = None, 0, []
    for steps in range(1, 7):
        attack = attacks.LinfProjectedGradientDescentAttack(
            steps=steps, abs_stepsize=0.16, random_start=False
        )
        point = attack.run(reference, x, foolbox.criteria.Misclassification(y), epsilon=0.08)
        with torch.no_grad():
            fooled = model(point).argmax(1) != y
        undone += 0 if before is None else int((before & ~fooled).sum())
        before = fooled
        ours = pgd(model, x, y, eps=0.08, step_size=0.16, steps=steps, restarts=0)
        standing.append(share(model, ours, y))
    assert undone > 0  # the trap
    assert standing == sorted(standing, reverse=True)


def test_of_a_table_only_numbers_move():
    columns = (
        Column("age", indicator=True),
        Column("town", ("Bonn", "Oslo")),
        Column("income"),
    )
    port = Port("row", "table", (5,), bounds=(-3.0, 3.0), columns=columns)
    torch.manual_seed(0)
    model = sign(nn.Linear(5, 2), Signature((port,), (Port("y", "label", (2,)),)))
    x = torch.tensor([[0.5, 0, 1, 0, -0.3], [0, 1, 0, 1, 0.2]])  # of the second the age is missing
    y = model(x).argmax(1)
    model.model.weight.data.mul_(0.01)  # so that nothing falls, and all moves that can
    for name in ("pgd:eps=0.5", "apgd:eps=0.5,steps=5", "fgsm:eps=0.5", "pgd:eps=0.5,norm=l2"):
        moved = build(name, kind="attack")(model, x, y) != x
        assert moved.tolist() == [
            [True, False, False, False, True], [False, False, False, False, True]
        ]  # fmt: skip
