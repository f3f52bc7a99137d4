import pytest
import torch
from torch import nn

from cartograd.architectures.mlp import MLP
from cartograd.core.build import build
from cartograd.foundations.initialization.initialise import initialise
from cartograd.foundations.initialization.variances import variances


@pytest.mark.oracle("kaiming")
@pytest.mark.parametrize("shape", [(30, 50), (8, 3, 5, 5)])
@pytest.mark.parametrize("name", ["uniform", "normal"])
@pytest.mark.parametrize("mode", ["in", "out"])
def test_draws_as_torch_does(shape, name, mode):
    theirs = {"uniform": nn.init.kaiming_uniform_, "normal": nn.init.kaiming_normal_}[name]
    torch.manual_seed(1)
    expected = theirs(torch.empty(shape, dtype=torch.float64), a=0.2, mode=f"fan_{mode}")
    torch.manual_seed(1)
    fill = build(f"kaiming-{name}", negative_slope=0.2, mode=mode)
    weight = fill(torch.empty(shape, dtype=torch.float64))
    torch.testing.assert_close(weight, expected, rtol=0, atol=1e-10)


def ends(spec):
    """How much the activations' power changes from the first to the last of 20 ReLU layers."""
    torch.manual_seed(0)
    model = MLP(features=256, classes=256, widths=(256,) * 20, activation="relu")
    spread = variances(initialise(model, spec), torch.randn(200, 256))
    return spread[-1].activation / spread[0].activation


@pytest.mark.law("kaiming")
@pytest.mark.parametrize("name", ["kaiming-uniform", "kaiming-normal"])
def test_holds_the_variance_through_20_relu_layers(name):
    assert 0.2 < ends(name) < 5
    assert 2**-21 < ends("xavier") < 2**-16
