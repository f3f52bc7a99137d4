"""Why a unit of a hidden layer is active, by the explainers of answers."""

import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.one_number import Units


@pytest.mark.law("integrated_gradients")
@pytest.mark.law("saliency")
def test_units_of_a_layer_are_explained_as_answers_are(judge):
    x = judge.x[:6]
    layer = judge.model.model[0]
    standard = (x - judge.model.mean0) / judge.model.std0
    by_hand = layer(standard).mean((2, 3)).detach()
    units = Units(judge.model, "0")
    torch.testing.assert_close(units(x), by_hand)
    found = cg.explain(judge.model, x, layer="0", target=3, method="saliency")
    x.requires_grad_(True)
    own = layer((x - judge.model.mean0) / judge.model.std0).mean((2, 3))[:, 3].sum()
    (slope,) = torch.autograd.grad(own, x)
    x = x.detach()
    torch.testing.assert_close(found.abs(), slope.abs())
    heat = cg.explain(judge.model, x, layer="0", target=3, method="integrated_gradients")
    moved = units(x)[:, 3] - units(torch.zeros_like(x))[:, 3]
    torch.testing.assert_close(heat.flatten(1).sum(1), moved.detach(), rtol=1e-4, atol=1e-5)
    assert not judge.model.model[0]._forward_hooks
    for method in ("occlusion:patch_size=4", "smoothgrad:draws=2"):
        assert cg.explain(judge.model, x, layer="3", method=method).shape == x.shape


def test_units_and_layers_that_are_not_there_are_refused(judge):
    with pytest.raises(UsageError, match="unit 99 is none of layer 3; expected a number from 0 to"):
        cg.explain(judge.model, judge.x[:2], layer="3", target=99)
    with pytest.raises(UsageError, match="unknown layer 'convolution'"):
        cg.explain(judge.model, judge.x[:2], layer="convolution")
