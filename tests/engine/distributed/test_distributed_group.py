"""Two processes end where one does: the same weights, the same losses, the same metrics."""

import pytest
import torch
from torch import Tensor

from tests.engine.distributed import pair

TOGETHER = list(pair.CHECKS)


@pytest.fixture(scope="session")
def two(pairs):
    """What each of the processes found, by check."""
    done = pairs(*TOGETHER)
    assert done.codes() == [0, 0], "\n".join(done.errors)
    return {
        name: [torch.load(done.folder / f"{name}-{rank}.pt") for rank in range(2)]
        for name in TOGETHER
    }


def numbers(value, place=""):
    """The tensors and numbers of a nest, by where they are."""
    if isinstance(value, Tensor):
        yield place, value.double()
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from numbers(item, f"{place}/{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from numbers(item, f"{place}/{i}")
    elif isinstance(value, float):
        yield place, torch.tensor(value, dtype=torch.float64)


def close(found, expected, tolerance=1e-12):
    found, expected = dict(numbers(found)), dict(numbers(expected))
    assert found.keys() == expected.keys()
    for place, number in expected.items():
        # The engine averages what is no loss in float32.
        atol = 1e-6 if place.endswith(("accuracy", "gap")) else tolerance
        torch.testing.assert_close(found[place], number, atol=atol, rtol=0, msg=place)


@pytest.mark.parametrize("check", TOGETHER)
def test_two_processes_equal_one(two, check, tmp_path):
    alone = pair.CHECKS[check](tmp_path)
    assert len(dict(numbers(alone))) > 10
    for found in two[check]:
        close(found, alone)
