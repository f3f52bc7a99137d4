import pytest
import torch
import torch.nn.functional as F

from cartograd.core.errors import UsageError
from cartograd.training.losses.triplet import batch_hard, triplet


@pytest.mark.oracle("triplet")
@pytest.mark.parametrize("margin", [1.0, 0.2])
def test_equals_torch_with_gradients(margin):
    points = torch.randn(3, 20, 5, dtype=torch.float64)
    ours, theirs = points.clone().requires_grad_(), points.clone().requires_grad_()
    loss = triplet(*ours, margin=margin)
    expected = F.triplet_margin_loss(*theirs, margin=margin, eps=0, reduction="none")
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-9)
    loss.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-9)


@pytest.mark.law("triplet")
def test_batch_hard_finds_the_hardest_of_all_triplets():
    points, classes = torch.randn(12, 3, dtype=torch.float64), torch.arange(12) % 4
    hardest = []
    for a in range(12):
        others = [
            triplet(points[a, None], points[p, None], points[n, None], margin=0.5).item()
            for p in range(12)
            for n in range(12)
            if p != a and classes[p] == classes[a] and classes[n] != classes[a]
        ]
        hardest.append(max(others))
    found = batch_hard(points, classes, margin=0.5)
    expected = torch.tensor(hardest, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.law("triplet")
def test_gradients_among_equal_points_are_finite():
    points = torch.zeros(4, 3, requires_grad=True)
    loss = batch_hard(points, torch.tensor([0, 0, 1, 2]))
    (gradient,) = torch.autograd.grad(loss.sum(), points)
    assert loss.tolist() == [1, 1, 1, 1]
    assert gradient.isfinite().all()


def test_a_batch_of_one_class_is_refused():
    with pytest.raises(UsageError, match="are of one class"):
        batch_hard(torch.randn(3, 2), torch.zeros(3, dtype=torch.int64))
