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
    found.mean().backward()  # through the slope itself
    away = 2 * (1 - 1 / line.weight.norm()) * line.weight
    torch.testing.assert_close(line.weight.grad, away.detach(), rtol=0, atol=1e-12)


@pytest.mark.law("wgan-gp")
def test_the_slope_of_a_picture_is_that_by_all_of_its_numbers():
    weight = torch.randn(2, 3, 3, dtype=torch.float64)
    x = torch.randn(4, 2, 3, 3, dtype=torch.float64)
    found = steepness_penalty(lambda x, y: (x * weight).sum((1, 2, 3)), x, None)
    right = (weight.norm() - 1).square().expand(4)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-12)


@pytest.mark.law("wgan-gp")
def test_each_pair_meets_at_a_place_of_its_own_on_the_line_between_them():
    torch.manual_seed(0)
    objective = WGANGP(model=shifting(2.0, 0.0), width=4)
    seen = []
    objective.game.critic.register_forward_hook(lambda _, given, __: seen.append(given[0].detach()))
    next(objective.losses(tuple(torch.randn(2, 400, 2))))
    real, fake, between = seen
    share = (between - fake) / (real - fake)
    steady = (real - fake).abs().min(1).values > 0.05
    torch.testing.assert_close(*share[steady].unbind(1), rtol=1e-3, atol=1e-3)
    place = share[steady][:, 0]
    assert ((place >= -1e-3) & (place <= 1 + 1e-3)).all()
    assert place.mean().item() == pytest.approx(0.5, abs=0.06)
    assert place.std().item() == pytest.approx(12**-0.5, abs=0.03)
