import pytest
import torch

from cartograd.training.optimizers import proximal
from tests.reference import Reference

linear_model = Reference("sklearn.linear_model")


@pytest.mark.oracle("proximal")
def test_ends_at_the_lasso():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(80, 12, dtype=torch.float64, generator=draw)
    truth = torch.zeros(12, dtype=torch.float64)
    truth[:3] = torch.tensor([2.0, -1.0, 0.5])
    y = x @ truth + 0.3 * torch.randn(80, dtype=torch.float64, generator=draw)
    theirs = linear_model.Lasso(alpha=0.1, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(
        x, y
    )
    weight = torch.zeros(1, 12, dtype=torch.float64)
    for _ in range(3000):
        gradient = (weight @ x.T - y) @ x / len(x)
        weight, _ = proximal.update(weight, gradient, {}, lr=0.3, weight=0.1)
    expected = torch.from_numpy(theirs.coef_)
    torch.testing.assert_close(weight[0], expected, rtol=0, atol=1e-8)
    assert torch.equal(weight[0] == 0, expected == 0)
    assert 0 < (expected == 0).sum() < 12


def test_biases_have_no_price():
    bias, _ = proximal.update(torch.tensor([0.01]), torch.zeros(1), {}, lr=1.0, weight=1.0)
    assert bias.item() == pytest.approx(0.01)
