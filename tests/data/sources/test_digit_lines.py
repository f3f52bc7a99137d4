"""Lines of digits: what is in them, and that no digit is on both sides."""

import pytest
import torch
import torch.nn.functional as F

from cartograd.core.errors import UsageError
from cartograd.data.sources.digit_lines import digit_lines
from cartograd.data.sources.digits import digits


@pytest.mark.law("digit-lines")
def test_each_line_holds_its_digits_in_order():
    data, source = digit_lines(examples=20), digits()
    large = F.interpolate(source.train.inputs, (32, 32), mode="bilinear")
    labels = data.signature.output.labels
    for line, target in zip(data.train.inputs[:5], data.train.targets[:5], strict=True):
        own = target[target >= 0]
        assert 3 <= len(own) <= 5
        assert (target[len(own) :] == -100).all()
        ends = 4 + 34 * (len(own) - 1) + 32
        assert not line[:, :, ends:].any()
        first = line[:, :, 4 : 4 + 24]
        digit = large[source.train.targets == int(labels[own[0]])][:, :, :, :24]
        assert (digit - first).abs().amax((1, 2, 3)).min() == 0  # the next one begins later


def test_the_seed_says_what_stands_where():
    one, two, other = (digit_lines(examples=10, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.train.inputs, two.train.inputs)
    assert not torch.equal(one.train.inputs, other.train.inputs)
    with pytest.raises(UsageError, match="examples=4 is out of range"):
        digit_lines(examples=4)
