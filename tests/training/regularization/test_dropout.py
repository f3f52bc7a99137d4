import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cartograd as cg
from cartograd.architectures.mlp import MLP
from cartograd.core.errors import UsageError
from cartograd.training.regularization.dropout import MANY, Dropout, monte_carlo, thinned


@pytest.mark.oracle("dropout")
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_equals_torch_from_the_same_seed(p):
    x = torch.randn(50, 4, dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.manual_seed(3)
    y = Dropout(dropout=p)(ours)
    torch.manual_seed(3)
    expected = F.dropout(theirs, p)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-10)
    y.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.law("dropout")
def test_the_expectation_is_the_input():
    y = Dropout(dropout=0.3)(torch.ones(200_000))
    assert y.mean().item() == pytest.approx(1, abs=0.01)
    assert (y == 0).double().mean().item() == pytest.approx(0.3, abs=0.01)


@pytest.mark.law("dropout")
@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.9])
def test_many_are_dropped_independently_each_as_often_as_asked(p):
    draws = torch.stack([thinned(torch.ones(MANY + 3), p) == 0 for _ in range(200)]).double()
    spread = (p * (1 - p)) ** 0.5
    for part in range(4):  # the place in the word that a number's bits are cut from
        share = draws[:, part::4].mean().item()
        assert share == pytest.approx(p, abs=5 * spread / draws[:, part::4].numel() ** 0.5)
    spectrum = torch.fft.fft((draws - p) / spread, dim=1).abs().square().mean(0)
    together = torch.fft.ifft(spectrum).real / draws.shape[1]  # of any two, by how far apart
    assert together[0].item() == pytest.approx(1, abs=0.1)
    assert together[1:].abs().max().item() < 8 / draws.numel() ** 0.5


@pytest.mark.law("dropout")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_gradient_of_many_is_their_mask(dtype):
    x = torch.randn(3, MANY, dtype=dtype).transpose(0, 1).requires_grad_()
    y = thinned(x, 0.25)
    y.sum().backward()
    assert y.dtype == dtype
    assert y.shape == x.shape
    assert torch.equal(y, x * x.grad)
    assert set(x.grad.unique().tolist()) == {0, torch.tensor(4 / 3, dtype=dtype).item()}


def test_everything_or_almost_nothing_is_dropped():
    x = torch.randn(2 * MANY)
    assert not thinned(x, 1.0).any()
    assert torch.equal(thinned(x, 0.0), x)
    torch.testing.assert_close(thinned(x, 1e-9), x)


@pytest.mark.law("dropout")
def test_nothing_is_dropped_in_evaluation():
    x = torch.randn(9)
    assert torch.equal(Dropout(dropout=0.9).eval()(x), x)
    assert torch.equal(Dropout(dropout=0.0)(x), x)


@pytest.mark.law("dropout")
def test_monte_carlo_of_a_linear_model_is_as_computed():
    model = nn.Sequential(Dropout(dropout=0.25), nn.Linear(3, 1)).double().eval()
    x = torch.randn(4, 3, dtype=torch.float64)
    mean, variance = monte_carlo(model, x, draws=20_000)
    weight = model[1].weight.detach()[0]
    expected = (weight * x).square().sum(1, keepdim=True) * 0.25 / 0.75
    torch.testing.assert_close(mean, model[1](x).detach(), rtol=0, atol=0.05)
    torch.testing.assert_close(variance, expected, rtol=0.05, atol=0)


@pytest.mark.law("dropout")
def test_unsure_far_from_the_data():
    x = torch.linspace(-1, 1, 64)[:, None]
    model = MLP(features=1, classes=1, widths=(64, 64), dropout=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(300):
        optimizer.zero_grad()
        (model(x) - (3 * x).sin()).square().mean().backward()
        optimizer.step()
    _, variance = monte_carlo(model, torch.tensor([[0.0], [4.0]]))
    assert variance[1] > 5 * variance[0]


@pytest.mark.law("dropout")
def test_transformers_are_unsure_by_their_own_dropout():
    model = cg.build("vit:dim=16,heads=2,depth=2,dropout=0.2", channels=1, size=8, classes=3)
    x = torch.randn(2, 1, 8, 8)
    _, variance = monte_carlo(model, x)
    assert (variance > 0).all()
    assert torch.equal(model.eval()(x), model(x))


def test_monte_carlo_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    model[1].eval()
    before = model[0].running_mean.clone()
    monte_carlo(model, torch.randn(8, 3))
    assert (model.training, model[0].training, model[1].training) == (True, True, False)
    assert torch.equal(model[0].running_mean, before)


def test_monte_carlo_refuses_what_cannot_vary():
    for model in (nn.Linear(2, 2), nn.Dropout(0.0), Dropout(dropout=0.0)):
        with pytest.raises(UsageError, match="drops nothing"):
            monte_carlo(model, torch.ones(1, 2))
    with pytest.raises(UsageError, match="at least two passes"):
        monte_carlo(Dropout(), torch.ones(1, 2), draws=1)
