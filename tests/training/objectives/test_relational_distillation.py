"""Relational distillation: distances and angles written out, and nothing else counts."""

import math

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.training.objectives.relational_distillation import (
    RelationalDistillation,
    angles,
    distances,
)


def network(width=5):
    return nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 2))


def taught():
    def batch(n):
        generator = torch.Generator().manual_seed(1)
        return torch.randn(n, 3, generator=generator), torch.arange(n) % 2

    return network, batch, {"teacher": network(9)}


def huber(a, b):
    return (a - b) ** 2 / 2 if abs(a - b) < 1 else abs(a - b) - 0.5


@pytest.mark.law("relational-distillation")
def test_it_is_distances_and_angles_written_out():
    torch.manual_seed(0)
    student, teacher = network(4).double(), network(6).double()
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.arange(5) % 2
    own = RelationalDistillation(model=student, teacher=teacher, distance_weight=2, angle_weight=3)
    found = next(own.losses((x, y))).value
    vectors = [net[:2](x).tolist() for net in (student, teacher)]
    far = []
    for rows in vectors:
        apart = [[math.dist(a, b) for b in rows] for a in rows]
        mean = sum(map(sum, apart)) / 20
        far.append([[one / mean for one in row] for row in apart])
    off = sum(huber(far[0][i][j], far[1][i][j]) for i in range(5) for j in range(5)) / 25

    def cosine(rows, i, j, k):
        one, two = ([p - q for p, q in zip(rows[n], rows[j], strict=True)] for n in (i, k))
        size = math.hypot(*one) * math.hypot(*two)
        return sum(p * q for p, q in zip(one, two, strict=True)) / size if size else 0.0

    turned = sum(
        huber(*(cosine(rows, i, j, k) for rows in vectors))
        for i in range(5) for j in range(5) for k in range(5)
    ) / 125  # fmt: skip
    labels = nn.functional.cross_entropy(student(x), y, reduction="none")
    torch.testing.assert_close(found, labels + 2 * off + 3 * turned, rtol=0, atol=1e-10)
    assert torch.autograd.grad(found.sum(), student[0].weight)[0].isfinite().all()


@pytest.mark.law("relational-distillation")
def test_what_is_turned_moved_and_scaled_together_lies_the_same():
    torch.manual_seed(0)
    f = torch.randn(6, 4, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    g = 3 * f @ turn + torch.arange(4)
    for relation in (distances, angles):
        torch.testing.assert_close(relation(f), relation(g), rtol=0, atol=1e-9)
        assert not torch.allclose(relation(f), relation(f**3), atol=0.1)
    assert distances(f[:1].expand(3, -1)).tolist() == [[0.0] * 3] * 3


@pytest.mark.law("relational-distillation")
def test_examples_come_to_lie_as_they_do_for_the_teacher():
    def off(weight):
        torch.manual_seed(0)
        student, teacher = network(6), network(12)
        x = torch.randn(24, 3)
        own = RelationalDistillation(
            model=student, teacher=teacher, distance_weight=weight, angle_weight=weight
        )
        learn = torch.optim.Adam(student.parameters(), 0.02)
        for _ in range(60):
            learn.zero_grad()
            next(own.losses((x, (x[:, 0] > 0).long()))).value.mean().backward()
            learn.step()
        with torch.no_grad():
            return (distances(student[:2](x)) - distances(teacher[:2](x))).abs().mean().item()

    assert off(25.0) < 0.5 * off(0.0)


def test_layers_are_found_or_named():
    conv = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())
    with pytest.raises(UsageError, match="the student has no linear layer"):
        RelationalDistillation(model=conv, teacher=conv)
    with pytest.raises(UsageError, match=r"layer of the teacher '9'"):
        RelationalDistillation(model=network(), teacher=network(), teacher_layer="9")
