"""Splits and their batches: a repeatable order, exact resumption, nothing lost or doubled."""

from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.protocols import Batches
from cartograd.data.dataset import dataset as module
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.plan import generator, order

PIXELS = Signature(
    (Port("image", "image", (1, 2, 2), bounds=(0.0, 1.0)),), (Port("digit", "label", (10,)),)
)


def numbered(count):
    """A split whose inputs tell which example they are."""
    signature = Signature((Port("x", "vector", (1,)),), (Port("y", "value", (1,)),))
    x = torch.arange(count, dtype=torch.float32)[:, None]
    return Split(x, x * 2, signature, [f"row {i}" for i in range(count)])


def ids(batches):
    return [x[:, 0].int().tolist() for x, _ in batches]


@given(
    count=st.integers(1, 60),
    size=st.integers(1, 20),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 5),
)
def test_every_example_exactly_once_in_an_epoch(count, size, seed, epoch):
    batches = numbered(count).batches(batch_size=size)
    seen = ids(batches.epoch(epoch, seed=seed))
    assert sorted(chain(*seen)) == list(range(count))
    assert len(seen) == len(batches)
    assert all(len(batch) == size for batch in seen[:-1])


@given(start=st.integers(0, 9), shuffle=st.booleans(), drop_last=st.booleans())
def test_start_equals_skipping(start, shuffle, drop_last):
    batches = numbered(37).batches(batch_size=4, shuffle=shuffle, drop_last=drop_last)
    assert ids(batches.epoch(2, seed=7, start=start)) == ids(batches.epoch(2, seed=7))[start:]


def test_start_makes_no_earlier_batch(monkeypatch):
    made = []
    convert = module.as_port
    monkeypatch.setattr(module, "as_port", lambda x, kind: made.append(len(x)) or convert(x, kind))
    batches = numbered(1000).batches(batch_size=10)
    assert len(list(batches.epoch(0, seed=0, start=98))) == 2
    assert made == [10, 10]


def test_order_is_a_function_of_seed_and_epoch():
    batches = numbered(50).batches(batch_size=8)
    first = ids(batches.epoch(0, seed=3))
    list(batches.epoch(1, seed=3))
    torch.rand(5)
    assert ids(batches.epoch(0, seed=3)) == first
    assert ids(batches.epoch(1, seed=3)) != first
    assert ids(batches.epoch(0, seed=4)) != first


def test_order_is_pinned():
    """Runs resume after an upgrade: the order may not change in silence."""
    assert order(8, seed=0, epoch=0).tolist() == [0, 6, 4, 5, 3, 2, 7, 1]


def test_global_generator_is_left_alone():
    state = torch.get_rng_state()
    list(numbered(20).batches().epoch(0, seed=0))
    generator(1, "a")
    assert torch.equal(torch.get_rng_state(), state)


def test_targets_stay_with_their_inputs():
    for x, y in numbered(30).batches(batch_size=7).epoch(0, seed=0):
        assert torch.equal(y, x * 2)


def test_unshuffled_keeps_the_order():
    batches = numbered(9).batches(batch_size=4, shuffle=False)
    assert list(chain(*ids(batches.epoch(5, seed=1)))) == list(range(9))


def test_drop_last():
    batches = numbered(10).batches(batch_size=4, drop_last=True)
    assert len(batches) == 2
    assert [len(batch) for batch in ids(batches.epoch(0, seed=0))] == [4, 4]


def test_a_batch_can_be_changed_without_harm():
    split = numbered(8)
    for shuffle in (True, False):
        for x, _ in split.batches(batch_size=4, shuffle=shuffle).epoch(0, seed=0):
            x.zero_()
    assert split.inputs[:, 0].tolist() == list(range(8))


def test_uint8_pixels_become_floats_batch_by_batch():
    stored = torch.arange(256, dtype=torch.uint8).reshape(64, 1, 2, 2)
    split = Split(stored, torch.zeros(64, dtype=torch.int64), PIXELS)
    whole = torch.cat([x for x, _ in split.batches(shuffle=False).epoch(0, seed=0)])
    assert whole.dtype == torch.float32
    assert torch.equal(whole, torch.arange(256).reshape(64, 1, 2, 2) / 255)
    assert torch.equal(whole, split.inputs)
    assert split.stored.dtype == torch.uint8


def test_bytes_of_text_become_classes():
    text = Signature((Port("text", "text", ("t",), dtype="int64"),), (Port("n", "label", (256,)),))
    stored = torch.randint(0, 256, (5, 3), dtype=torch.uint8)
    ((x, y),) = Split(stored, stored, text).batches(shuffle=False).epoch(0, seed=0)
    assert x.dtype == y.dtype == torch.int64
    assert torch.equal(x, stored.long())
    assert torch.equal(y, stored.long())


def test_select_and_names():
    part = numbered(10).select([7, 2])
    assert part.inputs[:, 0].tolist() == [7, 2]
    assert part.names == ("row 7", "row 2")
    assert part.name(1) == "row 2"
    assert Split(part.inputs, part.targets, part.signature).name(1) == "example 2"


def test_is_a_source_of_batches():
    assert isinstance(numbered(3).batches(), Batches)


def test_an_empty_split_has_no_batches():
    batches = numbered(5).select([]).batches(drop_last=True)
    assert len(batches) == 0
    assert list(batches.epoch(0, seed=0)) == []


def test_device_copy_holds_the_same():
    split = numbered(6).to("cpu")
    assert ids(split.batches(batch_size=4).epoch(0, seed=0)) == ids(
        numbered(6).batches(batch_size=4).epoch(0, seed=0)
    )


def test_repr_tells_the_sizes():
    split = numbered(4)
    data = Dataset("toy", split, split.select([0]), split.select([]), split.signature)
    assert repr(data) == "toy: 4 train, 1 valid, 0 test"
    assert repr(split) == "Split(4 examples of (1,))"


@pytest.mark.untyped
def test_parts_that_do_not_belong_together():
    split = numbered(5)
    with pytest.raises(UsageError, match="5 inputs, 4 targets"):
        Split(split.inputs, split.targets[:4], split.signature)
    with pytest.raises(UsageError, match="5 inputs, 5 targets and 1 names"):
        Split(split.inputs, split.targets, split.signature, ["one"])


@pytest.mark.untyped
def test_mistakes():
    split = numbered(5)
    with pytest.raises(UsageError, match="batch_size=0"):
        split.batches(batch_size=0)
    with pytest.raises(UsageError, match="drop_last leaves nothing of 5"):
        split.batches(batch_size=6, drop_last=True)
