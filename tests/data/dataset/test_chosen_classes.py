import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.data.sources.digits import digits


@pytest.mark.parametrize("without", [9, "9"])
def test_a_class_is_left_to_be_learned_later(without):
    whole, rest, alone = digits(), digits(without=without), digits(only=without)
    for name in ("train", "valid"):
        parts = [getattr(data, name) for data in (whole, rest, alone)]
        assert set(parts[1].targets.tolist()) == set(range(9))
        assert set(parts[2].targets.tolist()) == {9}
        assert sorted(parts[1].names + parts[2].names) == sorted(parts[0].names)
    for data in (rest, alone):
        assert data.test.names == whole.test.names
        assert data.signature.output.labels == whole.signature.output.labels
        mean = data.train.inputs.double().mean().item()
        assert data.signature.input.mean == pytest.approx((mean,), abs=1e-6)
    assert torch.equal(digits(only=None).test.inputs, whole.test.inputs)


def test_what_is_no_class_is_refused():
    with pytest.raises(UsageError, match="unknown class 'ten'"):
        digits(without="ten")
    with pytest.raises(UsageError, match="only=1 and without=2: give one of the two"):
        digits(only=1, without=2)
