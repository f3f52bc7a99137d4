import pytest
import torch

from cartograd.generative.level_distributions import level_distribution, picked


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_a_mixture_of_logistics_sums_to_one_and_is_the_difference_of_its_distribution(
    levels, scale
):
    """Also with sharp components far outside, where single precision has nothing left."""
    parameters = scale * torch.randn(20, 12, dtype=torch.float64)
    found = level_distribution(levels=levels, components=4)
    table = found.table(parameters)
    assert (table.exp().sum(1) - 1).abs().max() < 1e-12
    single = found.table(parameters.float())
    assert single.isfinite().all()
    assert (single.exp().sum(1) - 1).abs().max() < 2e-5
    weights, means, scales = parameters.chunk(3, 1)
    scales = scales.clamp(min=-7).exp()
    edge = (2 * torch.arange(levels - 1).double() + 1) / (levels - 1) - 1
    below = ((edge[:, None, None] - means) / scales).sigmoid()
    below = torch.cat([torch.zeros_like(below[:1]), below, torch.ones_like(below[:1])])
    expected = (below.diff(dim=0) * weights.softmax(1)).sum(2).T
    torch.testing.assert_close(table.exp(), expected, rtol=0, atol=1e-12)


def shares(table, temperature):
    """How often each level is drawn, by numbers that are spread evenly: no error of draws."""
    u = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    level = picked(table.expand(100_000, -1), u, temperature=temperature)
    return level.bincount(minlength=len(table)) / 100_000


def test_drawn_levels_have_the_chances_of_the_power():
    table = torch.tensor([0.1, 0.6, 0.3], dtype=torch.float64).log()
    spread = []
    for temperature in (0.25, 0.5, 1.0, 2.0, 8.0):
        expected = (table / temperature).softmax(0)
        found = shares(table, temperature)
        assert (found - expected).abs().max() < 2e-5
        torch.testing.assert_close(expected, (p := table.exp() ** (1 / temperature)) / p.sum())
        spread.append(torch.special.entr(found).sum().item())
    assert spread == sorted(spread)  # the entropy rises with the temperature
    assert shares(table, 0.0).tolist() == shares(table, 1e-3).tolist() == [0, 1, 0]
    assert picked(table[None], torch.ones(1)).item() == 2
