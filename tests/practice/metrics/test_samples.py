from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from cartograd.core.errors import UsageError
from cartograd.practice.metrics.coverage import coverage
from cartograd.practice.metrics.frechet import frechet
from cartograd.practice.metrics.improved_precision import improved_precision
from cartograd.practice.metrics.improved_recall import improved_recall
from cartograd.practice.metrics.kernel_distance import kernel_distance
from cartograd.practice.metrics.neighbour_ratio import neighbour_ratio
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


@pytest.mark.parametrize("k", [1, 5])
def test_of_a_set_and_itself_all_is_met_and_of_distant_ones_nothing(k):
    """A ball holds its own centre and k neighbours, so the density is (k + 1) / k."""
    x = drawn(60)
    for metric in (improved_precision, improved_recall, coverage):
        assert metric(x, x, neighbors=k) == 1
        assert metric(x + 1000, x, neighbors=k) == 0
    assert sample_density(x, x, neighbors=k) == pytest.approx((k + 1) / k)
    assert sample_density(x + 1000, x, neighbors=k) == 0


@pytest.fixture(scope="module")
def table():
    """Controls of real digits by features that nobody trained, and the real ones beside them."""
    x, y = (torch.from_numpy(one) for one in load_digits(return_X_y=True))
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(len(x), generator=generator)
    x, y = x[rows].double() / 16, y[rows]
    (real, told), (other, asked) = (x[:500], y[:500]), (x[500:900], y[500:900])

    def normal(rows, n=400):
        spread = torch.cov(rows.T) + 1e-4 * torch.eye(64, dtype=torch.float64)
        noise = torch.randn(n, 64, generator=generator, dtype=torch.float64)
        return (rows.mean(0) + noise @ torch.linalg.cholesky(spread).T).clamp(0, 1)

    def blurred(k):
        mean = real.mean(0)
        axes = torch.linalg.svd(real - mean, full_matrices=False)[2][:k]
        return mean + (other - mean) @ axes.T @ axes

    def some(n):
        return other[asked < n].repeat(10, 1)[:400]

    controls = {
        "real": other, "copies": real[:40].repeat(10, 1), "9 classes": some(9),
        "5 classes": some(5), "1 class": some(1), "12 components": blurred(12),
        "8 components": blurred(8), "4 components": blurred(4), "mean": blurred(0),
        "normal by class": torch.cat([normal(real[told == one], 40) for one in range(10)]),
        "normal": normal(real),
        "pixels": real.gather(0, torch.randint(500, (400, 64), generator=generator)),
        "noise": torch.rand(400, 64, generator=generator).double(),
    }  # fmt: skip
    weight = 0.4 * torch.randn(64, 64, generator=generator, dtype=torch.float64)
    seen = lambda one: ((2 * one - 1) @ weight + 0.3).relu()  # noqa: E731
    return {name: seen(one) for name, one in controls.items()}, seen(real)


@pytest.mark.law("frechet")
@pytest.mark.law("kernel-distance")
@pytest.mark.law("coverage")
@pytest.mark.parametrize(
    "ladder",
    [
        ("real", "9 classes", "5 classes", "1 class"),
        ("real", "12 components", "8 components", "4 components", "mean"),
        ("real", "normal by class", "normal", "noise"),
    ],
    ids=["kinds that are missing", "blur", "models without a network"],
)
def test_controls_of_real_pictures_come_in_their_order(table, ladder):
    controls, real = table
    for metric in (frechet, kernel_distance):
        scores = [metric(controls[name], real) for name in ladder]
        assert scores == sorted(scores), metric
    shares = [coverage(controls[name], real) for name in ladder]
    assert all(less < more + 0.02 for more, less in pairwise(shares))  # two standard errors
    assert shares[-1] < shares[0] / 2
    first, *others = (frechet(controls[name], real) for name in ("normal", "pixels", "noise"))
    assert [first, *others] == sorted([first, *others])


@pytest.mark.law("improved-precision")
def test_precision_alone_is_worth_nothing_and_copies_are_seen_by_the_ratio_alone(table):
    controls, real = table
    assert improved_precision(controls["mean"], real) == 1
    assert improved_precision(controls["copies"], real) == 1
    assert coverage(controls["mean"], real) < 0.05
    assert improved_recall(controls["mean"], real) < 0.05
    assert neighbour_ratio(controls["copies"], real) == 0
    assert neighbour_ratio(controls["real"], real) == pytest.approx(1, abs=0.1)


def test_too_few_examples_are_refused():
    with pytest.raises(UsageError, match="neighbors=3 needs more than 3 examples"):
        improved_precision(drawn(9), drawn(3))
    with pytest.raises(UsageError, match="at least two"):
        kernel_distance(drawn(1), drawn(3))
