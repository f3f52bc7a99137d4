"""Stopping a run and going on with it."""

import json
import os
import re
import signal
import sys
import time

import pytest
import torch

import cartograd as cg
from cartograd.engine.checkpoint import storage
from cartograd.engine.logging.run_folder import RunFolder, read_config, read_lines
from tests.programs import Program, cartograd

pytestmark = pytest.mark.journey

WORDS = ["mlp:widths=[16]", "--data", "moons", "--epochs", "1000000", "--set", "batch_size=8"]


@pytest.fixture
def start(tmp_path):
    """Starts a training run as a program and waits until it has begun."""
    programs = []

    def begin(*words):
        program = cartograd("train", *words, cwd=tmp_path)
        programs.append(program)
        metrics = tmp_path / "runs" / "mlp-moons-1" / "metrics.jsonl"

        def begun():
            assert program.poll() is None, program.communicate()[1]
            return metrics.exists() and metrics.stat().st_size

        until(begun)
        return program

    yield begin
    for program in programs:
        program.kill()
        program.communicate()


def until(true):
    """Wait for something that has to happen within ten minutes."""
    end = time.monotonic() + 600
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(start, tmp_path, number):
    program = start(*WORDS, "--json")
    os.kill(program.pid, number)
    out, err = program.communicate(timeout=600)
    assert program.returncode == 128 + number, err
    assert json.loads(out)["stopped"] == "interrupted"
    again = "cartograd train runs/mlp-moons-1 --resume"
    assert json.loads(out)["resume"] == again
    assert again in err
    folder = tmp_path / "runs" / "mlp-moons-1"
    assert any((folder / "checkpoints").iterdir())
    assert not (folder / "bundle").exists()
    assert read_lines(folder / "events.jsonl")[-1]["event"] == "interrupted"


def test_sigusr1_saves_and_a_second_run_is_refused(start, tmp_path, cli_run):
    """The run goes on after the save; while it does nobody else writes its folder."""
    program = start(*WORDS)
    folder = tmp_path / "runs" / "mlp-moons-1"
    assert not any((folder / "checkpoints").glob("step-*"))
    os.kill(program.pid, signal.SIGUSR1)
    until(lambda: any((folder / "checkpoints").glob("step-*")))
    done = cli_run("train", str(folder), "--resume")
    assert done.code == 2
    assert "another run is writing" in done.err
    size = (folder / "metrics.jsonl").stat().st_size
    until(lambda: (folder / "metrics.jsonl").stat().st_size > size)
    assert program.poll() is None
    program.kill()
    program.communicate()
    RunFolder(folder, resume=True).close()
    assert storage.load(folder / "checkpoints").step > 0


def slowly(words):
    """A command whose validation lasts until the run is asked to stop."""
    from cartograd.apps.cli import main
    from cartograd.engine.loop import training_loop

    inner = training_loop.validation

    def slow(*given, asked, **named):
        print("validating", flush=True)
        while not asked():
            time.sleep(0.01)
        return inner(*given, asked=asked, **named)

    training_loop.validation = slow
    sys.exit(main(words))


def test_a_signal_in_the_validation(tmp_path):
    """The steps of the epoch are saved, its validation is not waited for."""
    words = ["train", "mlp:widths=[16]", "--data", "moons", "--epochs", "2", "--folder", "run"]
    program = Program(slowly, words, cwd=tmp_path)
    assert program.line() == "validating"
    program.terminate()
    _, err = program.communicate(timeout=600)
    assert program.returncode == 128 + signal.SIGTERM, err
    saved = storage.load(tmp_path / "run" / "checkpoints")
    assert f"stopped at step {saved.step}" in err
    assert saved.parts["state"]["batch"] > 0
    assert saved.parts["state"]["history"] == []


def test_a_run_that_diverges_keeps_its_last_good_state(cli_run, tmp_path):
    words = ("mlp", "--data", "moons", "--optimizer", "sgd:lr=1e30", "--folder", "run")
    done = cli_run("train", *words, "--set", "save_every=1")
    assert done.code == 2
    found = re.search(
        r"became (inf|nan) at step \d+.*newest checkpoint is that of step (\d+)", done.err
    )
    saved = storage.load(tmp_path / "run" / "checkpoints")
    assert saved.step == int(found[2])
    assert all(torch.isfinite(x).all() for x in saved.parts["objective"]["objective"].values())
    assert read_lines(tmp_path / "run" / "events.jsonl")[-1]["event"] == "failed"
    assert cli_run("train", *words[:-1], "other").code == 2
    assert read_lines(tmp_path / "other" / "events.jsonl")[-1]["event"] == "failed"


def test_a_run_goes_on_to_the_weights_of_one_that_was_not_stopped(tmp_path, monkeypatch, cli_run):
    words = ["mlp:widths=[16],dropout=0.2", "--data", "moons", "--epochs", "3"]
    assert cli_run("train", *words, "--folder", "whole").code == 0
    interrupted(monkeypatch, cli_run, [*words, "--folder", "parted"])
    assert cli_run("evaluate", "parted").code == 2
    done = cli_run("train", "parted", "--resume", "--json")
    assert done.code == 0, done.err
    assert done.json["epochs"] == 3
    whole, parted = (cg.load(tmp_path / name).model.state_dict() for name in ("whole", "parted"))
    assert all(torch.equal(whole[key], parted[key]) for key in whole)
    assert (tmp_path / "whole/metrics.jsonl").read_bytes() == (
        tmp_path / "parted/metrics.jsonl"
    ).read_bytes()
    assert read_config(tmp_path / "whole") == read_config(tmp_path / "parted")


def interrupted(monkeypatch, cli_run, words):
    """Run until the second epoch has begun, then Ctrl-C."""
    from cartograd.engine.logging import progress

    class Stopping(progress.Lines):
        def on_epoch(self, view, /):
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(progress, "Lines", Stopping)
        assert cli_run("train", *words).code == 130


def test_resuming_what_is_no_run(cli_run, tmp_path):
    (tmp_path / "empty").mkdir()
    for words in (["empty", "--resume"], ["nowhere", "--resume"], ["--resume"]):
        done = cli_run("train", *words)
        assert done.code == 2
        assert "no run to resume" in done.err


def test_resuming_with_other_settings_is_refused(cli_run):
    assert cli_run("train", "mlp", "--data", "moons", "--epochs", "1", "--folder", "run").code == 0
    done = cli_run("train", "run", "--resume", "--set", "seed=5")
    assert done.code == 2
    assert "seed" in done.err
