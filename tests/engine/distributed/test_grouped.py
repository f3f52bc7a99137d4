"""Rates by depth and name where weights are sharded: equal to those of a single process."""

import pytest
import torch

from tests.engine.distributed import pair
from tests.engine.distributed.test_distributed_group import close


@pytest.fixture(scope="session")
def two(pairs):
    done = pairs(*pair.GROUPED)
    assert done.codes() == [0, 0], "\n".join(done.errors)
    return {
        name: [torch.load(done.folder / f"{name}-{rank}.pt") for rank in range(2)]
        for name in pair.GROUPED
    }


@pytest.mark.parametrize("what", pair.WITH)
@pytest.mark.parametrize("parallel", ["fsdp", "tensor"])
def test_two_processes_end_where_one_does(two, parallel, what):
    options = pair.RATES | pair.WITH[what]
    alone = pair.spread("ddp", **options)
    for found in two[f"{parallel} {what}"]:
        close(found, alone)


@pytest.mark.parametrize("what", pair.WITH)
def test_the_rates_matter(what):
    """Else the test above would pass without any."""
    options = pair.RATES | pair.WITH[what]
    alone = pair.spread("ddp", **options)["weights"]
    plain = options | {"layer_decay": None, "groups": None}
    without = pair.spread("ddp", **plain)["weights"]
    assert all(not torch.allclose(alone[key], without[key]) for key in alone)
