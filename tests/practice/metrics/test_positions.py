"""Metrics where each position has a label: by rows, streamed, and whatever the tokens are."""

import math

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.vocabularies import characters, pieces, words
from cartograd.practice.metrics import positions
from cartograd.practice.metrics.bits_per_byte import bits_per_byte, sizes_of
from cartograd.practice.metrics.perplexity import perplexity
from cartograd.practice.metrics.proportion import exact


def batch(rows=6, width=5, tokens=7, seed=0):
    """Logits, and targets of rows that end at different places."""
    draw = torch.Generator().manual_seed(seed)
    outputs = torch.randn(rows, width, tokens, generator=draw, dtype=torch.float64)
    targets = torch.randint(tokens, (rows, width), generator=draw)
    ends = torch.arange(rows)[:, None] % width + 1
    return outputs, targets.where(torch.arange(width) < ends, -100)


@pytest.mark.parametrize("name", ["accuracy", "accuracy:k=2", "nll", "perplexity", "bits-per-byte"])
def test_rows_give_what_all_positions_give(name):
    outputs, targets = batch()
    measure = build(name, kind="metric")
    known = targets >= 0
    expected = measure(outputs[known], targets[known])
    reduce = positions.reducer({name: measure})
    rows = torch.cat([reduce(outputs[:2], targets[:2]), reduce(outputs[2:, :], targets[2:, :])])
    values, intervals, doubts = positions.figures({name: measure}, rows)
    assert values[name] == pytest.approx(expected, rel=1e-6)
    low, high = intervals[name]
    assert low < expected < high
    assert doubts[name] == "6 examples, and 30 are the least" or name != "nll"


def test_several_metrics_at_once():
    outputs, targets = batch()
    measures = {name: build(name, kind="metric") for name in ("nll", "accuracy")}
    rows = positions.reducer(measures)(outputs, targets)
    values, *_ = positions.figures(measures, rows)
    for name, measure in measures.items():
        alone = positions.reducer({name: measure})(outputs, targets)
        assert values[name] == positions.figures({name: measure}, alone)[0][name]
    assert not positions.reducible(build("f1", kind="metric"))
    assert positions.reducible(build("nll", kind="metric"))


def test_positions_of_a_row_that_go_together_count_for_fewer():
    """Forty rows of ten: all right or all wrong, they are as uncertain as forty alone."""
    measure = build("accuracy", kind="metric")
    right = torch.tensor([10.0] * 30 + [0.0] * 10, dtype=torch.float64)
    together = torch.stack([right, torch.full((40,), 10.0).double()], 1)
    low, high = positions.figures({"accuracy": measure}, together)[1]["accuracy"]
    assert (low, high) == pytest.approx(exact(30, 40), abs=0.01)
    apart = torch.stack([torch.full((40,), 7.5), torch.full((40,), 10.0)], 1).double()
    apart[::2, 0] += 0.5
    apart[1::2, 0] -= 0.5
    low, high = positions.figures({"accuracy": measure}, apart)[1]["accuracy"]
    assert (low, high) == pytest.approx(exact(300, 400), abs=1e-9)  # not more than there are


@pytest.mark.law("perplexity")
def test_perplexity_of_knowing_nothing_and_of_known_probabilities():
    assert perplexity(torch.zeros(9, 50), torch.arange(9)) == pytest.approx(50)
    chances = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], dtype=torch.float64)
    expected = (1 / 0.25 * 1 / 0.8) ** 0.5
    assert perplexity(chances.log(), torch.tensor([1, 1])) == pytest.approx(expected, rel=1e-12)


@pytest.mark.law("perplexity")
def test_padding_does_not_count_and_rows_are_summed_first():
    outputs, targets = batch()
    known = targets >= 0
    nll = torch.nn.functional.cross_entropy(outputs[known], targets[known])
    assert perplexity(outputs, targets) == pytest.approx(math.exp(nll), rel=1e-6)


@pytest.mark.law("bits-per-byte")
def test_one_distribution_has_one_number_of_bits_however_it_is_cut():
    """Independent bytes a and b, and the same text as pairs: aa, ab, ba, bb."""
    p = torch.tensor([0.7, 0.3], dtype=torch.float64)
    text = torch.tensor([0, 1, 1, 0, 0, 0, 1, 0])
    single = bits_per_byte(p.log().expand(8, 2), text)
    pairs = torch.outer(p, p).flatten()
    double = bits_per_byte(pairs.log().expand(4, 4), 2 * text[::2] + text[1::2], sizes=(2,) * 4)
    assert single == pytest.approx(double, rel=1e-12)
    assert single == pytest.approx(-float(p.log2()[text].mean()), rel=1e-12)


@pytest.mark.law("bits-per-byte")
def test_bits_of_bytes_of_which_nothing_is_known():
    outputs, targets = torch.zeros(3, 5, 256), torch.randint(256, (3, 5))
    targets[1, 2:] = -100
    assert bits_per_byte(outputs, targets) == pytest.approx(8, rel=1e-6)
    with pytest.raises(UsageError, match="sizes has 3 numbers; expected 256"):
        bits_per_byte(outputs, targets, sizes=(1, 1, 1))
    assert math.isnan(bits_per_byte(outputs, targets, sizes=(0,) * 256))


@pytest.mark.parametrize("make", [pieces, characters])
def test_the_bytes_of_tokens_are_those_of_the_text(make):
    texts = ["naïve café — 在夜晚", "the cat, the hat"] * 3
    tokenizer = make(texts, vocabulary=320)
    sizes = sizes_of(tokenizer, 330)
    assert len(sizes) == 330
    assert set(sizes[:5]) == {0}
    for text in texts:
        assert sum(sizes[i] for i in tokenizer.encode(text)) == len(text.encode())


def test_the_bytes_of_other_vocabularies():
    assert sizes_of(Tokenizer.bytes(special=True), 260) == (1,) * 256 + (0,) * 4
    found = words(["né a"], vocabulary=9)
    assert sizes_of(found, 7)[5:] == (1, 3)
