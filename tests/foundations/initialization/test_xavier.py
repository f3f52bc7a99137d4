import pytest
import torch
from torch import nn

from cartograd.architectures.mlp import MLP
from cartograd.core.build import build
from cartograd.foundations.initialization.initialise import initialise
from cartograd.foundations.initialization.variances import variances


@pytest.mark.oracle("xavier")
@pytest.mark.parametrize("shape", [(30, 50), (8, 3, 5, 5)])
@pytest.mark.parametrize("name", ["uniform", "normal"])
def test_draws_as_torch_does(shape, name):
    theirs = {"uniform": nn.init.xavier_uniform_, "normal": nn.init.xavier_normal_}[name]
    torch.manual_seed(1)
    expected = theirs(torch.empty(shape, dtype=torch.float64), gain=5 / 3)
    torch.manual_seed(1)
    weight = build(f"xavier-{name}", gain=5 / 3)(torch.empty(shape, dtype=torch.float64))
    torch.testing.assert_close(weight, expected, rtol=0, atol=1e-10)


def ends(spec):
    """How much the variances change from the first to the last of 20 tanh layers."""
    torch.manual_seed(0)
    model = MLP(features=256, classes=256, widths=(256,) * 20, activation="tanh")
    if spec:
        initialise(model, spec)
    spread = variances(model, torch.randn(200, 256))
    return (
        spread[-1].activation / spread[0].activation,
        spread[0].gradient / spread[-1].gradient,
    )


@pytest.mark.law("xavier")
@pytest.mark.parametrize("name", ["xavier-uniform", "xavier-normal"])
def test_holds_both_variances_through_20_tanh_layers(name):
    assert all(1 / 20 < change < 1 for change in ends(name))
    assert ends(None)[1] < 1e-8
