"""A generative model draws while it learns, and that moves nothing of what it learns."""

import os
import signal

import numpy as np
import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.apps.verbs import train as training
from cartograd.apps.verbs.growing_samples import draws_pictures, grid_epochs
from cartograd.core.errors import UsageError
from cartograd.data.dataset.own_targets import own_targets
from cartograd.engine.logging.callbacks import spared
from cartograd.engine.logging.view import View

MODEL = "v-diffusion:width=8,sampling_steps=2,chain=20"


def squares():
    """80 pictures of 4 x 4, bright above or bright below."""
    x = torch.rand(80, 1, 4, 4, generator=torch.Generator().manual_seed(0)) / 2
    y = torch.arange(80) % 2
    x[y == 1, :, :2] += 0.5
    x[y == 0, :, 2:] += 0.5
    return cg.tensors(x, y, bounds=(0.0, 1.0), kind="image", labels=("below", "above"))


class Stop:
    """Sends the signal of Ctrl-C in the middle of the third epoch."""

    def on_step(self, view):
        if view.epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)


def begun(folder, **settings):
    given = {"epochs": 4, "batch_size": 32, "samples": 4, "seed": 3} | settings
    return cg.train(MODEL, squares(), folder=folder, **given)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "samples").iterdir())}


@pytest.fixture
def unfinished(monkeypatch):
    """No bundle and no report: what follows a training draws nothing."""
    monkeypatch.setattr(training, "finish", lambda *_, **more: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that was not stopped."""
    return begun(tmp_path_factory.mktemp("grown") / "run")


def test_the_same_noise_is_drawn_as_the_model_learns(run):
    grids = [f"epoch-000{number}.png" for number in range(1, 5)]
    assert list(contents(run.folder)) == [*grids, "growth.gif", "kept.png"]
    for name in grids:
        with Image.open(run.folder / "samples" / name) as grid:
            assert grid.size == (2 * 96 + 2, 2 * 96 + 2)
    distinct = {content for name, content in contents(run.folder).items() if name != "growth.gif"}
    assert len(distinct) >= 4
    with Image.open(run.folder / "samples" / "growth.gif") as film:
        assert film.n_frames == len(distinct)
    drawn = cg.sample(run, 4, seed=3)
    with Image.open(run.folder / "samples" / "kept.png") as kept:
        shown = torch.tensor(np.array(kept))[:96, :96].reshape(4, 24, 4, 24)[:, 12, :, 12]
    assert (shown / 255 - drawn[0, 0]).abs().max() < 0.51 / 255
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert page.count('alt="pictures drawn after epoch') == 4


def test_a_run_that_draws_learns_what_one_learns_that_does_not(run, tmp_path, unfinished):
    plain = begun(tmp_path / "run", samples=0)
    assert not (plain.folder / "samples").exists()
    lines = [(one.folder / "metrics.jsonl").read_bytes() for one in (run, plain)]
    assert lines[0] == lines[1]
    for one, two in zip(run.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(one, two)


def test_a_run_that_was_stopped_draws_the_same_to_the_bit(run, tmp_path, unfinished):
    stopped = begun(tmp_path / "run", callbacks=Stop())
    assert stopped.stopped == "interrupted"
    assert list(contents(stopped.folder)) == ["epoch-0001.png", "epoch-0002.png"]
    done = cg.train(None, squares(), folder=tmp_path / "run", resume=True)
    for one, two in zip(run.model.parameters(), done.model.parameters(), strict=True):
        assert torch.equal(one, two)
    assert contents(done.folder) == contents(run.folder)


def test_a_grid_that_cannot_be_drawn_costs_no_run():
    class Full:
        calls = 0

        def on_epoch(self, _):
            self.calls += 1
            raise UsageError("cannot write it: No space left")

    full, view = Full(), View(None, {})
    guarded = spared("the grid of samples", full)
    with pytest.warns(UserWarning, match="the grid of samples failed, the run goes on"):
        guarded.on_epoch(view)
    guarded.on_epoch(view)
    assert full.calls == 1


def test_who_draws_no_pictures_has_no_grids(tmp_path):
    data = cg.dataset("moons:examples=200")
    assert not draws_pictures(cg.build("mlp", signature=data.signature))
    flat = own_targets(data, "density").signature
    assert not draws_pictures(cg.build("real-nvp:depth=2", signature=flat))
    pictures = own_targets(squares(), "density").signature
    assert draws_pictures(cg.build("real-nvp:depth=2", signature=pictures))
    coded = own_targets(squares(), "reconstruct").signature
    assert not draws_pictures(cg.build("autoencoder:latent=2", signature=coded))
    with pytest.raises(UsageError, match=r"samples=4 is for models that draw pictures .* and mlp"):
        cg.train("mlp:widths=[4]", data, samples=4, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_long_trainings_have_a_few_grids_more_than_short_ones():
    assert grid_epochs(1) == [1]
    assert grid_epochs(5) == [1, 2, 3, 4, 5]
    assert len(grid_epochs(1000)) == 20
    assert all(grid_epochs(number)[-1] == number for number in range(1, 100))
