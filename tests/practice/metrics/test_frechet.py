import pytest
import scipy.linalg
import torch

from cartograd.practice.metrics.frechet import frechet


def sets(n=300, d=5):
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(d, d, generator=generator, dtype=torch.float64)
    x, y = (torch.randn(n, d, generator=generator, dtype=torch.float64) for _ in range(2))
    return x @ mix, y + 0.3


@pytest.mark.law("frechet")
def test_a_shifted_copy_is_the_square_of_the_shift_away():
    x, _ = sets()
    shift = torch.arange(5, dtype=torch.float64)
    assert frechet(x, x + shift) == pytest.approx(30, abs=1e-9)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)


@pytest.mark.oracle("frechet")
def test_it_is_that_of_the_root_by_scipy():
    x, y = sets()
    c, d = torch.cov(x.T), torch.cov(y.T)
    root = torch.from_numpy(scipy.linalg.sqrtm((c @ d).numpy()).real)
    right = (x.mean(0) - y.mean(0)).square().sum() + (c + d - 2 * root).trace()
    assert frechet(x, y) == pytest.approx(right.item(), rel=1e-8)


def test_rotated_together_they_are_as_far_apart():
    x, y = sets()
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))
    assert frechet(x @ rotation, y @ rotation) == pytest.approx(frechet(x, y), rel=1e-9)


def test_one_example_has_no_spread():
    x = torch.zeros(1, 3)
    assert frechet(x, x + 1) == pytest.approx(3)
