"""Checkpoints are written beside the training, and it shows in nothing but the time."""

import threading
import time

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.engine.checkpoint import storage
from cartograd.engine.checkpoint.background import Background
from cartograd.engine.device.randomness import others, set_others
from cartograd.engine.logging import run_folder
from cartograd.engine.loop.fit import fit
from tests.engine.checkpoint.test_resume import assert_same, ends, one_player
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def test_one_thing_at_a_time_and_errors_are_raised_once():
    background, done = Background(), []
    for number in range(3):
        background.start(lambda number=number: (time.sleep(0.02), done.append(number)))
    assert len(done) >= 2
    background.join()
    assert done == [0, 1, 2]

    def fail():
        raise UsageError("the disk is full")

    background.start(fail)
    with pytest.raises(UsageError, match="the disk is full"):
        background.start(lambda: done.append(3))
    background.join()
    assert done == [0, 1, 2]
    background.start(fail)
    background.wait()
    with pytest.raises(UsageError, match="the disk is full"):
        background.join()


class Slow:
    """Writes with a pause, and counts who is at it."""

    def __init__(self, monkeypatch):
        self.active, self.most, self.threads, self.write = 0, 0, set(), storage.write
        monkeypatch.setattr(storage, "write", self)

    def __call__(self, folder, taken):
        self.active += 1
        self.most = max(self.most, self.active)
        self.threads.add(threading.current_thread() is threading.main_thread())
        time.sleep(0.01)
        path = self.write(folder, taken)
        self.active -= 1
        return path


@pytest.mark.untyped  # the hook draws from Python's own random numbers
def test_training_goes_on_meanwhile_to_the_same_bits(tmp_path, monkeypatch):
    """With a slow disk: one write at a time, not in the training's thread, the same checkpoints."""
    data = Toy(*quadrants(80), batch_size=8)
    options = {"epochs": 2, "keep": "last=99", "save_every": 1}
    expected = ends(*one_player(tmp_path / "whole", data, **options))
    slow = Slow(monkeypatch)
    assert_same(expected, ends(*one_player(tmp_path / "slow", data, **options)))
    assert (slow.most, slow.active, slow.threads) == (1, 0, {False})
    for step in storage.steps(tmp_path / "whole" / "checkpoints"):
        weights = [
            (tmp_path / name / "checkpoints" / f"step-{step:09d}" / "objective.safetensors")
            for name in ("whole", "slow")
        ]
        assert weights[0].read_bytes() == weights[1].read_bytes()


def test_an_error_of_the_objective_waits_for_the_checkpoint(tmp_path, monkeypatch):
    class Failing(Supervised):
        steps = 0

        def after_step(self, player):
            self.steps += 1
            if self.steps == 4:
                raise RuntimeError("a bug")

    Slow(monkeypatch)
    with pytest.raises(RuntimeError, match="a bug"):
        fit(Failing(mlp(2, 4, 2)), Toy(*quadrants(64), batch_size=8), folder=tmp_path, save_every=3)
    assert storage.load(tmp_path / "checkpoints").step == 3
    assert run_folder.read_lines(tmp_path / "events.jsonl")[-1]["event"] == "checkpoint"
    run_folder.RunFolder(tmp_path, resume=True).close()  # and nobody holds the folder


def test_a_snapshot_is_a_copy_and_ties_stay_ties():
    weight, still = torch.zeros(3), torch.ones(2)
    parts = {"a": {"x": weight, "same": weight, "part": weight[1:]}, "best": {"x": still}}
    taken = storage.snapshot(1, parts, still=("best",))
    weight += 1
    kept = taken.tensors["a"]
    assert kept["a.x"].tolist() == [0, 0, 0]
    assert kept["a.x"] is kept["a.same"]
    assert kept["a.part"].tolist() == [0, 0]
    assert taken.tensors["best"]["best.x"] is still


def test_the_memory_of_an_earlier_snapshot_is_used_again():
    x, y = torch.zeros(3), torch.ones(2)
    first = storage.snapshot(1, {"a": {"x": x, "tie": x, "y": y}}, still=())
    parts = {"a": {"x": x + 1, "tie": x + 2, "y": torch.ones(4), "z": x}}
    second = storage.snapshot(2, parts, still=(), reuse=first)
    found = second.tensors["a"]
    assert found["a.x"] is first.tensors["a"]["a.x"]
    for name, tensor in parts["a"].items():
        assert torch.equal(found[f"a.{name}"], tensor)


def test_the_states_of_other_generators_come_back_from_a_file(tmp_path):
    state = others()
    storage.save(tmp_path, 1, {"state": {"others": state}})
    found = storage.load(tmp_path).parts["state"]["others"]
    set_others(found)
    assert_same(state, others())
