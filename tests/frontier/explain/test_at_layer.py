"""Attributions of a hidden layer and of a neuron: captum's layer and neuron methods, and laws."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.verbs.explain_target import unit_of
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.at_layer import AtLayer
from cartograd.frontier.explain.deconvnet import deconvnet
from cartograd.frontier.explain.deep_lift import deep_lift
from cartograd.frontier.explain.gradient_shap import gradient_shap
from cartograd.frontier.explain.guided_backprop import guided_backprop
from cartograd.frontier.explain.input_x_gradient import input_x_gradient
from cartograd.frontier.explain.integrated_gradients import integrated_gradients
from cartograd.frontier.explain.lrp import lrp
from cartograd.frontier.explain.one_number import Units
from cartograd.frontier.explain.saliency import saliency
from cartograd.frontier.explain.smoothgrad import smoothgrad
from tests.frontier.explain.test_gradients import TARGET, net, pictures
from tests.reference import Reference

captum = Reference("captum.attr")


class Around(nn.Module):
    """A network with a way around its layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.inner, self.last = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        h = self.first(x).tanh()
        return self.last(h + self.inner(h).tanh())


@pytest.mark.oracle("integrated_gradients", "input-x-gradient", "deep-lift")
@pytest.mark.filterwarnings("ignore")
def test_attributions_of_a_layer_are_captums():
    model, x, origin = net(), pictures(), pictures(2)
    for name in ("0", "3"):
        layer, at = model.get_submodule(name), AtLayer(model, name)
        expected = captum.LayerIntegratedGradients(model, layer).attribute(
            x, origin, target=TARGET, n_steps=8
        )
        found = integrated_gradients(at, x, target=TARGET, baseline=origin, steps=8)
        assert found.abs().max() > 1e-3
        torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-7)  # its weights
        expected = captum.LayerGradientXActivation(model, layer).attribute(x, target=TARGET)
        found = input_x_gradient(at, x, target=TARGET)
        torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-10)
        expected = captum.LayerDeepLift(model, layer).attribute(x, origin, target=TARGET)
        found = deep_lift(at, x, target=TARGET, baseline=origin)
        torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-10)
    plain = captum.InputXGradient(model).attribute(x.clone().requires_grad_(), target=TARGET)
    torch.testing.assert_close(
        input_x_gradient(model, x, target=TARGET), plain.detach(), rtol=0, atol=1e-10
    )


@pytest.mark.oracle("integrated_gradients", "input-x-gradient")
def test_attributions_of_a_neuron_are_captums(modest):
    model, x = modest.model, modest.x[:3]
    layer, place = model.model[3], (5, 1, 2)
    slope = captum.NeuronGradient(model, layer).attribute(x.clone().requires_grad_(), place)
    units = Units(model, "3", each=True)
    number = unit_of(units, x, "5,1,2")
    found = input_x_gradient(units, x, target=number)
    torch.testing.assert_close(found, (slope * x).detach(), rtol=0, atol=1e-10)
    expected = captum.NeuronIntegratedGradients(model, layer).attribute(x, place, n_steps=8)
    found = integrated_gradients(units, x, target=number, steps=8)
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-7)
    said = cg.explain(model, x, layer="3", target="5,1,2", method="integrated_gradients:steps=8")
    torch.testing.assert_close(said, found.float(), rtol=1e-4, atol=1e-6)
    for wrong in ("5,1", "5,1,4", "5,1,x"):
        with pytest.raises(UsageError, match=r"expected places 0..31 x 0..3 x 0..3"):
            cg.explain(model, x, layer="3", target=wrong)


@pytest.mark.law("integrated_gradients", "deep-lift")
def test_contributions_of_a_layer_add_up_to_what_it_changes():
    model = Around().double().eval()
    x, origin = torch.randn(2, 3, 4).double()
    told = {"target": TARGET, "baseline": origin}
    with torch.no_grad():
        h = model.first(x).tanh()
        other = model.inner(model.first(origin).tanh())
        without = model.last(h + other.tanh()).gather(1, TARGET[:, None])[:, 0]
        whole = model(x).gather(1, TARGET[:, None])[:, 0]
    for found in (integrated_gradients(AtLayer(model, "inner"), x, **told),
                  deep_lift(AtLayer(model, "inner"), x, **told)):  # fmt: skip
        torch.testing.assert_close(found.sum(1), whole - without, rtol=0, atol=1e-8)
    assert not any(part._forward_hooks for part in model.modules())


@pytest.mark.law("input-x-gradient", "lrp", "gradient-shap", "guided-backprop", "deconvnet")
@pytest.mark.parametrize("explain", [
    saliency, input_x_gradient, integrated_gradients, deep_lift, lrp, gradient_shap,
    guided_backprop, deconvnet,
])  # fmt: skip
def test_a_layer_that_gives_the_input_has_the_inputs_attributions(explain):
    model, x = nn.Sequential(nn.Identity(), net()), pictures()
    found = explain(AtLayer(model, "0"), x, target=TARGET)
    torch.testing.assert_close(found, explain(model, x, target=TARGET), rtol=0, atol=1e-10)
    deep = explain(AtLayer(model, "1.3"), x, target=TARGET)
    assert deep.shape == (3, 5, 1, 1)
    whole = explain(AtLayer(model, "1.3"), x[1:2], target=TARGET[1:2])
    torch.testing.assert_close(deep[1:2], whole, rtol=0, atol=1e-10)


@pytest.mark.law("smoothgrad", "input-x-gradient")
def test_relus_without_biases_add_up_at_any_layer_and_noise_is_of_the_layers_range():
    model, x = net(bias=False), pictures()
    answer = model(x).gather(1, TARGET[:, None])[:, 0].detach()
    for at in (model, AtLayer(model, "0"), AtLayer(model, "3")):
        found = input_x_gradient(at, x, target=TARGET).flatten(1).sum(1)
        torch.testing.assert_close(found, answer)
    calm = smoothgrad(AtLayer(model, "3"), x, target=TARGET, noise=0, draws=2)
    torch.testing.assert_close(calm.abs(), saliency(AtLayer(model, "3"), x, target=TARGET))
    noisy = smoothgrad(AtLayer(model, "0"), x, target=TARGET, noise=0.3, draws=4)
    assert not torch.allclose(noisy.abs(), saliency(AtLayer(model, "0"), x, target=TARGET))


def test_the_verb_refuses_what_has_no_meaning_at_a_layer(judge):
    model, x = judge.model, judge.x[:3]
    found = cg.explain(model, x, at="3", method="deep-lift", layer="6", target=2)
    assert found.shape == (3, 32, 4, 4)
    for method in ("occlusion", "kernel-shap:draws=200", "grad-cam", "counterfactual"):
        with pytest.raises(UsageError, match=r"of the input's numbers, not of a layer's \(at=3\)"):
            cg.explain(model, x, at="3", method=method)
    with pytest.raises(UsageError, match="unknown layer 'convolution'"):
        cg.explain(model, x, at="convolution")
