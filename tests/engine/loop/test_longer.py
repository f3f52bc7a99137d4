"""A run that goes on for longer is the longer run, bit for bit, or is told how to go on."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.engine.logging.run_folder import read_lines
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants

SAME = (
    None,
    "constant:factor=0.5",
    "step:every=1",
    "step:every=1,warmup=5",
    "multistep:milestones=[1,3]",
    "exponential:factor=0.8",
    "plateau:patience=1",
    "inverse-sqrt:warmup=3",
    "cyclic",
    "warm-restarts:period=5",
    "cosine:total=90",
    "sequential:schedulers=[(linear),(constant)],milestones=[5]",
)
OTHER = ("cosine", "linear", "onecycle", "polynomial", "wsd", "exponential:factor=0.9,warmup=0.2")


def run(folder, schedule, epochs, **more):
    model = mlp(2, 6, 2, dropout=0.2)
    done = fit(
        Supervised(model), Toy(*quadrants(96)), validate=Toy(*quadrants(40, seed=1)), epochs=epochs,
        optimizer="adamw:lr=2e-2", schedule=schedule, folder=folder, **more,
    )  # fmt: skip
    lines = read_lines(folder / "metrics.jsonl")
    return done, model.state_dict(), lines


@pytest.mark.parametrize("schedule", SAME)
def test_two_epochs_and_two_more_are_four(tmp_path, schedule):
    run(tmp_path / "parts", schedule, 2)
    parts, ours, lines = run(tmp_path / "parts", schedule, 4, resume=True)
    whole, theirs, expected = run(tmp_path / "whole", schedule, 4)
    assert all(torch.equal(value, ours[key]) for key, value in theirs.items())
    assert lines == expected
    assert (parts.steps, parts.best["epoch"]) == (whole.steps, whole.best["epoch"])


@pytest.mark.parametrize("schedule", OTHER)
def test_what_is_laid_out_for_the_length_is_told_with_the_way(tmp_path, schedule):
    run(tmp_path, schedule, 2)
    with pytest.raises(UsageError, match=r"epochs=2 and this run has epochs=5, but") as told:
        run(tmp_path, schedule, 5, resume=True)
    assert f"schedule={schedule} is laid out for the length of the run" in str(told.value)
    assert str(told.value).endswith(f"cartograd train {tmp_path} --data DATA --epochs 3")


def test_an_average_of_the_tail_is_laid_out_for_the_length(tmp_path):
    run(tmp_path, None, 2, average="tail")
    with pytest.raises(UsageError, match=r"average=tail.* is laid out"):
        run(tmp_path, None, 3, average="tail", resume=True)


def test_a_run_that_stopped_early_goes_on_with_more_patience(tmp_path):
    rates = {"schedule": "constant:factor=0", "epochs": 9}
    early, _, _ = run(tmp_path / "parts", patience=2, **rates)
    assert (early.stopped, len(early.history)) == ("early", 3)
    again, _, _ = run(tmp_path / "parts", patience=2, resume=True, **rates)
    assert (again.stopped, len(again.history)) == ("early", 3)
    on, ours, lines = run(tmp_path / "parts", patience=4, resume=True, **rates)
    whole, theirs, expected = run(tmp_path / "whole", patience=4, **rates)
    assert (on.stopped, len(on.history)) == (whole.stopped, len(whole.history)) == ("early", 5)
    assert all(torch.equal(value, ours[key]) for key, value in theirs.items())
    assert lines == expected
