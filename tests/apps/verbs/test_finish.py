"""What follows a training cannot lose it; what could not be kept is told before it begins."""

import errno
import warnings

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.cli import main
from cartograd.apps.report import run as reports
from cartograd.apps.verbs import finish
from cartograd.apps.verbs.train import train
from cartograd.core.errors import UsageError
from cartograd.data.dataset.tensors import tensors
from cartograd.engine.files.bundle import load
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def points(n=60):
    x, y = quadrants(n)
    return tensors(x, y)


def begun(model, folder, **settings):
    return train(model, points(), folder=folder, **{"epochs": 1, "batch_size": 16} | settings)


TRAIN = ("train", "mlp:widths=[4]", "--data", "moons", "--epochs", "1", "--folder", "run")


def commanded(*words):
    """The exit code of a command, for which warnings are lines and no errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        return main(words)


def fails(error):
    def raising(*_, **__):
        raise error

    return raising


@pytest.mark.parametrize(
    ("place", "error", "told"),
    [
        ("evaluate", ZeroDivisionError("x"), r"the evaluation failed: ZeroDivisionError: x; the w"),
        ("note_speed", RuntimeError("y"), r"the count of the speed failed: RuntimeError: y$"),
        ("_report", OSError(errno.ENOSPC, "No space left"), r"the report failed: OSError: .*No sp"),
    ],
)
def test_what_fails_after_the_training_is_a_warning(tmp_path, monkeypatch, place, error, told):
    monkeypatch.setattr(finish, place, fails(error))
    with pytest.warns(UserWarning, match=told) as seen:
        run = begun("mlp:widths=[4]", tmp_path / "run")
    assert len(seen) == 1
    if place != "note_speed":
        assert f"`cartograd evaluate {tmp_path / 'run'}` makes it again" in str(seen[0].message)
    bundle = load(run.folder)
    ours, theirs = run.model.model.state_dict(), bundle.model.model.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    assert bool(bundle.metrics) == (place != "evaluate")


def test_a_section_of_the_report_that_cannot_be_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(reports, "curves", fails(TypeError("cannot draw None")))
    with pytest.warns(UserWarning, match="the report failed: TypeError: cannot draw None"):
        run = begun("mlp:widths=[4]", tmp_path / "run")
    assert load(run.folder).metrics


@pytest.mark.untyped
def test_ctrl_c_in_the_evaluation_keeps_the_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(finish, "evaluate", fails(KeyboardInterrupt()))
        assert commanded(*TRAIN) == 130
    told = capsys.readouterr().err
    assert "stopped in the evaluation; `cartograd evaluate run` makes it" in told
    assert load("run").metrics == {}
    assert commanded("evaluate", "run") == 0
    assert "accuracy" in capsys.readouterr().out


@pytest.mark.untyped
def test_the_command_shows_a_run_that_could_not_be_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finish, "evaluate", fails(ValueError("odd")))
    assert commanded(*TRAIN) == 0
    out = capsys.readouterr()
    assert "warning: the evaluation failed: ValueError: odd" in out.err
    assert "report" not in out.out
    assert "1 epoch" in out.out


class Own(nn.Module):
    """A linear network, and what else users do."""

    def __init__(self, **options):
        super().__init__()
        self.inner, self.options, self.count = nn.Linear(2, 2), options, {"seen": 0}

    def forward(self, x):
        scores = self.inner(x)
        if "infinite" in self.options:
            scores = torch.cat([scores, torch.full_like(scores[:, :1], -torch.inf)], 1)
        if "random" in self.options:
            scores = scores + torch.randn_like(scores)
        return scores


class Counting(Own):
    def get_extra_state(self):
        return self.count | {"weights": (torch.ones(2), "a"), "none": None}

    def set_extra_state(self, state):
        self.count = state


def test_state_that_is_no_tensor_is_kept(tmp_path):
    model = Counting()
    model.count = {"seen": 3}
    run = begun(model, tmp_path / "run")
    again = Counting()
    load(run.folder, model=again)
    assert (again.count["seen"], again.count["none"], again.count["weights"][1]) == (3, None, "a")
    assert torch.equal(again.count["weights"][0], torch.ones(2))


def test_state_that_would_need_pickle_is_refused_before_the_training(tmp_path):
    class Odd(Own):
        def get_extra_state(self):
            return {"net": object()}

        def set_extra_state(self, state):
            pass

    with pytest.raises(
        UsageError, match=r"Odd could not be kept after its training: cannot keep .*, a object"
    ):
        begun(Odd(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_scores_of_minus_infinity_are_kept_and_compared(tmp_path):
    x, y = quadrants(60)
    run = train(
        Own(infinite=True), tensors(x, y, labels=("a", "b", "never")), folder=tmp_path / "run",
        epochs=1, batch_size=16,
    )  # fmt: skip
    load(run.folder, model=Own(infinite=True))
    with pytest.raises(UsageError, match=r"with shape \(2, 2\); expected \(2, 3\)"):
        load(run.folder, model=Own())


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_scripted_module_is_kept(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted, again = (torch.jit.script(mlp(2, 4, 2)) for _ in range(2))
        run = begun(scripted, tmp_path / "run")
        load(run.folder, model=again)
    assert torch.equal(again.state_dict()["0.weight"], scripted.state_dict()["0.weight"])


def test_answers_that_differ_each_time_are_told_and_not_compared(tmp_path):
    with pytest.warns(UserWarning, match="Own answers otherwise each time"):
        run = begun(Own(random=True), tmp_path / "run")
    load(run.folder, model=Own(random=True))


def test_answers_that_are_no_numbers_are_refused_before_the_training(tmp_path):
    class Broken(Own):
        def forward(self, x):
            return super().forward(x) * torch.nan

    with pytest.raises(UsageError, match=r"Broken could not be kept .* are not numbers"):
        begun(Broken(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_bundle_that_cannot_be_written_leaves_the_checkpoint_and_the_way(tmp_path, monkeypatch):
    from cartograd.apps.verbs import kept_bundle

    def full(path, *_, **__):
        if path.is_relative_to(tmp_path / "run"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kept_bundle, "load", lambda *_, **__: None)
    with monkeypatch.context() as patched:
        patched.setattr(kept_bundle, "write_bundle", full)
        with pytest.raises(UsageError, match=r"has no bundle: OSError.*run --resume` writes the"):
            begun("mlp:widths=[4]", tmp_path / "run")
    run = begun(None, tmp_path / "run", resume=True)
    assert load(run.folder).metrics


def test_fit_tells_before_the_training_that_there_will_be_no_bundle(tmp_path):
    seen = []

    class Two(Supervised):
        def losses(self, batch):
            seen.append(len(caught))
            yield from super().losses(batch)

    with pytest.warns(
        UserWarning, match=r"run will have no bundle: Sequential has no sig"
    ) as caught:
        cg.fit(Two(mlp(2, 4, 2)), Toy(*quadrants(20)), epochs=1, folder=tmp_path / "run")
    assert seen[0] == 1
    assert len(caught) == 1
