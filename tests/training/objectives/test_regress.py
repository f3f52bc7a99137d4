import pytest
import torch

from cartograd.core.build import build
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.foundations.neuron import Neuron
from cartograd.training.losses.huber import huber
from cartograd.training.objectives.regress import Regress
from tests.reference import Reference

linear_model = Reference("sklearn.linear_model")


def data():
    x = torch.randn(50, 3, dtype=torch.float64)
    return x, (x @ torch.tensor([[3.0], [-1.0], [0.5]], dtype=torch.float64) + 2).sin()


def signed(unit, *, mean, std):
    ports = Port("row", "vector", (3,)), Port("price", "value", (1,), mean=(mean,), std=(std,))
    return Signed(unit, Signature(ports[:1], ports[1:])).double()


@pytest.mark.oracle("regress")
def test_minimum_is_scikit_learns():
    x, y = data()
    fitted = linear_model.LinearRegression().fit(x.numpy(), y[:, 0].numpy())
    unit = Neuron(features=3, classes=1).double()
    unit.load_state_dict(
        {"weight": torch.tensor(fitted.coef_), "bias": torch.tensor(fitted.intercept_)}
    )
    next(Regress(model=unit).losses((x, y))).value.mean().backward()
    for weight in unit.parameters():
        torch.testing.assert_close(weight.grad, torch.zeros_like(weight), rtol=0, atol=1e-10)


@pytest.mark.law("regress")
def test_the_targets_unit_does_not_matter():
    x, y = data()
    unit = Neuron(features=3, classes=1).double()
    found = []
    for scale, shift in ((1.0, 0.0), (1000.0, 5.0)):  # metres, or millimetres from elsewhere
        model = signed(unit, mean=0.5 * scale + shift, std=2.0 * scale)
        unit.zero_grad()
        (loss,) = Regress(model=model).double().losses((x, scale * y + shift))
        loss.value.mean().backward()
        found.append((loss.value.detach(), unit.weight.grad.clone()))
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-12)


def test_an_unsigned_model_is_judged_in_the_targets_unit():
    x, y = data()
    unit = Neuron(features=3, classes=1).double()
    (loss,) = Regress(model=unit).double().losses((x, y))
    torch.testing.assert_close(loss.value, (unit(x) - y)[:, 0].square(), rtol=0, atol=1e-12)


def test_the_unit_moves_with_the_objective_and_is_not_saved():
    objective = Regress(model=signed(Neuron(features=3, classes=1), mean=0.0, std=2.0))
    assert objective.double().unit.dtype == torch.float64
    assert all(name.startswith("model.") for name in objective.state_dict())


def test_lowers_another_loss_by_name():
    x, y = data()
    model = signed(Neuron(features=3, classes=1), mean=0.0, std=2.0)
    (loss,) = build("regress:loss=huber:delta=0.1", model=model).double().losses((x, y))
    expected = huber(model(x) / 2, y / 2, delta=0.1)
    torch.testing.assert_close(loss.value, expected, rtol=0, atol=1e-12)
