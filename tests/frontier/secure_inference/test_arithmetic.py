import pytest
import torch
from torch.nn import functional as F

from cartograd.core.errors import UsageError
from cartograd.frontier.secure_inference.arithmetic import Arithmetic
from cartograd.frontier.secure_inference.parties import Together
from cartograd.frontier.secure_inference.ring import Stream, convolved, fixed

LIMIT = 350
"""Chi-squared of 255 degrees of freedom is below it in 9,999 of 10,000 draws."""


class Watching(Together):
    """Parties in one process, and all that they open."""

    def __init__(self, count):
        super().__init__(count)
        self.seen = []

    def opened(self, shares):
        self.seen.append(super().opened(shares))
        return self.seen[-1]


def arithmetic(parties=2, make=Together, secret=b"s"):
    return Arithmetic(make(parties), secret=secret, fraction_bits=16)


def numbers(*shape, seed=0, most=2**20):
    g = torch.Generator().manual_seed(seed)
    return torch.randint(-most, most, shape, generator=g)


def chi2(words):
    """How far the upper bytes of numbers are from uniform."""
    counts = torch.bincount((words.flatten() >> 56) + 128, minlength=256).double()
    expected = counts.sum() / 256
    return float(((counts - expected).square() / expected).sum())


@pytest.mark.law("additive-shares")
@pytest.mark.parametrize("parties", [2, 3])
def test_what_a_party_holds_and_sees_is_uniform(parties):
    by = arithmetic(parties, Watching)
    x = torch.full((20_000,), 3 << 16)  # the same number again and again
    shares = by.shared(x)
    assert torch.equal(shares.sum(0), x)
    for own in shares:
        assert chi2(own) < LIMIT
    assert chi2(shares[:-1].sum(0)) < LIMIT  # all but one of them together
    assert chi2(x) > 1e6
    by.negative(shares)
    by.cut(by.product(torch.mul, shares, shares))
    words = [seen for seen in by.parties.seen if seen.dtype == torch.int64]
    bits = [seen for seen in by.parties.seen if seen.dtype == torch.uint8]
    assert len(words) == 4
    assert len(bits) == 7
    for seen in words:
        assert chi2(seen) < LIMIT
    for seen in bits:
        assert seen.float().mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.law("additive-shares")
@pytest.mark.parametrize("parties", [2, 3])
def test_what_is_computed_on_shares_is_that_of_the_numbers(parties):
    by = arithmetic(parties)
    x, y = numbers(9, 7), numbers(7, 4, seed=1)
    shared = by.shared(x)
    assert torch.equal(by.product(torch.matmul, shared, by.shared(y)).sum(0), x @ y)
    pictures, filters = numbers(2, 4, 6, 6), numbers(6, 2, 3, 3, seed=2)
    how = {"stride": (2, 1), "padding": (1, 0), "groups": 2}
    found = by.product(
        lambda a, b: convolved(a, b, **how), by.shared(pictures), by.shared(filters)
    ).sum(0)
    assert torch.equal(found.double(), F.conv2d(pictures.double(), filters.double(), **how))
    edge = torch.tensor([0, 1, -1, 2**62 - 1, -(2**62), 2**40, -(2**40), 65535, -65536])
    assert torch.equal(by.negative(by.shared(edge)).sum(0), (edge < 0).long())
    off = by.cut(by.shared(edge)).sum(0) - (edge >> 16)
    assert set(off.tolist()) <= {0, 1}
    assert torch.equal(by.relu(by.shared(edge)).sum(0), edge.clamp(min=0))
    other = edge.roll(1) >> 2
    larger = by.larger(by.shared(edge >> 2), by.shared(other)).sum(0)
    assert torch.equal(larger, torch.maximum(edge >> 2, other))


def test_cutting_is_right_on_average_and_for_many_numbers():
    by = arithmetic(3)
    x = numbers(50_000, most=2**61)
    off = by.cut(by.shared(x)).sum(0) - (x >> 16)
    assert set(off.tolist()) == {0, 1}
    assert off.double().mean() == pytest.approx(0.5, abs=0.02)  # as often as the rest says


def test_streams_go_on_and_follow_from_their_secret():
    one, other = Stream(b"a"), Stream(b"a")
    first = one.draw((3,))
    assert torch.equal(first, other.draw((3,)))
    assert not torch.equal(first, one.draw((3,)))
    assert not torch.equal(first, Stream(b"b").draw((3,)))
    bits = Stream(b"c").bits((10_000,))
    assert bits.float().mean() == pytest.approx(0.5, abs=0.02)


def test_numbers_that_do_not_fit_and_single_parties_are_refused():
    for number in (float("nan"), float("inf"), 2.0**30):
        with pytest.raises(UsageError, match="does not fit into shares"):
            fixed(torch.tensor([1.0, number]), 16)
    with pytest.raises(UsageError, match="expected at least 2"):
        Together(1)
