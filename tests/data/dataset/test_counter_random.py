"""Draws: functions of seed, epoch and index; spread as they should be."""

import torch

from cartograd.data.dataset.counter_random import CounterRandom
from tests.reference import Reference

scipy = Reference("scipy")

N = 20_000


def at(seed=0, epoch=0, *place):
    return CounterRandom(torch.arange(N), seed=seed, epoch=epoch, place=place)


def test_an_example_draws_the_same_in_any_batch():
    whole = at(seed=5, epoch=2).uniform(7)
    order = torch.randperm(N)
    assert torch.equal(at(seed=5, epoch=2).of(order).uniform(7), whole[order])
    assert torch.equal(at(seed=5, epoch=2).uniform(3), whole[:, :3])
    assert whole.min() >= 0
    assert whole.max() < 1


def test_draws_are_uniform_and_have_nothing_to_do_with_each_other():
    streams = [at().uniform(2), at(1).uniform(1), at(0, 1).uniform(1), at(0, 0, 1).uniform(1)]
    streams.append(at(0, 0, 1, 0).uniform(1))
    rng = torch.cat(streams, dim=1)
    for column in rng.T:
        assert scipy.stats.kstest(column.numpy(), "uniform").pvalue > 1e-4
    neighbours = torch.cat([rng[1:], rng[:-1]], dim=1)
    off = torch.corrcoef(neighbours.T) - torch.eye(12)
    assert off.abs().max() < 4.5 / N**0.5


def test_indices_far_apart_and_large():
    index = torch.cat([torch.arange(50) * 2**40, torch.arange(50)])
    assert CounterRandom(index).uniform(1).unique().numel() == 99


def test_normal():
    rng = at().normal(3)
    for column in rng.T:
        assert scipy.stats.kstest(column.numpy(), "norm").pvalue > 1e-4
    assert (torch.corrcoef(rng.T) - torch.eye(3)).abs().max() < 4.5 / N**0.5


def test_dirichlet():
    shares = at().dirichlet([0.5, 1.0, 2.5])
    torch.testing.assert_close(shares.sum(1), torch.ones(N).double())
    for i, a in enumerate((0.5, 1.0, 2.5)):
        assert (
            scipy.stats.kstest(shares[:, i].numpy(), scipy.stats.beta(a, 4 - a).cdf).pvalue > 1e-4
        )


def test_whole_numbers_and_chances():
    assert at().integers(5).bincount().sub(N / 5).abs().max() < 4.5 * (N * 0.16) ** 0.5
    assert abs(at().happens(0.2).double().mean() - 0.2) < 0.012
    assert not at().happens(0.0).any()
    assert at().happens(1.0).all()
    assert not torch.equal(at().between(0, 1), at().between(0, 1, number=1))
