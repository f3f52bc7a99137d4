import pytest
import torch

from cartograd.practice.metrics.path_length import path_length


def test_a_linear_generator_has_the_mean_square_of_its_way_and_a_bent_one_its_slope():
    a, b = torch.randn(2, 400, 5, dtype=torch.float64)
    matrix = torch.randn(5, 3, dtype=torch.float64)
    each = ((b - a) @ matrix).square().sum(1).sort().values
    assert path_length(lambda x: x @ matrix, a, b) == pytest.approx(each[4:-4].mean().item())
    slope = (2 * a * (b - a)).square().sum(1).sort().values
    found = path_length(lambda x: x.square(), a, b, step=1e-7)
    assert found == pytest.approx(slope[4:-4].mean().item(), rel=1e-4)
