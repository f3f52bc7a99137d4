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
    assert found.table(parameters.float()).isfinite().all()
    weights, means, scales = parameters.chunk(3, 1)
    scales = scales.clamp(min=-7).exp()
    edge = (2 * torch.arange(levels - 1).double() + 1) / (levels - 1) - 1
    below = ((edge[:, None, None] - means) / scales).sigmoid()
    below = torch.cat([torch.zeros_like(below[:1]), below, torch.ones_like(below[:1])])
    expected = (below.diff(dim=0) * weights.softmax(1)).sum(2).T
    torch.testing.assert_close(table.exp(), expected, rtol=0, atol=1e-12)


def test_drawn_levels_have_the_chances_of_the_power():
    table = torch.tensor([0.1, 0.6, 0.3]).log().expand(20_000, 3)
    u = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    for temperature in (0.5, 1.0, 2.0):
        expected = (table[0] / temperature).softmax(0)
        level = picked(table, u, temperature=temperature)
        found = level.bincount(minlength=3) / len(level)
        assert (found - expected).abs().max() < 0.015
    assert (picked(table, u, temperature=0.0) == 1).all()
    assert picked(table[:1], torch.ones(1)).item() == 2
