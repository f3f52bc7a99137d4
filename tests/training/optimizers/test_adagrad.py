import pytest
import torch

from cartograd.training.optimizers import adagrad
from tests.training.optimizers.support import close, ours, torchs


@pytest.mark.oracle("adagrad")
def test_equals_torch_without_a_floor():
    found = ours(adagrad.update, lr=0.1, eps=0.0)
    close(found, torchs(torch.optim.Adagrad, lr=0.1, eps=0.0))


@pytest.mark.law("adagrad")
def test_steps_fall_with_the_root_of_time():
    start = torch.zeros(2, dtype=torch.float64)
    path = ours(adagrad.update, lr=0.1, eps=0.0, start=start, slope=lambda _: start + 7)
    lengths = -torch.diff(path, dim=0, prepend=start[None])[:, 0]
    close(lengths, 0.1 / torch.arange(1, 21, dtype=torch.float64).sqrt())


@pytest.mark.law("adagrad")
def test_the_notes_floor_is_felt_earlier_than_torchs():
    start, small = torch.zeros(1, dtype=torch.float64), 1e-6
    settings = {"lr": 1.0, "steps": 1, "start": start, "slope": lambda _: start + small}
    assert ours(adagrad.update, eps=1e-10, **settings).item() == pytest.approx(-0.0995, abs=1e-4)
    theirs = torchs(torch.optim.Adagrad, eps=1e-10, **settings)
    assert theirs.item() == pytest.approx(-0.9999, abs=1e-4)
