"""A batch in the middle of a run that is wrong: a line that names it, and nothing learned lost."""

import re

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from cartograd.core.batch_error import BatchError
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.engine.inputs.stream import as_batches
from cartograd.engine.loop.faulty import Inspected
from cartograd.engine.loop.fit import fit

X = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()
WRONG = 50
"""The example that is wrong; batches are of 8, so it is in the seventh."""


class Examples(Dataset):
    def __init__(self, wrong=None):
        self.wrong = wrong

    def __len__(self):
        return len(X)

    def __getitem__(self, place):
        if self.wrong is None or place != WRONG:
            return X[place], int(Y[place])
        return self.wrong()


def unreadable():
    raise OSError("the file is damaged")


FAULTS = {
    "class": (lambda: (X[0], 7), 8, "batch 7 has the class 7 in its row 3; expected 0 to 1"),
    "negative": (lambda: (X[0], -1), 8, "batch 7 has the class -1 in its row 3; expected 0 to 1"),
    "shape": (lambda: (X[0, :3], 1), 1,
              "batch 51 holds float32 1x3, int64 1; expected float32 1x4, int64 1"),
    "type": (lambda: (X[0], 1.0), 1,
             "batch 51 holds float32 1x4, float64 1; expected float32 1x4, int64 1"),
    "stacked": (lambda: (X[0, :3], 1), 8, "batch 7 cannot be made: RuntimeError: stack expects"),
    "unreadable": (unreadable, 8, "batch 7 cannot be made: OSError: the file is damaged"),
}  # fmt: skip


def objective():
    signature = Signature(
        (Port("x", "vector", (4,)),), (Port("class", "label", (2,), labels=("a", "b")),)
    )
    torch.manual_seed(0)
    return build("classify", model=build("mlp:widths=[4]", kind="model", signature=signature))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_batch_is_named_and_what_was_learned_is_kept(fault, tmp_path):
    wrong, size, line = FAULTS[fault]
    whole = objective()
    fit(whole, DataLoader(Examples(), batch_size=size), epochs=1, folder=tmp_path / "whole")
    loader = DataLoader(Examples(wrong), batch_size=size)
    with pytest.raises(UsageError) as told:
        fit(objective(), loader, epochs=1, folder=tmp_path / "run")
    said = str(told.value)
    assert said.startswith(f"epoch 1: {line}")
    assert "\n" not in said
    assert f"the checkpoint of step {WRONG // size} is kept in {tmp_path / 'run'}" in said
    mended = objective()
    loader = DataLoader(Examples(), batch_size=size)
    with pytest.warns(UserWarning, match="was written with training data"):
        done = fit(mended, loader, epochs=1, folder=tmp_path / "run", resume=True, exact=False)
    assert done.steps == len(X) // size
    for ours, theirs in zip(mended.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_wrong_batch_of_the_validation_is_named_and_the_epoch_is_kept(tmp_path):
    wrong = DataLoader(Examples(lambda: (X[0], 7)), batch_size=8)
    loader = DataLoader(Examples(), batch_size=8)
    with pytest.raises(UsageError, match="validation: batch 7 has the class 7 in") as told:
        fit(objective(), loader, validate=wrong, epochs=1, folder=tmp_path / "run")
    assert "the checkpoint of step 10 is kept" in str(told.value)


def test_an_error_that_no_batch_explains_stays_as_it_is():
    class Broken:
        def __init__(self):
            self.inner, self.calls = objective(), 0
            self.players = self.inner.players

        def losses(self, batch):
            self.calls += 1
            if self.calls > 3:
                raise ZeroDivisionError("ours")
            yield from self.inner.losses(batch)

    with pytest.raises(ZeroDivisionError, match="ours"):
        fit(Broken(), DataLoader(Examples(), batch_size=8), epochs=1)


@pytest.mark.parametrize("fault", ["class", "negative", "shape"])
def test_what_would_end_a_gpu_is_seen_before_it_gets_there(fault):
    make, size, message = FAULTS[fault]
    model = objective().players["model"]
    batches = as_batches(DataLoader(Examples(make), batch_size=size))
    seen = Inspected(batches, model).epoch(0, seed=0)
    with pytest.raises(BatchError, match=re.escape(f"epoch 1: {message}")):
        list(seen)
    sound = Inspected(as_batches(DataLoader(Examples(), batch_size=8)), model, "validation")
    assert len(list(sound.epoch(0, seed=0))) == len(sound) == 10
