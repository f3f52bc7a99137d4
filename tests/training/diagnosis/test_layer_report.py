import copy

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.diagnosis.layer_report import layer_report
from tests.conformance.support import global_state_untouched, untouched
from tests.engine.toys import mlp, quadrants


def orthogonal(depth, gain, width=6):
    layers = [nn.Linear(width, width, bias=False, dtype=torch.float64) for _ in range(depth)]
    for layer in layers:
        layer.weight.data = gain * nn.init.orthogonal_(
            torch.empty(width, width, dtype=torch.float64)
        )
    return nn.Sequential(*layers)


@pytest.mark.law("layer-report")
@pytest.mark.parametrize(
    ("gain", "finding"), [(1.0, []), (0.2, ["vanishing gradient"]), (5.0, ["exploding gradient"])]
)
def test_gradients_through_orthogonal_layers(gain, finding):
    depth, x = 8, torch.randn(5, 6, dtype=torch.float64)
    report = layer_report(orthogonal(depth, gain), (x,), optimizers="sgd:lr=0")
    gradients = [layer.gradient for layer in report.layers]
    expected = [gradients[-1] * gain ** (depth - 1 - i) for i in range(depth)]
    assert gradients == pytest.approx(expected, rel=1e-10)
    spread = [layer.std**2 + layer.mean**2 for layer in report.layers]
    assert spread == pytest.approx(
        [x.square().mean().item() * gain ** (2 * i + 2) for i in range(depth)], rel=1e-10
    )
    assert [found.name for found in report.findings if "gradient" in found.name] == finding


@pytest.mark.law("layer-report")
def test_a_plain_step_moves_weights_by_rate_times_gradient():
    model, (x, y) = mlp(2, 8, 2).double(), quadrants(40)
    report = layer_report(build("classify", model=model), (x.double(), y), optimizers="sgd:lr=0.3")
    loss = nn.functional.cross_entropy(model(x.double()), y)
    loss.backward()
    assert report.loss == pytest.approx(loss.item(), rel=1e-12)
    for layer, name in ((report.layers[0], "0"), (report.layers[3], "3")):
        weight = model.get_submodule(name).weight
        assert layer.name == name
        assert layer.update == pytest.approx(
            (0.3 * weight.grad.norm() / weight.norm()).item(), rel=1e-10
        )
        both = [p.grad.norm().item() for p in model.get_submodule(name).parameters()]
        assert layer.weight_gradient == pytest.approx(sum(g**2 for g in both) ** 0.5, rel=1e-10)


def test_the_gradient_is_that_of_an_examples_own_loss():
    model, (x, y) = mlp(2, 8, 2), quadrants(16)
    report = layer_report(build("classify", model=model), (x, y))
    hidden = model[0](x).detach().requires_grad_()
    nn.functional.cross_entropy(model[3](model[1](hidden)), y, reduction="sum").backward()
    expected = hidden.grad.square().sum(1).mean().sqrt().item()
    assert report.layers[0].gradient == pytest.approx(expected, rel=1e-5)
    twice = layer_report(build("classify", model=model), (x.repeat(2, 1), y.repeat(2)))
    assert twice.layers[0].gradient == pytest.approx(expected, rel=1e-5)


def test_a_deep_sigmoid_network_vanishes_and_a_relu_one_does_not():
    x = torch.randn(32, 10)

    def deep(activation):
        parts = [part for _ in range(10) for part in (nn.Linear(10, 10), activation())]
        for part in parts[::2]:
            nn.init.kaiming_normal_(part.weight)
            nn.init.zeros_(part.bias)
        return nn.Sequential(*parts)

    assert "vanishing gradient" in [f.name for f in layer_report(deep(nn.Sigmoid), (x,)).findings]
    assert not layer_report(deep(nn.ReLU), (x,)).findings


def test_dead_and_flat_units_are_told():
    model = mlp(2, 8, 2)
    model[0].bias.data[:6] = -1e3
    report = layer_report(model, (torch.randn(20, 2),))
    relu = next(layer for layer in report.layers if layer.kind == "ReLU")
    assert relu.dead == pytest.approx(6 / 8)
    assert relu.flat >= relu.dead
    assert relu.zeros >= 6 / 8
    assert "dead units" in [found.name for found in report.findings]
    wide = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    wide[0].weight.data *= 1e3
    found = layer_report(wide, (torch.randn(20, 2),))
    assert found.layers[1].flat > 0.9
    assert "flat units" in [item.name for item in found.findings]


def test_numbers_that_are_not_finite_are_told_with_the_first_layer():
    model = mlp(2, 4, 2)
    model[0].weight.data[0] = torch.nan
    (found,) = layer_report(model, (torch.randn(4, 2),)).findings
    assert found.name == "not finite"
    assert "of 0 " in found.evidence


@pytest.mark.parametrize(
    ("optimizer", "finding"), [("sgd:lr=1e-9", "small steps"), ("adamw:lr=1", "large steps")]
)
def test_steps_out_of_proportion_are_told(optimizer, finding):
    x, y = quadrants(40)
    report = layer_report(build("classify", model=mlp(2, 8, 2)), (x, y), optimizers=optimizer)
    assert finding in [found.name for found in report.findings]


def test_any_module_recurrent_shared_and_in_place():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(3, 4, batch_first=True)
            self.act = nn.ReLU(inplace=True)
            self.scale = nn.Parameter(torch.ones(4))
            self.out = nn.Linear(4, 2)

        def forward(self, x):
            h = self.act(self.lstm(x)[0] * self.scale)
            return self.out(self.act(h + 1).mean(1))

    report = layer_report(Odd(), (torch.randn(5, 7, 3),))
    assert [layer.name for layer in report.layers] == ["lstm", "act", "out", ""]
    assert all(layer.gradient for layer in report.layers if layer.name)


def test_two_players_have_their_names():
    class Game(nn.Module):
        def __init__(self):
            super().__init__()
            self.players = {
                "a": nn.Sequential(nn.Linear(2, 2)),
                "b": nn.Sequential(nn.Linear(2, 1)),
            }

        def losses(self, batch):
            from cartograd.core.protocols import Loss

            yield Loss(self.players["a"](*batch).square().sum(1), "a")
            yield Loss(self.players["b"](self.players["a"](*batch).detach()).square().sum(1), "b")

    report = layer_report(Game(), (torch.randn(4, 2),))
    assert {layer.name for layer in report.layers} == {"a.0", "b.0"}


def test_nothing_is_left_behind():
    x, y = quadrants(16)
    model = nn.Sequential(
        nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.ReLU(), nn.Linear(4, 2)
    )
    model[0].weight.grad = torch.ones(4, 2)
    model.eval()
    with untouched(model), global_state_untouched():
        layer_report(build("classify", model=model), (x, y))


def test_what_cannot_be_reported_is_refused():
    with pytest.raises(UsageError, match="cannot be copied"):
        layer_report(Uncopied(), (torch.ones(2, 2),))
    with pytest.raises(UsageError, match="no parameters that require a gradient"):
        layer_report(nn.ReLU(), (torch.ones(2, 2),))


class Uncopied(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.result = self.inner(torch.ones(1, 2))

    def forward(self, x):
        return copy.copy(self.inner(x))
