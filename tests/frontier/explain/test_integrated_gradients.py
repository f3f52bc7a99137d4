import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.frontier import inputs
from cartograd.frontier.explain import integrated_gradients as method
from cartograd.frontier.explain.integrated_gradients import completeness_gap, integrated_gradients
from cartograd.frontier.inputs import rows_at_once
from tests.reference import Reference

captum = Reference("captum.attr")


def convolutions(activation=nn.ReLU, k=5):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1),
        activation(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 8, 3),
        activation(),
        nn.Flatten(),
        nn.Linear(8 * 2 * 2, k),
    )


def images(b=6, dtype=torch.float64):
    return torch.rand(b, 2, 8, 8, dtype=dtype, generator=torch.Generator().manual_seed(1))


def signed(model, **port):
    pixels = Port("image", "image", (2, 8, 8), **{"bounds": (0.0, 1.0)} | port)
    return sign(model, Signature((pixels,), (Port("class", "label", (5,)),)))


@pytest.fixture
def rounded(monkeypatch):
    """Captum rounds the weights of the integral to single precision."""
    exact = method._gauss_legendre

    def like_captum(steps):
        nodes, weights = exact(steps)
        return nodes, weights.astype("float32").astype("float64")

    monkeypatch.setattr(method, "_gauss_legendre", like_captum)


def of_captum(model, x, target, *, steps, baseline=0.0):
    reference = captum.IntegratedGradients(model)
    return reference.attribute(x, baseline, target=target, n_steps=steps).detach()


@pytest.mark.oracle("integrated_gradients")
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("steps", [1, 7, 32])
def test_captum(activation, steps, rounded):
    model, x = convolutions(activation).double(), images()
    target = torch.tensor([0, 1, 2, 3, 4, 0])
    for aim in (target, 3):
        found = integrated_gradients(model, x, target=aim, steps=steps)
        expected = of_captum(model, x, aim, steps=steps)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    start = images().flip(0) / 2
    found = integrated_gradients(model, x, target=target, steps=steps, baseline=start)
    expected = of_captum(model, x, target, steps=steps, baseline=start)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.oracle("integrated_gradients")
def test_captum_in_single_precision():
    model, x = convolutions(), images(dtype=torch.float32)
    found = integrated_gradients(model, x, target=2)
    torch.testing.assert_close(found, of_captum(model, x, 2, steps=32), rtol=0, atol=1e-6)


@pytest.mark.oracle("integrated_gradients")
@pytest.mark.parametrize("name", ["lenet5", "mlp", "resnet:depth=8,width=4"])
def test_captum_on_our_models(name, rounded):
    pixels = Port("image", "image", (1, 12, 12), bounds=(0.0, 1.0), mean=(0.3,), std=(0.4,))
    signature = Signature((pixels,), (Port("class", "label", (4,)),))
    model = build(name, signature=signature).double()
    x = torch.rand(3, 1, 12, 12, dtype=torch.float64)
    found = integrated_gradients(model, x, target=1)
    expected = of_captum(model.eval(), x, 1, steps=32)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.law("integrated_gradients")
def test_completeness_of_a_smooth_network():
    model, x = convolutions(nn.Tanh).double(), images()
    attribution = integrated_gradients(model, x, target=1, steps=32)
    assert completeness_gap(model, x, attribution, target=1).abs().max() <= 1e-6
    moved = model(x)[:, 1] - model(torch.zeros_like(x))[:, 1]
    torch.testing.assert_close(attribution.flatten(1).sum(1), moved, rtol=0, atol=1e-6)


@pytest.mark.law("integrated_gradients")
def test_completeness_of_a_relu_network(judge):
    model, x, y = judge.model, judge.x[:80], judge.y[:80]
    with torch.no_grad():
        moved = (model(x) - model(torch.zeros_like(x))).gather(1, y[:, None])[:, 0].abs()

    def error(steps):
        attribution = integrated_gradients(model, x, target=y, steps=steps)
        return completeness_gap(model, x, attribution, target=y).abs() / moved

    fine = error(300)
    assert fine.median() <= 2e-3
    assert fine.max() <= 5e-2
    assert fine.median() < error(75).median() < error(18).median()


class Functional(nn.Module):
    """The same function as `convolutions()`, written in another way."""

    def __init__(self, twin):
        super().__init__()
        self.twin = twin

    def forward(self, x):
        first, second, last = self.twin[0], self.twin[3], self.twin[6]
        x = F.conv2d(x, first.weight, first.bias, padding=1).clamp(min=0)
        x = F.conv2d(F.avg_pool2d(x, 2), second.weight, second.bias)
        return (x * (x > 0)).flatten(1) @ last.weight.T + last.bias


@pytest.mark.law("integrated_gradients")
def test_implementation_invariance():
    model, x = convolutions().double(), images()
    torch.testing.assert_close(
        integrated_gradients(Functional(model), x, target=1),
        integrated_gradients(model, x, target=1),
        rtol=0,
        atol=1e-12,
    )


class Mix(nn.Module):
    def __init__(self, one, two):
        super().__init__()
        self.one, self.two = one, two

    def forward(self, x):
        return 2 * self.one(x) - 3 * self.two(x)


@pytest.mark.law("integrated_gradients")
def test_linearity():
    one, two, x = convolutions().double(), Functional(convolutions(nn.Tanh)).double(), images()
    whole = integrated_gradients(Mix(one, two), x, target=4)
    parts = [integrated_gradients(model, x, target=4) for model in (one, two)]
    torch.testing.assert_close(whole, 2 * parts[0] - 3 * parts[1], rtol=0, atol=1e-12)


@pytest.mark.law("integrated_gradients")
def test_an_input_that_is_not_used_gets_nothing():
    model, x = convolutions().double(), images()
    model[0].weight.data[:, 1] = 0
    attribution = integrated_gradients(model, x, target=0)
    assert not attribution[:, 1].any()
    assert attribution[:, 0].abs().max() > 1e-3
    start = x.clone()
    start[:, :, 0] = 0
    moved = integrated_gradients(model, x, target=0, baseline=start)
    assert not moved[:, :, 1:].any()


@pytest.mark.law("integrated_gradients")
def test_a_linear_model_in_one_step():
    model, x = nn.Linear(4, 3).double(), torch.randn(5, 4, dtype=torch.float64)
    found = integrated_gradients(model, x, target=2, steps=1, baseline=0.5)
    torch.testing.assert_close(found, (x - 0.5) * model.weight[2], rtol=0, atol=1e-14)


@pytest.mark.parametrize("batch_size", [1, 5, 6, 7, 64, 10_000])
def test_portions_do_not_matter(batch_size):
    model, x = convolutions().double(), images()
    torch.testing.assert_close(
        integrated_gradients(model, x, target=0, batch_size=batch_size),
        integrated_gradients(model, x, target=0),
        rtol=0,
        atol=1e-14,
    )


def test_no_more_rows_at_once_than_asked_for():
    seen = []
    model = convolutions()
    model.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    integrated_gradients(model, images(20, torch.float32), target=0, batch_size=16)
    assert max(seen) <= 16
    assert rows_at_once(torch.zeros(1, 3, 224, 224)) == 8
    assert rows_at_once(torch.zeros(1, 64)) == 256


def test_baselines_in_the_units_of_the_port():
    model, x = convolutions().double(), images()
    low = signed(model, bounds=(-1.0, 1.0), mean=(0.2, 0.3), std=(0.5, 0.6))
    for name, value in (("low", -1.0), ("mean", torch.tensor([0.2, 0.3]).reshape(1, 2, 1, 1))):
        torch.testing.assert_close(
            integrated_gradients(low.double(), x, target=0, baseline=name),
            integrated_gradients(low.double(), x, target=0, baseline=value),
            rtol=0,
            atol=1e-12,
        )
    one = images(1)[0]
    assert torch.equal(
        integrated_gradients(model, x, target=0, baseline=one),
        integrated_gradients(model, x, target=0, baseline=one.expand_as(x)),
    )


def test_the_highest_output_unless_told_otherwise():
    model, x = convolutions().double(), images()
    best = model(x).argmax(1)
    assert torch.equal(integrated_gradients(model, x), integrated_gradients(model, x, target=best))
    gap = completeness_gap(model, x, integrated_gradients(model, x))
    assert torch.equal(
        gap, completeness_gap(model, x, integrated_gradients(model, x, target=best), target=best)
    )


class Row(nn.Module):
    def forward(self, x):
        return x.square().sum(1)


def test_a_model_of_one_number():
    x = torch.rand(4, 3, dtype=torch.float64)
    torch.testing.assert_close(integrated_gradients(Row(), x), x.square(), rtol=0, atol=1e-12)


def test_the_model_is_left_as_it_is_wherever_it_is_called():
    model, x = signed(convolutions()), images(dtype=torch.float32)
    model.train()
    model.model[2].eval()
    model.model[0].weight.requires_grad_(False)
    expected = integrated_gradients(model, x, target=0)
    modes = [module.training for module in model.modules()]
    assert modes.count(False) == 1
    assert all(parameter.grad is None for parameter in model.parameters())
    assert [p.requires_grad for p in model.parameters()].count(False) == 1
    assert not expected.requires_grad
    with torch.no_grad():
        assert torch.equal(integrated_gradients(model, x, target=0), expected)
    with torch.inference_mode():
        assert torch.equal(integrated_gradients(model, x.clone(), target=0), expected)
        assert torch.equal(integrated_gradients(model, x.clone()), integrated_gradients(model, x))
    needing = x.clone().requires_grad_()
    assert torch.equal(integrated_gradients(model, needing, target=0), expected)
    assert needing.grad is None


@pytest.mark.compile  # where no hook refuses the types before we do
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": 5}, "reach from 5 to 5, but the model has 5 outputs"),
        ({"target": -1}, "expected 0 to 4"),
        ({"target": torch.tensor([0, 1])}, "a whole number for each of the 6 examples"),
        ({"baseline": "lwo"}, "did you mean 'low'"),
        ({"baseline": "mean"}, "whose input port has a mean"),
        ({"baseline": torch.zeros(3, 3)}, r"the baseline is of shape \(3, 3\)"),
    ],
)
def test_what_cannot_be_explained_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        build("integrated_gradients:steps=2")(convolutions().double(), images(), **options)


@pytest.mark.compile
def test_inputs_without_gradient_are_refused():
    with pytest.raises(UsageError, match="only real numbers have a gradient"):
        build("integrated_gradients")(nn.Identity(), torch.tensor([[0, 1]]))
    with pytest.raises(UsageError, match="no examples"):
        integrated_gradients(convolutions(), images(0, torch.float32), target=0)
    with pytest.raises(UsageError, match="expected a row of numbers for each"):
        integrated_gradients(nn.Identity(), images(2), target=0)
    ports = (Port("a", "vector", (2,)), Port("b", "vector", (2,)))
    two = sign(nn.Bilinear(2, 2, 1), Signature(ports, (Port("y", "value", (1,)),)))
    with pytest.raises(UsageError, match=r"several inputs \(a, b\)"):
        integrated_gradients(two, torch.zeros(1, 2), target=0)
    with pytest.raises(UsageError, match="out of range"):
        build("integrated_gradients:steps=0")


@pytest.mark.law("integrated_gradients")
def test_steps_are_as_many_as_a_stated_error_needs(monkeypatch):
    model, x = convolutions().double(), images()
    target = model(x).argmax(1)
    change = (
        model(x).gather(1, target[:, None])[:, 0] - model(0 * x).gather(1, target[:, None])[:, 0]
    )

    def off(attribution):
        return (completeness_gap(model, x, attribution, target=target) / change).abs()

    few = integrated_gradients(model, x, target=target, steps=2)
    assert off(few).max() > 0.03
    found = integrated_gradients(model, x, target=target, steps=2, error=0.03)
    assert off(found).max() <= 0.03
    near = off(few) <= 0.03
    assert torch.equal(found[near], few[near])
    monkeypatch.setattr(method, "MOST", 4)
    with pytest.warns(UserWarning, match="are further than error=1e-12 from the answer's change"):
        integrated_gradients(model, x, target=target, steps=3, error=1e-12)


@pytest.mark.parametrize(("device", "asked"), [("cpu", 1), ("meta", 0)])
def test_memory_is_kept_where_a_processor_computes(monkeypatch, device, asked):
    calls = []
    monkeypatch.setattr(inputs, "keep_freed_memory", lambda: calls.append(device))
    with inputs.with_gradients(nn.Linear(2, 2, device=device)):
        assert len(calls) == asked
