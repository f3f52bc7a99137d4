"""Streamed examples: batch for batch what a split in memory gives."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.protocols import Batches
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.streamed import Streamed

SIGNATURE = Signature(
    (Port("image", "image", (1, 2, 2), bounds=(0.0, 1.0)),), (Port("class", "label", (3,)),)
)
READ: list[str] = []


def load(name):
    READ.append(name)
    return torch.full((1, 2, 2), int(name), dtype=torch.uint8)


def pair(workers=0):
    targets = torch.arange(23) % 3
    streamed = Streamed(load, [str(i) for i in range(23)], targets, SIGNATURE, workers=workers)
    stored = torch.arange(23, dtype=torch.uint8).reshape(23, 1, 1, 1).expand(23, 1, 2, 2)
    return streamed, Split(stored, targets, SIGNATURE)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("args", [{}, {"shuffle": False}, {"drop_last": True}])
def test_equals_memory(args, workers):
    streamed, split = pair(workers)
    one, two = (part.batches(batch_size=5, **args) for part in (streamed, split))
    assert len(one) == len(two)
    for start in (0, 3):
        left = list(one.epoch(4, seed=1, start=start))
        right = list(two.epoch(4, seed=1, start=start))
        assert len(left) == len(right) == len(two) - start
        for (x, y), (u, v) in zip(left, right, strict=True):
            assert torch.equal(x, u)
            assert torch.equal(y, v)
            assert x.dtype == torch.float32


def test_start_reads_no_earlier_example():
    streamed, _ = pair()
    READ.clear()
    list(streamed.batches(batch_size=5).epoch(0, seed=0, start=4))
    assert len(READ) == 3


def test_global_generator_is_left_alone():
    streamed, _ = pair()
    state = torch.get_rng_state()
    list(streamed.batches(batch_size=5).epoch(0, seed=0))
    assert torch.equal(torch.get_rng_state(), state)


def test_select_reads_into_memory():
    streamed, split = pair()
    some, same = streamed.select([4, 2]), split.select([4, 2])
    assert isinstance(some, Split)
    assert torch.equal(some.inputs, same.inputs)
    assert torch.equal(some.targets, same.targets)
    assert some.names == ("4", "2")
    assert streamed.name(7) == "7"
    assert isinstance(streamed.batches(), Batches)


def load_badly(name):
    raise UsageError(f"{name} is not a readable picture; mend it")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_example_is_one_clear_line(workers):
    streamed = Streamed(load_badly, ["a.png"], torch.tensor([0]), SIGNATURE, workers=workers)
    with pytest.raises(UsageError, match=r"^a.png is not a readable picture; mend it$"):
        list(streamed.batches().epoch(0, seed=0))
