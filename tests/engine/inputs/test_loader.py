"""A DataLoader goes on where it was, whatever its dataset draws from and in which process."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)

from cartograd.engine.inputs.stream import as_batches
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import fit
from tests.engine.checkpoint.test_chains import Stopping
from tests.engine.checkpoint.test_resume import assert_same, ends
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import mlp, quadrants


class Augmented(Dataset):
    """Noise from each of the three generators that people use."""

    def __init__(self, n=64):
        self.x, self.y = quadrants(n)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        noise = torch.randn(2) + random.random() + float(np.random.rand())  # noqa: NPY002
        return self.x[index] + noise, self.y[index]


class Streamed(IterableDataset):
    def __iter__(self):
        for index in range(64):
            yield Augmented()[index]


def everything(source, start=0, epoch=1):
    return list(as_batches(source).epoch(epoch, seed=3, start=start))


@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
def test_an_epoch_is_a_function_of_seed_and_number(workers, persistent):
    options = {"num_workers": workers, "persistent_workers": persistent}
    expected = everything(DataLoader(Augmented(), batch_size=8, shuffle=True))
    loader = as_batches(DataLoader(Augmented(), batch_size=8, shuffle=True, **options))
    for start in (0, 5):  # the workers have drawn before, and the second starts in the middle
        torch.rand(start), random.random(), np.random.rand()  # noqa: NPY002
        list(loader.epoch(0, seed=3))
        assert_same(expected[start:], list(loader.epoch(1, seed=3, start=start)))
    other = list(loader.epoch(2, seed=3))
    assert not torch.equal(other[0][0], expected[0][0])


def test_samplers_of_any_kind_and_lone_examples():
    weights = torch.rand(64)
    drawn = WeightedRandomSampler(weights, 40, generator=torch.Generator().manual_seed(9))
    own = torch.Generator().manual_seed(9)
    for make in (
        lambda: DataLoader(Augmented(), batch_size=8, sampler=drawn, drop_last=True),
        lambda: DataLoader(Augmented(), batch_size=8, shuffle=True, generator=own),
        lambda: DataLoader(Augmented(), batch_size=None, shuffle=True),
        lambda: DataLoader(TensorDataset(*quadrants(64)), batch_sampler=[[1, 2], [3], [4, 5]]),
    ):
        loader = make()
        expected = everything(loader)
        assert len(expected) == len(loader)
        everything(loader, epoch=0)
        assert_same(expected[2:], everything(make(), start=2))


class Noted(Dataset):
    """Says what its worker knows."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        info = get_worker_info()
        return torch.tensor([index, info.id, info.dataset is self, self.begun])


def begin(worker):
    get_worker_info().dataset.begun = 7 + worker


def test_a_worker_begins_as_its_user_wants():
    loader = DataLoader(Noted(), num_workers=2, worker_init_fn=begin)
    rows = torch.cat([batch[0] for batch in everything(loader)]).tolist()
    assert rows == [[0, 0, 1, 7], [1, 1, 1, 8], [2, 0, 1, 7], [3, 1, 1, 8]]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_can_only_be_iterated_is_made_again(workers):
    """The batches before the place are made and dropped; in workers by torch's own seeds."""
    loader = DataLoader(Streamed(), batch_size=8, num_workers=workers)
    expected = everything(loader)
    random.random()
    assert_same(expected[3:], everything(loader, start=3))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_goes_on_to_the_bit(workers, tmp_path):
    def run(folder, *, resume=False, stop=()):
        objective = Supervised(mlp(2, 8, 2, dropout=0.5))
        batches = DataLoader(Augmented(), batch_size=8, shuffle=True, num_workers=workers)
        more = {"folder": folder, "resume": resume, "callbacks": [Stopping(at) for at in stop]}
        return objective, fit(objective, batches, epochs=3, **more)

    expected = ends(*run(tmp_path / "whole"))
    assert run(tmp_path / "run", stop=[12])[1].stopped == "interrupted"
    found = ends(*run(tmp_path / "run", resume=True))
    expected["parts"].pop("callbacks"), found["parts"].pop("callbacks")
    assert_same(expected, found)


@pytest.mark.untyped  # the hook draws from Python's own random numbers
def test_the_caller_s_generators_are_left_as_they_were():
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    fit(Supervised(mlp(2, 4, 2)), DataLoader(Augmented(), batch_size=8), epochs=1)
    collect(mlp(2, 4, 2), DataLoader(Augmented(), batch_size=8))
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == random.getstate()
    assert np.array_equal(states[2], np.random.get_state()[1])  # noqa: NPY002
