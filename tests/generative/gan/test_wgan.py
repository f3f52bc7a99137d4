import pytest
import torch
from scipy.stats import spearmanr

from cartograd.generative.gan.wgan import WGAN
from tests.generative.gan.games import generator, shifting, small, trained


def taught():
    """What objectives are tried with."""
    return small()


@pytest.mark.law("wgan")
@pytest.mark.place("gan/wgan")
def test_no_weight_is_beyond_the_bound():
    torch.manual_seed(0)
    objective = WGAN(model=generator(), weight_clip=0.02)
    optimizer = torch.optim.RMSprop(objective.game.critic.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        next(objective.losses((torch.randn(8, 3), torch.randn(8, 2)))).value.mean().backward()
        optimizer.step()
        objective.after_step("critic")
        weights = torch.cat([one.flatten() for one in objective.game.critic.parameters()])
        assert weights.abs().max().item() <= 0.02
    assert (weights.abs() == 0.02).any()


@pytest.mark.law("wgan")
@pytest.mark.place("gan/wgan")
def test_the_estimate_follows_the_distance():
    shifts, found = [0.0, 0.5, 1.0, 2.0, 3.0, 4.0], []
    for shift in shifts:
        torch.manual_seed(0)
        objective = WGAN(model=shifting(shift, 0.0), weight_clip=0.1, width=4)
        found.append(
            trained(objective, lambda n=256: (torch.randn(n, 2), torch.randn(n, 2)),
                    steps=60, lr=1e-2, kind=torch.optim.RMSprop)
        )  # fmt: skip
    assert spearmanr(shifts, found).statistic > 0.95
