import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from cartograd.core.errors import UsageError
from cartograd.practice.metrics.coverage import coverage
from cartograd.practice.metrics.frechet import frechet
from cartograd.practice.metrics.improved_precision import improved_precision
from cartograd.practice.metrics.improved_recall import improved_recall
from cartograd.practice.metrics.kernel_distance import kernel_distance
from cartograd.practice.metrics.sample_density import sample_density


def drawn(n, d=4, shift=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) + shift


def inside(points, centres, k):
    """Which points lie in which centre's ball, by scikit-learn."""
    near = NearestNeighbors(n_neighbors=k + 1).fit(centres)
    radius = near.kneighbors(centres)[0][:, -1]
    apart = np.linalg.norm(points[:, None] - centres[None], axis=2)
    return apart <= radius[None]


@pytest.mark.oracle("improved-precision")
@pytest.mark.oracle("improved-recall")
@pytest.mark.oracle("sample-density")
@pytest.mark.oracle("coverage")
@pytest.mark.parametrize("k", [1, 3, 5])
def test_balls_are_those_of_scikit_learn(k):
    x, y = drawn(80, shift=0.5), drawn(120, seed=1)
    fake, real = x.numpy(), y.numpy()
    assert improved_precision(x, y, neighbors=k) == inside(fake, real, k).any(1).mean()
    assert improved_recall(x, y, neighbors=k) == inside(real, fake, k).any(1).mean()
    assert sample_density(x, y, neighbors=k) == pytest.approx(
        inside(fake, real, k).sum(1).mean() / k
    )
    assert coverage(x, y, neighbors=k) == inside(fake, real, k).any(0).mean()


@pytest.mark.law("kernel-distance")
def test_halves_of_one_set_are_nought_apart_on_average():
    found = torch.tensor([
        kernel_distance(drawn(50, seed=2 * i), drawn(50, seed=2 * i + 1)) for i in range(200)
    ])  # fmt: skip
    assert abs(found.mean()) < 3 * found.std() / 200**0.5


@pytest.mark.oracle("kernel-distance")
def test_the_kernel_distance_is_that_of_torchmetrics():
    kid = pytest.importorskip("torchmetrics.image.kid")
    x, y = drawn(60, shift=0.5), drawn(60, seed=1)
    assert kernel_distance(x, y) == pytest.approx(kid.poly_mmd(x, y).item(), rel=1e-10)


def test_controls_come_in_their_order():
    """Real ones, then half a class away, then blurred, then noise; a point has no recall."""
    real, other = drawn(300, seed=1), drawn(300, seed=2)
    half = torch.cat([other[other[:, 0] > 0]] * 2)[:300]
    flat, noise = other * 0.3, 12 * torch.rand(300, 4, dtype=torch.float64) - 6
    for metric, sign in ((frechet, 1), (kernel_distance, 1), (coverage, -1)):
        scores = [sign * metric(one, real) for one in (other, half, noise)]
        assert scores == sorted(scores)
    point = real[:1] + 1e-3 * drawn(300, seed=3)
    assert improved_precision(point, real) == 1
    assert improved_recall(point, real) < 0.02
    assert coverage(point, real) < 0.1
    assert sample_density(flat, real) > 1.1


def test_too_few_examples_are_refused():
    with pytest.raises(UsageError, match="neighbors=3 needs more than 3 examples"):
        improved_precision(drawn(9), drawn(3))
    with pytest.raises(UsageError, match="at least two"):
        kernel_distance(drawn(1), drawn(3))
