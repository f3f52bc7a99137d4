import math

import pytest
import torch

from cartograd.architectures.decoding.self_consistency import Vote, self_consistency
from cartograd.core.errors import UsageError


@pytest.mark.law("self-consistency")
def test_the_vote_is_right_as_often_as_the_binomial_says():
    chains, p, trials = 7, 0.6, 4000
    right = torch.rand(trials, chains, generator=torch.Generator().manual_seed(0)) < p
    won = [self_consistency(["7" if one else "8" for one in row]).answer == "7" for row in right]
    tail = [math.comb(chains, k) * p**k * (1 - p) ** (chains - k) for k in range(4, chains + 1)]
    share = sum(tail)
    assert share > p + 0.1  # what voting is for
    assert abs(sum(won) / trials - share) < 4 * math.sqrt(share * (1 - share) / trials)


@pytest.mark.law("self-consistency")
def test_scattered_mistakes_do_not_outvote_a_right_answer():
    assert self_consistency(["1", "9", "3", "9", None]) == Vote("9", 0.4)
    assert self_consistency(["2", "1"]) == Vote("2", 0.5)  # reached first
    assert self_consistency([None, None]) == Vote(None, 0.0)
    with pytest.raises(UsageError, match="no chain"):
        self_consistency([])
