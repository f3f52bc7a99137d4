import pytest
import scipy.stats
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from cartograd.core.errors import UsageError
from cartograd.practice.metrics.frechet import frechet
from cartograd.practice.metrics.frechet_infinity import frechet_infinity
from cartograd.practice.metrics.inception_score import inception_score
from cartograd.practice.metrics.neighbour_ratio import neighbour_ratio
from cartograd.practice.metrics.normalised_frechet import normalised_frechet
from cartograd.practice.metrics.sliced_wasserstein import (
    along_a_line,
    sliced_wasserstein,
    unit_vectors,
)
from cartograd.practice.metrics.two_sample_test import logistic, two_sample_test


def drawn(n, d=4, shift=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) + shift


@pytest.mark.law("normalised-frechet")
def test_the_normalised_distance_has_no_unit():
    x, y = drawn(200, shift=0.4), drawn(300, seed=1)
    assert normalised_frechet(7 * x, 7 * y) == pytest.approx(normalised_frechet(x, y), rel=1e-9)
    constant = y.mean(0).expand(100, 4)
    assert normalised_frechet(constant, y) == pytest.approx(100, abs=1e-9)
    assert normalised_frechet(x, y) == pytest.approx(100 * frechet(x, y) / y.var(0).sum().item())
    with pytest.raises(UsageError, match="all the same"):
        normalised_frechet(x, y[:1].expand(9, 4))


@pytest.mark.law("frechet-infinity")
def test_at_infinity_the_distance_of_one_distribution_is_nearer_to_nought():
    real = drawn(4000, 8, seed=99)
    plain, far = (
        torch.tensor([metric(drawn(150, 8, seed=i), real) for i in range(20)])
        for metric in (frechet, frechet_infinity)
    )
    assert abs(far.mean()) < 0.3 * plain.mean()


@pytest.mark.oracle("sliced-wasserstein")
@pytest.mark.parametrize("n", [7, 40])
def test_along_a_direction_the_distance_is_that_of_scipy(n):
    x, y = drawn(n).T.contiguous(), drawn(40, shift=0.3, seed=1).T.contiguous()
    right = [scipy.stats.wasserstein_distance(a, b) for a, b in zip(x, y, strict=True)]
    assert along_a_line(x, y).tolist() == pytest.approx(right, abs=1e-10)


@pytest.mark.law("sliced-wasserstein")
def test_a_shifted_copy_is_as_far_as_its_shift_along_each_direction():
    x, shift = drawn(50), torch.tensor([1.0, -2, 3, 0], dtype=torch.float64)
    right = (unit_vectors(128, 4) @ shift).abs().mean().item()
    assert sliced_wasserstein(x, x + shift) == pytest.approx(right, abs=1e-9)


@pytest.mark.oracle("two-sample-test")
def test_the_classifier_is_that_of_scikit_learn():
    x = torch.cat([drawn(60), drawn(60, shift=0.7, seed=1)])
    y = torch.cat([torch.zeros(60), torch.ones(60)]).double()
    other = LogisticRegression(C=1, tol=1e-12, max_iter=10_000).fit(x.numpy(), y.numpy())
    found = logistic(torch.cat([x, torch.ones(120, 1)], 1), y)
    assert found[:-1].tolist() == pytest.approx(other.coef_[0].tolist(), abs=1e-6)
    assert found[-1].item() == pytest.approx(other.intercept_.item(), abs=1e-6)


@pytest.mark.law("two-sample-test")
def test_one_distribution_is_told_apart_by_chance_and_another_spread_is_seen():
    assert abs(two_sample_test(drawn(2000), drawn(2000, seed=1)) - 0.5) < 0.04
    assert two_sample_test(3 * drawn(500), drawn(500, seed=1)) > 0.8
    with pytest.raises(UsageError, match="at least four"):
        two_sample_test(drawn(3), drawn(9))


@pytest.mark.oracle("neighbour-ratio")
def test_neighbours_are_those_of_scikit_learn():
    x, y = drawn(81, shift=0.4), drawn(121, seed=1)
    near = NearestNeighbors(n_neighbors=2).fit(y.numpy())
    ours = near.kneighbors(x.numpy())[0][:, 0]
    among = near.kneighbors(y.numpy())[0][:, 1]
    right = torch.tensor(ours).median() / torch.tensor(among).median()
    assert neighbour_ratio(x, y) == pytest.approx(right.item(), rel=1e-9)


@pytest.mark.law("neighbour-ratio")
def test_new_draws_have_one_and_copies_nought():
    real = drawn(1000)
    assert neighbour_ratio(drawn(500, seed=5), real) == pytest.approx(1, abs=0.1)
    assert neighbour_ratio(real[:200], real) == 0
    with pytest.raises(UsageError, match="twin"):
        neighbour_ratio(real, real[:5].repeat(2, 1))


def test_the_inception_score_is_between_one_and_the_number_of_classes():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 6, generator=generator)
    p = logits.double().softmax(1)
    right = (p * (p / p.mean(0)).log()).sum(1).mean().exp().item()
    assert inception_score(logits) == pytest.approx(right, rel=1e-9)
    assert inception_score(1000 * torch.eye(6)) == 6
    assert inception_score(logits[:1].expand(9, 6)) == pytest.approx(1)


def test_controls_come_in_their_order_whatever_the_metric():
    """Real, copies of a few, half of the modes, noise; only the ratio sees the copies."""
    modes = torch.randint(4, (1600,), generator=torch.Generator().manual_seed(3))
    whole = drawn(1600, 6, seed=4) + 4 * torch.eye(6, dtype=torch.float64)[modes]
    real, new, pool = whole[:600], whole[600:1200], whole[600:]
    dropped = pool[modes[600:] < 2][:400]
    noise = 12 * torch.rand(400, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    for metric in (normalised_frechet, sliced_wasserstein, two_sample_test):
        scores = [metric(one, real) for one in (new, dropped, noise - 6)]
        assert scores == sorted(scores), metric
    copies = real[:60].repeat(7, 1)
    assert neighbour_ratio(copies, real) == 0 < 0.8 < neighbour_ratio(new, real)
