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


@pytest.mark.oracle("frechet")
def test_it_is_that_of_torchmetrics():
    from torchmetrics.image.fid import FrechetInceptionDistance

    features = torch.nn.Flatten()
    features.num_features = 5
    theirs = FrechetInceptionDistance(feature=features).set_dtype(torch.float64)
    x, y = sets()
    theirs.update(x, real=False)
    theirs.update(y, real=True)
    assert frechet(x, y) == pytest.approx(theirs.compute().item(), rel=1e-6)


@pytest.mark.law("frechet")
@pytest.mark.parametrize("size", [0.0, 0.5, 3.0])
def test_of_standard_and_other_normal_examples_it_is_the_formula(size):
    """|m|^2 + d (1 - s)^2 for N(0, I) and N(m, s^2 I), of examples with these very moments."""
    x = torch.randn(300, 5, dtype=torch.float64)
    x = x - x.mean(0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T))).T
    mean = torch.tensor([1.0, -2, 0, 0, 3], dtype=torch.float64)
    assert frechet(size * x + mean, x) == pytest.approx(14 + 5 * (1 - size) ** 2, abs=1e-9)


@pytest.mark.law("frechet")
def test_examples_that_are_all_alike_or_few_have_a_distance():
    """Their covariances have no inverse, and products of them eigenvalues that may not be found."""
    real = torch.randn(50, 40, dtype=torch.float64).relu()
    real[:, ::3] = 0
    alike = real.mean(0).expand(20, 40)
    assert frechet(alike, real) == pytest.approx(real.var(0).sum().item(), rel=1e-9)
    few = real[:7]
    assert frechet(few, few) == pytest.approx(0, abs=1e-6)
    assert frechet(few, real) > 1


def test_rotated_together_they_are_as_far_apart():
    x, y = sets()
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))
    assert frechet(x @ rotation, y @ rotation) == pytest.approx(frechet(x, y), rel=1e-9)


def test_one_example_has_no_spread():
    x = torch.zeros(1, 3)
    assert frechet(x, x + 1) == pytest.approx(3)
