"""Training with augmentation: stopped, killed and resumed; refused where it does not fit."""

import os
import signal

import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from tests.programs import Program

pytestmark = pytest.mark.journey


class Killing:
    """Batches that end this process without a word when it asks for one of them."""

    def __init__(self, batches, number):
        self.batches, self.number = batches, number

    def __len__(self):
        return len(self.batches)

    def epoch(self, number, /, *, seed, start=0):
        batches = self.batches.epoch(number, seed=seed, start=start)
        for i, batch in enumerate(batches, start=start):
            if number * len(self) + i == self.number:
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch


def trained(folder, kill=None, *, resume=False):
    data = cg.dataset("digits")
    part = data.train.select(range(150))
    batches = part.batches(batch_size=32, augment="affine,crop:padding=1,erase,blur,rand-augment")
    torch.manual_seed(1)
    model = cg.build("mlp:widths=[16],dropout=0.2", signature=data.signature)
    objective = cg.build("classify", model=model)
    source = batches if kill is None else Killing(batches, kill)
    options = {"epochs": 3, "seed": 7, "accumulate": 2, "save_every": 2}
    cg.fit(objective, source, folder=folder, resume=resume, **options)
    return [p.detach().clone() for p in model.parameters()]


def test_killed_and_resumed_equals_unbroken(tmp_path):
    expected = trained(tmp_path / "whole")
    for number in (5, 8, 13):
        folder = tmp_path / f"killed-{number}"
        program = Program(trained, folder, number)
        program.communicate()
        assert program.returncode == -signal.SIGKILL
        again = trained(folder, resume=True)
        assert all(torch.equal(a, b) for a, b in zip(expected, again, strict=True))
        logs = [(path / "metrics.jsonl").read_bytes() for path in (tmp_path / "whole", folder)]
        assert logs[0] == logs[1]


def test_only_training_batches_are_changed(tmp_path):
    """The same model without a step: validation and test do not know of the augmentation."""
    found = [
        cg.train("lenet5", "digits", epochs=1, optimizer="sgd:lr=0", augment=how,
                 folder=tmp_path / name)
        for name, how in (("plain", None), ("erased", "erase:p=1"))
    ]  # fmt: skip
    plain, erased = (run.history[0] for run in found)
    assert plain["valid/loss"] == erased["valid/loss"]
    assert plain["train/loss"] != erased["train/loss"]


@pytest.mark.parametrize(
    ("model", "data", "augment", "part"),
    [
        ("mlp", "moons", "flip", "for inputs of kind 'image'"),
        ("mlp", "breast-cancer", "flip,crop", "of kind 'table'"),
        ("lenet5", "digits", "flop", "did you mean 'flip'"),
        ("lenet5", "digits", "crop:padding=8,padding_mode=reflect", "at most 7"),
    ],
)
def test_refused_before_anything_is_written(model, data, augment, part, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(UsageError, match=part):
        cg.train(model, data, augment=augment, folder=folder)
    assert not folder.exists()


def test_a_resumed_run_keeps_its_augmentation(tmp_path):
    run = cg.train("mlp", "digits", epochs=1, augment=["flip", "erase"], folder=tmp_path / "run")
    with pytest.raises(UsageError, match="augment=flip,erase and this run has augment=flip"):
        cg.train(run.folder, resume=True, augment="flip")
    again = cg.train(run.folder, resume=True, augment="flip,erase")
    assert again.steps == run.steps
