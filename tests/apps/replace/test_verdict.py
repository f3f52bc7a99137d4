"""Margins with their units, the three verdicts, and how seldom a loss of the margin is let in."""

import math

import numpy as np
import pytest
import torch

from cartograd.apps.replace.margin import Margin, limits, margins
from cartograd.apps.replace.verdict import LEVEL, judged, needed
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.practice.metrics.paired_share import bounds

TWO = Signature((Port("x", "vector", (1,)),), (Port("side", "label", (2,), labels=("no", "yes")),))
VALUE = Signature((Port("x", "vector", (1,)),), (Port("y", "value", (1,)),))
ACCURACY = Margin("accuracy", 0.05, higher=True)


def answers(right):
    """Probabilities that name the truth, class 0, where it is said."""
    sure = torch.where(right, 0.9, 0.1).double()
    return torch.stack([sure, 1 - sure], 1)


def of(n, only_a, only_b, margin=ACCURACY, **more):
    """The verdict of so many examples that one alone gets right."""
    a, b = torch.ones(n, dtype=torch.bool), torch.ones(n, dtype=torch.bool)
    b[:only_a] = False
    a[only_a : only_a + only_b] = False
    return judged(margin, TWO, (answers(a), answers(b)), torch.zeros(n, dtype=torch.int64), **more)


def test_margins_are_in_the_units_of_their_metrics():
    found = margins(["accuracy=0.5%", "nll=0.02", "f1:average=macro=1%"])
    assert [(one.metric, round(one.most, 6), one.higher) for one in found] == [
        ("accuracy", 0.005, True), ("nll", 0.02, False), ("f1:average=macro", 0.01, True),
    ]  # fmt: skip
    assert margins({"accuracy": "1%"}) == margins("accuracy=1%")
    assert limits("latency=5ms, size=2MB") == {"latency": 0.005, "size": 2e6}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("accuracy=0.5", "has no unit; accuracy is in percent.*accuracy=0.5%"),
        ("accuracy", "has no value"),
        ("accuracy=-1%", "out of range"),
        ("accuracy=0%", "out of range"),
        ("nll=2%", "no unit '%'"),
        ("nll=few", "is no number"),
        ("acuracy=1%", "did you mean 'accuracy'"),
        ("accuracy=1%,accuracy=2%", "given twice"),
        ("", "expected one: accuracy=0.5%"),
    ],
)
def test_a_margin_without_unit_or_sense_is_refused(line, said):
    with pytest.raises(UsageError, match=said):
        margins(line)


@pytest.mark.parametrize(
    ("line", "said"),
    [("latency=5", "no number with a unit"), ("latncy=5ms", "did you mean 'latency'"),
     ("size=0MB", "out of range")],
)  # fmt: skip
def test_a_limit_without_unit_or_sense_is_refused(line, said):
    with pytest.raises(UsageError, match=said):
        limits(line)


def test_three_verdicts():
    assert of(1000, 5, 5).word == "may"
    assert of(1000, 90, 5).word == "may not"
    few = of(60, 2, 2)
    assert few.word == "too few"
    assert few.more is not None
    more = 60 + few.more
    scaled = of(more, round(2 * more / 60), round(2 * more / 60))
    assert scaled.word == "may", "as many as were asked for decide, if they are of the same shares"


def test_a_gain_is_a_gain_whichever_side_of_the_metric_is_better():
    n = 400
    a, b = (torch.full((n, 2), 0.5, dtype=torch.float64) for _ in range(2))
    b[:, 0], b[:, 1] = 0.8, 0.2
    found = judged(Margin("nll", 0.02, higher=False), TWO, (a, b), torch.zeros(n).long())
    assert found.word == "may"
    assert found.gain == pytest.approx(math.log(0.8 / 0.5))
    lost = judged(Margin("nll", 0.02, higher=False), TWO, (b, a), torch.zeros(n).long())
    assert (lost.word, lost.gain) == ("may not", pytest.approx(-found.gain))


def test_values_are_judged_in_their_unit():
    draw = torch.Generator().manual_seed(0)
    y = torch.randn(300, 1, generator=draw)
    a, b = (y + s * torch.randn(300, 1, generator=draw) for s in (1.0, 1.6))
    margin = Margin("mae", 0.1, higher=False)
    assert judged(margin, VALUE, (a.double(), b.double()), y).word == "may not"
    assert judged(margin, VALUE, (b.double(), a.double()), y).word == "may"


def test_a_failure_by_one_of_several_margins_takes_a_wider_bound():
    alone, one_of_ten = of(400, 30, 8), of(400, 30, 8, margins=10)
    assert one_of_ten.high > alone.high
    assert one_of_ten.low == alone.low


def test_no_number_of_examples_decides_at_the_margin_itself():
    assert needed(lambda n: -0.05 - 1 / math.sqrt(n), -0.05, 0.05, 100) is None
    assert of(100, 5, 0).more is None


def test_a_loss_of_the_margin_is_let_in_at_most_once_in_twenty():
    """B's likelihood is worse by the margin on average; 300 samples of 150 examples are drawn."""
    rng, margin, n, let_in, drawn = np.random.default_rng(3), 0.05, 150, 0, 300
    for _ in range(drawn):
        sure = rng.uniform(0.3, 0.9, n)
        worse = sure * np.exp(-(rng.gamma(1.0, 0.15, n) - 0.15) - margin)
        pair = tuple(torch.tensor(np.stack([p, 1 - p], 1)) for p in (sure, worse))
        found = judged(Margin("nll", margin, higher=False), TWO, pair, torch.zeros(n).long())
        let_in += found.word == "may"
    assert let_in / drawn <= 1 - LEVEL
    assert let_in > 0


def test_a_loss_of_the_margin_in_accuracy_is_let_in_at_most_once_in_twenty():
    """4,000 samples of 150 examples; that it is exact is shown of the bounds themselves."""
    rng, n, drawn = np.random.default_rng(4), 150, 4000
    counts = rng.multinomial(n, [0.1, 0.05, 0.85], size=drawn)
    ends = [bounds(int(b), int(a), n) for a, b, _ in counts]
    let_in = np.mean([low > -0.05 for low, _ in ends])
    sent_off = np.mean([high < -0.05 for _, high in ends])
    assert 0.02 < let_in <= 1 - LEVEL
    assert 0.02 < sent_off <= 1 - LEVEL
