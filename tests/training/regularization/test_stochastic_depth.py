import pytest
import torch

from cartograd.core.build import build
from cartograd.training.regularization.stochastic_depth import StochasticDepth


@pytest.mark.oracle("stochastic-depth")
@pytest.mark.parametrize("p", [0.1, 0.7])
def test_equals_torchvision_from_the_same_seed(p):
    ops = pytest.importorskip("torchvision.ops")
    x = torch.randn(50, 3, 2, 2, dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.manual_seed(3)
    y = StochasticDepth(drop_path=p)(ours)
    torch.manual_seed(3)
    expected = ops.stochastic_depth(theirs, p, "row")
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-10)
    y.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.law("stochastic-depth")
def test_examples_are_kept_whole_and_in_expectation():
    x = torch.rand(20_000, 3) + 1
    factor = StochasticDepth(drop_path=0.4)(x) / x
    torch.testing.assert_close(factor, factor[:, :1].expand(-1, 3))
    assert factor.mean().item() == pytest.approx(1, abs=0.02)
    assert (factor[:, 0] == 0).double().mean().item() == pytest.approx(0.4, abs=0.02)
    assert torch.equal(StochasticDepth(drop_path=0.4).eval()(x), x)


def test_a_residual_network_skips_later_branches_more_often():
    network = build("resnet:depth=8,width=4,channels=1,size=8,classes=3,drop_path=0.6")
    layers = [part for part in network.modules() if isinstance(part, StochasticDepth)]
    assert [layer.drop_path for layer in layers] == pytest.approx([0.2, 0.4, 0.6])
    x = torch.rand(4, 1, 8, 8)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
