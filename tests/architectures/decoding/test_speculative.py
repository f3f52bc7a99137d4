import itertools
from collections import Counter

import pytest
import torch

from cartograd.architectures.decoding.draw import processed
from cartograd.architectures.decoding.generate import generate
from cartograd.architectures.decoding.speculative import speculative
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.decoding.toys import Toy

PROMPT = torch.tensor([[1, 2, 0]])


def models(vocabulary=5, other=1, scale=1.0):
    return (
        Toy(1, 60, vocabulary=vocabulary, scale=scale),
        Toy(1, 60, vocabulary=vocabulary, seed=other, scale=scale),
    )


@pytest.mark.law("speculative")
@pytest.mark.parametrize("samplers", [(), ("temperature:temperature=0.6", "top-k:k=2")])
def test_distributed_as_the_large_model_alone(samplers):
    samplers = [build(one) for one in samplers]
    generator, n = torch.Generator().manual_seed(0), 2_500
    counts = Counter()
    for _ in range(n):
        pieces = speculative(
            *models(3), PROMPT, generator, length=3, num_assistant_tokens=2, samplers=samplers
        )
        counts[tuple(itertools.chain(*pieces))] += 1
    chi, outcomes, large = 0.0, 0, Toy(1, 0, vocabulary=3, scale=1.0)
    for tokens in itertools.product(range(3), repeat=3):
        text, p = PROMPT[0].tolist(), 1.0
        for token in tokens:
            z = processed(large.after(text)[None], torch.tensor([text]), samplers)
            p *= z.softmax(1)[0, token].item()
            text = [*text, token]
        if p == 0:
            assert counts[tokens] == 0
            continue
        chi += (counts[tokens] - n * p) ** 2 / (n * p)
        outcomes += 1
    assert outcomes == (8 if samplers else 27)
    assert chi < {26: 54.1, 7: 24.3}[outcomes - 1]  # one in a thousand


@pytest.mark.law("speculative")
@pytest.mark.parametrize("other", [0, 1])
@pytest.mark.parametrize("ahead", [1, 2, 5])
@pytest.mark.parametrize("samplers", [(), ("repetition-penalty:repetition_penalty=2.0",)])
def test_greedy_answers_are_the_large_models(other, ahead, samplers):
    args = {"samplers": [build(one) for one in samplers], "stop": (3,)}
    for first in range(5):
        prompt = torch.tensor([[first, 1]])
        pieces = speculative(
            *models(other=other), prompt, length=13, num_assistant_tokens=ahead, **args
        )
        expected = generate(models()[0], prompt, length=13, **args)[0]
        assert list(itertools.chain(*pieces)) == expected


def test_a_perfect_draft_is_always_kept():
    large, draft = models(other=0)
    pieces = list(speculative(large, draft, PROMPT, length=20, num_assistant_tokens=4))
    assert [len(piece) for piece in pieces] == [5, 5, 5, 5]
    large, draft = models(other=0)
    generator = torch.Generator().manual_seed(3)
    pieces = list(speculative(large, draft, PROMPT, generator, length=20, num_assistant_tokens=4))
    assert [len(piece) for piece in pieces] == [5, 5, 5, 5]
    assert large.work == 2 + 4 * 5  # every token but the last once, none twice


def test_a_bad_draft_still_writes_a_token_each_time():
    pieces = list(speculative(*models(), PROMPT, length=20, num_assistant_tokens=4))
    assert all(1 <= len(piece) <= 5 for piece in pieces)
    assert sum(map(len, pieces)) == 20
    assert len(pieces) > 4


@pytest.mark.parametrize("length", [1, 2, 3, 6])
def test_never_longer_than_asked(length):
    pieces = speculative(*models(other=0), PROMPT[:, :1], length=length, num_assistant_tokens=4)
    assert len(list(itertools.chain(*pieces))) == length


def test_stops_within_a_piece():
    stop = generate(models()[0], PROMPT, length=3)[0][1]
    pieces = list(
        speculative(*models(other=0), PROMPT, length=9, num_assistant_tokens=4, stop=(stop,))
    )
    assert pieces == [generate(models()[0], PROMPT, length=9, stop=(stop,))[0]]


def test_wrong_input():
    with pytest.raises(UsageError, match="one row"):
        speculative(*models(), PROMPT.expand(2, -1), length=3)
    with pytest.raises(UsageError, match="num_assistant_tokens=0"):
        speculative(*models(), PROMPT, length=3, num_assistant_tokens=0)
    with pytest.raises(UsageError, match="the draft knows 4 tokens, the model 5"):
        list(speculative(models()[0], models(4)[1], PROMPT, length=3))
