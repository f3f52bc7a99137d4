"""Whatever fails after the last step, the weights are there, load, and are those that were learned.

What could not be kept at all is refused before the first step (`test_finish.py`, which also has
state that is no tensor, scores of minus infinity, scripted modules, and Ctrl-C).
"""

import errno
import io
import warnings
from importlib import import_module

import numpy as np
import pytest
import torch
from PIL import Image

import cartograd as cg
import cartograd.apps.report.run
import cartograd.apps.verbs.train  # before anything is broken that they import by name
from cartograd.apps.cli import main
from cartograd.apps.verbs import finish
from cartograd.core.errors import UsageError

FULL = OSError(errno.ENOSPC, "No space left on device")


class Ends:
    """A callback that fails after the training."""

    def on_end(self, _):
        raise LookupError("odd end")


class Closes:
    """A callback that fails when it is closed."""

    def on_close(self, _):
        raise LookupError("odd close")


BROKEN = {
    "a metric": ("evaluate.figures", ZeroDivisionError("x"), "the evaluation failed: ZeroDiv"),
    "what one example takes": ("evaluate.latency", RuntimeError("x"), "the evaluation failed"),
    "what a model has to beat": ("evaluate.baseline", ValueError("x"), "the evaluation failed"),
    "the sentence": ("finish.against_constant", ValueError("x"), "the sentence on a constant"),
    "the speed": ("speed.peak", RuntimeError("x"), "the count of the speed failed"),
    "a file that went": ("finish._first", FileNotFoundError("a.png"), "the reading of examples"),
    "the statistics": ("finish.statistics", RuntimeError("x"), "the count of statistics for dri"),
    "a full disk": ("page.write_file", FULL, "the report failed: OSError"),
    "the picture of a curve": ("run.curves", TypeError("x"), "the report failed: TypeError"),
}
"""A name in our files, what it raises, and what is told."""

DRAWN = {
    "the grids": ("growing_samples.write_samples", FULL, "the grid of samples failed"),
    "the film": ("growing_samples.write_growth", FULL, "the grid of samples failed"),
    "drawing": ("growing_samples.sample", RuntimeError("x"), "the grid of samples failed"),
}
JUDGED = "evaluate.drawn_figures", UsageError("no judge"), "the evaluation failed: no judge"

ROOMS = {"page": "report", "run": "report"}


def breaks(monkeypatch, place, error):
    file, _, name = place.rpartition(".")

    def raising(*_, **__):
        raise error

    module = import_module(f"cartograd.apps.{ROOMS.get(file, 'verbs')}.{file}")
    monkeypatch.setattr(module, name, raising)
    if file not in ROOMS:  # drawn for nothing
        monkeypatch.setattr(finish, "_report", lambda *_: None)


def points():
    x = torch.rand(60, 2, generator=torch.Generator().manual_seed(0))
    return cg.tensors(x, (x[:, 0] > x[:, 1]).long())


def pictures():
    x = torch.rand(60, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    return cg.tensors(x, torch.arange(60) % 2, bounds=(0.0, 1.0), kind="image")


def trained(model, data, folder, told, **settings):
    with pytest.warns(UserWarning, match=told):
        return cg.train(model, data, folder=folder, **{"epochs": 1, "batch_size": 32} | settings)


def kept(run):
    """Whether the bundle has the weights of the run."""
    ours, theirs = (one.model.model.state_dict() for one in (run, cg.load(run.folder)))
    assert ours.keys() == theirs.keys()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("case", BROKEN)
def test_what_follows_a_classifier(case, tmp_path, monkeypatch):
    place, error, told = BROKEN[case]
    breaks(monkeypatch, place, error)
    run = trained("mlp:widths=[4]", points(), tmp_path / "run", told, class_weights="balanced")
    assert kept(run)
    assert bool(cg.load(run.folder).metrics) == ("evaluation" not in told)


@pytest.mark.parametrize("case", DRAWN)
def test_what_follows_a_generative_model(case, tmp_path, monkeypatch):
    place, error, told = DRAWN[case]
    breaks(monkeypatch, place, error)
    assert kept(trained("vae:widths=[4],latent=2", pictures(), tmp_path / "run", told, samples=4))


def test_a_judge_that_is_absent(tmp_path, monkeypatch):
    *broken, told = JUDGED
    breaks(monkeypatch, *broken)
    model = "v-diffusion:width=8,sampling_steps=2,chain=20"
    assert kept(trained(model, pictures(), tmp_path / "run", told))


@pytest.mark.parametrize("callback", [Ends(), Closes()])
def test_a_callback_of_the_users(callback, tmp_path):
    told = "failed in on_(end|close), after the training: .*odd"
    run = trained("mlp:widths=[4]", points(), tmp_path / "run", told, callbacks=[callback])
    assert kept(run)
    assert cg.load(run.folder).metrics


def test_an_evaluation_that_ends_the_program(tmp_path, monkeypatch):
    breaks(monkeypatch, "finish.evaluate", SystemExit(3))
    with pytest.raises(SystemExit), pytest.warns(UserWarning, match="stopped in the evaluation"):
        cg.train("mlp:widths=[4]", points(), folder=tmp_path / "run", epochs=1, batch_size=32)
    assert cg.load(tmp_path / "run").metrics == {}


def test_nobody_who_reads_what_is_told(tmp_path, monkeypatch):
    """As after `2>&1 | head -1`: the training ended there, its folder was gone, the code was 0."""

    class Gone(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Gone())
    words = ("train", "mlp:widths=[4]", "--data", "moons", "--epochs", "1", "--folder")
    assert main((*words, str(tmp_path / "run"))) == 0
    assert cg.load(tmp_path / "run").metrics


def test_a_test_folder_without_classes(tmp_path):
    """A flat `test/`: it has no labels, so the test part is cut from what has."""
    for place in ("train/a", "train/b", "test"):
        (tmp_path / "data" / place).mkdir(parents=True)
        for number in range(12):
            shade = np.full((6, 6), 10 * number + 90 * place.endswith("b"), np.uint8)
            Image.fromarray(shade).save(tmp_path / "data" / place / f"{number}.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few examples
        data = f"folder:{tmp_path / 'data'}"
        run = cg.train("mlp:widths=[4]", data, folder=tmp_path / "run", epochs=1, batch_size=8)
    assert kept(run)
    assert cg.load(run.folder).metrics
