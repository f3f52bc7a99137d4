import pytest
import torch
from torch import nn

from cartograd.generative.gan.wgan_gp import WGANGP, steepness_penalty
from tests.generative.gan.games import shifting, small, trained


def taught():
    """What objectives are tried with."""
    return small()


@pytest.mark.law("wgan-gp")
@pytest.mark.place("gan/wgan-gp")
def test_the_estimate_of_shifted_normals_is_their_distance():
    torch.manual_seed(0)
    objective = WGANGP(model=shifting(2.0, 0.0), width=8)
    found = trained(objective, lambda n=256: (torch.randn(n, 2), torch.randn(n, 2)),
                    steps=300, lr=5e-3, kind=torch.optim.Adam)  # fmt: skip
    assert 1.7 < found < 2.3
    between = torch.randn(2000, 2) + torch.rand(2000, 1) * torch.tensor([2.0, 0.0])
    slope = 1 + steepness_penalty(objective.game.critic, between, None).sqrt()
    assert abs(slope.mean().item() - 1) < 0.15


@pytest.mark.law("wgan-gp")
def test_the_penalty_of_a_linear_critic_is_known():
    line = nn.Linear(3, 1).double()
    x = torch.randn(5, 3, dtype=torch.float64)
    found = steepness_penalty(lambda x, y: line(x)[:, 0], x, None)
    right = (line.weight.norm() - 1).square().expand(5)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-12)
