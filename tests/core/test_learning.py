import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.learning import check_learns, learning, plain
from cartograd.core.ports import Port, Signature
from cartograd.foundations.activations.dead_units import dead_units
from cartograd.foundations.initialization.variances import variances
from cartograd.practice.metrics.influence import influence
from tests.conformance.support import judged_model

MODES = torch.no_grad, torch.inference_mode


@pytest.mark.parametrize("mode", MODES)
def test_gradients_are_on_within_and_as_they_were_after(mode):
    with mode():
        given = torch.ones(3)
        with learning(nn.Linear(2, 2) if mode is torch.no_grad else nn.Identity()):
            x = plain(given).requires_grad_()
            assert (x * x).sum().requires_grad
        assert not (x * x).requires_grad
    assert plain(x) is x


def test_weights_of_inference_mode_are_refused():
    with torch.inference_mode():
        made = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(UsageError, match="weights of Sequential were made in torch"):
        check_learns(nn.Linear(2, 2), made)


def test_a_model_is_signed_in_inference_mode():
    """What changes its inputs is found out there, too."""
    ports = Port("x", "vector", (4,)), Port("y", "label", (3,))
    signature = Signature(ports[:1], ports[1:])
    with torch.inference_mode():
        changing = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3))
        signed = cg.sign(changing, signature)
        lazy = cg.sign(nn.LazyLinear(3), signature)
        x = -torch.ones(2, 4)
        signed(x)
    assert torch.equal(x, -torch.ones(2, 4))
    assert lazy.model.weight.shape == (3, 4)


@pytest.mark.parametrize("mode", MODES)
def test_slopes_are_the_same_in_any_mode(mode):
    model, x, _ = judged_model()
    net = nn.Sequential(nn.Linear(x[0].numel(), 8), nn.ReLU(), nn.Linear(8, 3))
    rows, weights = x.flatten(1), torch.arange(1.0, 5)[None]

    def looked(rows, weights):
        return (
            dead_units(net, rows), variances(net, rows),
            influence(lambda w: (w * w).sum(1), weights).tolist(),
        )  # fmt: skip

    expected = looked(rows, weights)
    with mode():
        assert looked(rows.clone(), weights.clone()) == expected
    assert isinstance(model, nn.Module)
