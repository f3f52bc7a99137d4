"""Every sampler against transformers' and against its law."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from cartograd.architectures.decoding.draw import draw
from cartograd.core.build import build
from tests.reference import Reference

transformers = Reference("transformers")

NONE = torch.zeros(8, 0, dtype=torch.int64)


def logits(vocabulary=300, rows=8, scale=3.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, vocabulary, generator=generator, dtype=torch.float64) * scale


def same(mine, theirs):
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-10)


@pytest.mark.oracle("temperature")
@pytest.mark.parametrize("value", [0.1, 0.7, 1.0, 3.0])
def test_temperature(value):
    z = logits()
    same(
        build("temperature", temperature=value)(z, NONE),
        transformers.TemperatureLogitsWarper(value)(NONE, z),
    )


@pytest.mark.law("temperature")
def test_entropy_rises_with_temperature():
    z = logits()
    found = []
    for value in (0.01, 0.3, 1.0, 3.0, 1e4):
        p = build("temperature", temperature=value)(z, NONE).softmax(1)
        found.append(-torch.special.xlogy(p, p).sum(1))
    assert (torch.stack(found).diff(dim=0) > 0).all()
    assert found[0].max() < 0.5
    assert (found[-1] - np.log(300)).abs().max() < 1e-5


@pytest.mark.oracle("top-k")
@pytest.mark.parametrize("top", [1, 2, 50, 300, 1000])
def test_top_k(top):
    for z in (logits(), logits().round()):  # without and with ties
        same(build("top-k", k=top)(z, NONE), transformers.TopKLogitsWarper(top)(NONE, z))


@pytest.mark.law("top-k")
def test_top_k_keeps_k_and_their_odds():
    z = logits()
    kept = build("top-k", k=7)(z, NONE)
    assert (kept.isfinite().sum(1) == 7).all()
    p, before = kept.softmax(1), z.softmax(1)
    ratio = (p / before).where(kept.isfinite(), torch.nan)
    assert (ratio.nan_to_num(-torch.inf).amax(1) - ratio.nan_to_num(torch.inf).amin(1)).max() < 1e-9
    assert (build("top-k", k=2)(torch.ones(8, 5), NONE) == 1).all()


@pytest.mark.oracle("top-p")
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_top_p(share, scale):
    z = logits(700, scale=scale)  # so flat that 64 tokens, and 512, may not be enough
    same(build("top-p", p=share)(z, NONE), transformers.TopPLogitsWarper(share)(NONE, z))


@pytest.mark.law("top-p")
def test_top_p_is_the_smallest_set_that_holds_the_share():
    z = logits()
    p = z.softmax(1)
    kept = build("top-p", p=0.8)(z, NONE).isfinite()
    held = (p * kept).sum(1)
    assert (held >= 0.8 - 1e-12).all()
    assert (held - p.where(kept, 2.0).amin(1) < 0.8).all()
    assert (build("top-p", p=0.1)(torch.ones(8, 5), NONE) == 1).all()


@pytest.mark.oracle("min-p")
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 1.0])
def test_min_p(share):
    z = logits()
    same(build("min-p", p=share)(z, NONE), transformers.MinPLogitsWarper(share)(NONE, z))


@pytest.mark.law("min-p")
def test_min_p_keeps_the_best():
    z = torch.tensor([[1.0, 3.0, 3.0, 2.0]])
    assert build("min-p", p=1.0)(z, NONE[:1]).isfinite().tolist() == [[False, True, True, False]]
    z = logits()
    assert (build("min-p", p=0.9)(z, NONE).argmax(1) == z.argmax(1)).all()


@pytest.mark.oracle("repetition-penalty")
@pytest.mark.parametrize("factor", [0.5, 1.0, 1.3])
def test_repetition_penalty(factor):
    z, seen = logits(), torch.randint(0, 300, (8, 40), generator=torch.Generator().manual_seed(1))
    same(
        build("repetition-penalty", repetition_penalty=factor)(z, seen),
        transformers.RepetitionPenaltyLogitsProcessor(factor)(seen, z),
    )


@pytest.mark.law("repetition-penalty")
def test_only_seen_tokens_are_less_likely():
    z = logits(6)
    seen = torch.tensor([[-1, -1, 3, 2, 2]]).expand(8, -1)
    less = build("repetition-penalty", repetition_penalty=2.0)(z, seen)
    assert torch.equal(less[:, [0, 1, 4, 5]], z[:, [0, 1, 4, 5]])
    assert (less[:, [2, 3]] < z[:, [2, 3]]).all()


@pytest.mark.oracle("greedy")
def test_greedy():
    z = logits().round()  # with ties
    kept = build("greedy")(z, NONE)
    best = torch.from_numpy(np.argmax(z.numpy(), axis=1))
    assert (kept.isfinite().sum(1) == 1).all()
    same(kept.gather(1, best[:, None]), z.gather(1, best[:, None]))


@pytest.mark.law("greedy")
def test_greedy_draws_the_likeliest():
    z = logits(scale=0.01)
    for seed in range(5):
        drawn = draw(build("greedy")(z, NONE), torch.Generator().manual_seed(seed))
        assert torch.equal(drawn, z.argmax(1))
    assert torch.equal(draw(z), z.argmax(1))


@pytest.mark.law("temperature")
def test_tokens_come_as_often_as_softmax_says():
    z = torch.tensor([[0.3, -torch.inf, 1.2, -1.0, 0.0, -torch.inf]])
    n = 40_000
    drawn = draw(z.expand(n, -1), torch.Generator().manual_seed(0))
    counts, p = torch.bincount(drawn, minlength=6), z[0].softmax(0)
    assert not counts[p == 0].any()
    expected = n * p[p > 0]
    chi = ((counts[p > 0] - expected) ** 2 / expected).sum()
    assert chi < 16.3  # 3 degrees of freedom: one in a thousand


def test_a_generator_for_each_row_makes_it_independent_of_the_others():
    z = logits()

    def drawn(rows):
        return draw(z[rows], [torch.Generator().manual_seed(row) for row in rows]).tolist()

    whole = drawn(list(range(8)))
    assert [drawn([row])[0] for row in range(8)] == whole
    assert drawn([6, 2]) == [whole[6], whole[2]]
    assert len(set(whole)) > 1


def test_the_largest_random_number_draws_a_possible_token(monkeypatch):
    monkeypatch.setattr(
        "cartograd.architectures.decoding.draw.uniform",
        lambda rows, generator: torch.full((rows,), 1 - 2**-53, dtype=torch.float64),
    )
    z = torch.tensor([[1.0, 2.0, -torch.inf], [-torch.inf, 0.1, -torch.inf]])
    assert draw(z, torch.Generator()).tolist() == [1, 1]
    monkeypatch.setattr(
        "cartograd.architectures.decoding.draw.uniform",
        lambda rows, generator: torch.zeros(rows, dtype=torch.float64),
    )
    assert draw(torch.tensor([[-torch.inf, 0.1, 3.0]]), torch.Generator()).tolist() == [1]


@pytest.mark.oracle("no-repeat-ngram")
@pytest.mark.parametrize("ngram", [1, 2, 3])
def test_no_repeat_ngram(ngram):
    z = logits(12)
    seen = torch.randint(0, 4, (8, 20), generator=torch.Generator().manual_seed(1))
    for t in (0, 1, 2, 9, 20):
        theirs = transformers.NoRepeatNGramLogitsProcessor(ngram)(seen[:, :t], z)
        same(build("no-repeat-ngram", ngram=ngram)(z, seen[:, :t]), theirs)


@pytest.mark.law("no-repeat-ngram")
def test_no_ngram_is_written_twice():
    rule, z = build("no-repeat-ngram", ngram=2), torch.arange(5.0).expand(3, 5)
    seen = torch.tensor([[-1, -1], [-1, 2], [4, 4]])
    for _ in range(8):
        seen = torch.cat([seen, rule(z, seen).argmax(1, keepdim=True)], 1)
    for row in seen.tolist():
        pairs = [pair for pair in pairwise(row) if -1 not in pair]
        assert len(set(pairs)) == len(pairs)
    full = build("no-repeat-ngram", ngram=1)(torch.zeros(1, 2), torch.tensor([[0, 1]]))
    assert torch.equal(full, torch.zeros(1, 2))
