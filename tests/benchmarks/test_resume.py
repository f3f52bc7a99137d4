"""The table of exact resumes: what spoils a checkpoint, and how an outcome is told."""

import os

import torch
from safetensors.torch import load_file, save_file

from benchmarks.resume import damage
from benchmarks.resume.__main__ import _cell
from benchmarks.resume.workload import FEATURES, WIDTH


def test_the_flipped_bit_is_one_of_the_first_matrix(tmp_path):
    matrix = torch.linspace(1, 2, WIDTH * FEATURES).view(WIDTH, FEATURES)
    saved = {"bias": torch.ones(WIDTH), "weight": matrix}
    save_file(saved, tmp_path / "model.safetensors")
    torch.save({"state": saved}, tmp_path / "last.ckpt")
    for path in (tmp_path / "model.safetensors", tmp_path / "last.ckpt"):
        damage.flip(path)
    torch_one = torch.load(tmp_path / "last.ckpt", weights_only=True)["state"]
    for found in (load_file(tmp_path / "model.safetensors"), torch_one):
        changed = found["weight"] != matrix
        assert changed.sum() == 1
        assert 0.2 < (found["weight"] - matrix).abs().max() < 0.6
        assert torch.equal(found["bias"], saved["bias"])


def test_the_newest_weights_are_found(tmp_path):
    for step, name in ((1, "objective"), (2, "objective"), (3, "optimizer")):
        path = tmp_path / f"step-{step}" / f"{name}.safetensors"
        path.parent.mkdir()
        save_file({"x": torch.ones(1)}, path)
        os.utime(path, (step, step))
    assert damage.newest(tmp_path).parent.name == "step-2"


def test_outcomes_in_words():
    assert _cell({"ended": False, "said": "a|b"}) == "ends: `a/b`"
    assert _cell({"ended": True, "difference": 0.0, "steps": 14}) == "exact"
    assert _cell({"ended": True, "difference": 0.0, "steps": 24}) == "exact, from the very start"
    assert _cell({"ended": True, "difference": 0.01, "steps": 14}) == "1.0e-02"
