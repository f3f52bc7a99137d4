"""The objective of forecasts: its loss, what makes it least, and what it refuses."""

import pytest
import torch
from sklearn.metrics import mean_pinball_loss
from torch import nn

from cartograd.core.calibrated import Calibrating
from cartograd.core.errors import UsageError
from cartograd.training.objectives.forecast import Forecast


class Constant(nn.Module):
    """The same three numbers whatever is asked."""

    def __init__(self):
        super().__init__()
        self.ends = nn.Parameter(torch.tensor([0.0, 1.0, 2.0]))

    def forward(self, x):
        return self.ends.expand(len(x), 2, 3)


def batch(n=40, unit=1.0):
    draw = torch.Generator().manual_seed(0)
    right = torch.randn(n, 2, generator=draw).exp() * unit
    targets = torch.stack([right, right, torch.full_like(right, 0.7 * unit)], 2)
    return torch.zeros(n, 1, 3), targets


@pytest.mark.oracle("forecast")
def test_the_loss_is_scikit_learns_over_the_unit():
    x, targets = batch()
    loss = next(Forecast(model=Constant()).losses((x, targets))).value.mean().item()
    right = targets[:, :, 0].flatten().numpy()
    each = [
        mean_pinball_loss(right, [end] * len(right), alpha=p)
        for end, p in zip((0.0, 1.0, 2.0), (0.1, 0.5, 0.9), strict=True)
    ]
    assert loss == pytest.approx(2 * sum(each) / 3 / 0.7, rel=1e-6)


@pytest.mark.law("forecast")
def test_the_best_constants_are_the_quantiles_in_any_unit():
    ends = []
    for unit in (1.0, 50.0):
        objective, data = Forecast(model=Constant()), batch(400, unit)
        with torch.no_grad():
            objective.model.ends.mul_(unit)
        optimizer = torch.optim.SGD(objective.parameters(), lr=0.05 * unit**2)
        for step in range(300):
            optimizer.param_groups[0]["lr"] = 0.5 * unit**2 * (1 - step / 300)
            optimizer.zero_grad()
            next(objective.losses(data)).value.mean().backward()
            optimizer.step()
        ends.append(objective.model.ends.detach() / unit)
        found = data[1][:, :, 0].flatten().quantile(torch.tensor([0.1, 0.5, 0.9]))
        torch.testing.assert_close(ends[-1], found / unit, rtol=0.05, atol=0.05)
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-3, atol=1e-3)


def test_the_absolute_error_teaches_the_middle_alone():
    x, targets = batch()
    objective = Forecast(model=Constant(), loss="absolute-error")
    value = next(objective.losses((x, targets))).value
    value.mean().backward()
    slopes = objective.model.ends.grad
    assert slopes[1] != 0
    assert slopes[[0, 2]].tolist() == [0, 0]
    expected = 2 * 0.5 * (targets[:, :, 0] - 1).abs() / 0.7
    torch.testing.assert_close(value.detach(), expected.mean(1))


def test_it_ends_with_a_calibration_and_leaves_other_models_alone():
    objective = Forecast(model=Constant())
    assert isinstance(objective, Calibrating)
    x, targets = batch()
    objective.calibrate(objective.model(x).detach(), targets)
    assert objective.model.ends.tolist() == [0, 1, 2]


def test_other_answers_are_refused():
    with pytest.raises(UsageError, match=r"with shape \(40, 3\); a forecast is \(40, 2, 3\)"):
        next(Forecast(model=nn.Flatten()).losses(batch()))
