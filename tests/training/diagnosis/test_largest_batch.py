import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.diagnosis.largest_batch import bisected, kept, largest_batch
from tests.conformance.support import global_state_untouched, untouched
from tests.engine.toys import mlp, quadrants


def net(features=10, hidden=50, classes=3):
    objective = build("classify", model=mlp(features, hidden, classes))
    return objective, (torch.randn(4, features), torch.arange(4) % classes)


def bytes_of(size, features=10, hidden=50, classes=3):
    """Kept of linear-relu-linear-cross-entropy: x, relu's output, log-probabilities; and y."""
    return size * (4 * (features + hidden + classes) + 8)


FIXED = 4 * (10 * 50 + 50 + 50 * 3 + 3)


@pytest.mark.law("largest-batch")
@pytest.mark.parametrize("memory", [0.0001, 0.001, 0.0123])
def test_bytes_and_size_are_those_of_the_formula(memory):
    objective, batch = net()
    extra = kept(objective, batch) - bytes_of(4)
    assert extra in range(5)  # the sum of the weights of cross-entropy's mean
    found = largest_batch(objective, batch, memory=memory, optimizers="sgd:lr=1")
    budget = int(memory * 2**30)
    assert found.budget == budget
    assert found.fixed == 2 * FIXED
    assert found.size == (budget - found.fixed - extra) // bytes_of(1)
    assert found.per_example == bytes_of(1)
    assert not found.capped


@pytest.mark.law("largest-batch")
@pytest.mark.parametrize("least", [1, 2, 37, 64, 999])
def test_a_device_that_refuses_above_a_size(least):
    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, x):
            if len(x) > least:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return self.inner(x)

    x, y = quadrants(1)
    found = largest_batch(build("classify", model=Small()), (x, y), memory=1.0, most=5000)
    assert found.size == least


def test_optimizers_keep_what_they_keep():
    objective, batch = net()
    plain, heavy = (
        largest_batch(objective, batch, memory=0.001, optimizers=spec) for spec in ("sgd", "adamw")
    )
    assert 2 * FIXED <= heavy.fixed - plain.fixed <= 2 * FIXED + 64  # two moments, and step counts


def test_shared_memory_counts_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(10, 5), nn.Linear(10, 5)

        def forward(self, x):
            return self.a(x) + self.b(x.view(-1, 10))

    x, y = torch.randn(8, 10), torch.arange(8) % 5
    assert kept(build("classify", model=Twice()), (x, y)) <= x.nbytes + y.nbytes + 8 * 5 * 4 + 4


def test_little_memory_and_much():
    objective, batch = net()
    assert largest_batch(objective, batch, memory=1e-6).size == 0
    found = largest_batch(objective, batch, memory=1.0, most=100)
    assert (found.size, found.capped) == (100, True)


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_bisection_finds_every_size(most):
    for true in range(most + 3):
        tried = []
        found = bisected(
            lambda size, true=true, tried=tried: tried.append(size) or size <= true, most=most
        )
        assert found == min(true, most)
        assert max(tried) <= most
        assert len(tried) == len(set(tried))


def test_batch_normalisation_and_what_is_left_behind():
    x, y = quadrants(16)
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2))
    with untouched(model), global_state_untouched():
        assert largest_batch(build("classify", model=model), (x, y), memory=0.001).size > 100


@pytest.mark.parametrize(
    ("memory", "rows", "message"), [(0.0, 4, "leaves no room"), (1.0, 0, "no examples")]
)
def test_wrong_options_are_one_line(memory, rows, message):
    x, y = quadrants(4)
    with pytest.raises(UsageError, match=message):
        largest_batch(build("classify", model=mlp(2, 4, 2)), (x[:rows], y[:rows]), memory=memory)
