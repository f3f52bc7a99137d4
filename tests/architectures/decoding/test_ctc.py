"""Reading a CTC network: against all paths of a small one."""

import itertools
import math

import pytest
import torch

from cartograd.architectures.decoding.ctc import ctc_beam_search, greedy
from cartograd.core.errors import UsageError


def by_paths(log_p):
    """The probability of every text, the likeliest first."""
    found = {}
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        text = tuple(label for label, _ in itertools.groupby(path) if label)
        chance = math.exp(sum(log_p[t, label].item() for t, label in enumerate(path)))
        found[text] = found.get(text, 0.0) + chance
    return sorted(found.items(), key=lambda item: -item[1])


@pytest.mark.law("ctc-beam-search")
@pytest.mark.parametrize("seed", range(4))
def test_with_enough_beams_it_finds_the_likeliest_texts(seed):
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)).double()
    expected = by_paths(logits.log_softmax(1))
    found = ctc_beam_search(logits, beams=200)
    assert [tuple(answer.tokens) for answer in found] == [text for text, _ in expected]
    for answer, (_, chance) in zip(found, expected, strict=True):
        assert math.isclose(math.exp(answer.score), chance, rel_tol=1e-10)


def test_the_likeliest_path_may_read_otherwise():
    logits = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
    assert greedy(logits[None]) == [[]]
    best = ctc_beam_search(logits, beams=3)[0]
    assert best.tokens == [1]
    assert math.isclose(math.exp(best.score), 1 - 0.36, rel_tol=1e-6)


@pytest.mark.law("ctc-beam-search")
def test_sure_steps_are_read_alike():
    path = torch.tensor([0, 2, 2, 0, 2, 1, 1, 3])
    logits = 30 * torch.nn.functional.one_hot(path, 5).float()
    assert greedy(logits[None]) == [[2, 2, 1, 3]]
    assert ctc_beam_search(logits, beams=1)[0].tokens == [2, 2, 1, 3]


def test_no_beams():
    with pytest.raises(UsageError, match="beams=0"):
        ctc_beam_search(torch.zeros(2, 2), beams=0)
