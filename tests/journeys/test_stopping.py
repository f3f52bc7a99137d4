"""Stopping a run and going on with it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

import cartograd as cg
from cartograd.engine.runs import read_config, read_lines

pytestmark = pytest.mark.journey

WORDS = ["mlp:widths=[16]", "--data", "moons", "--epochs", "400", "--set", "batch_size=8"]


@pytest.fixture
def start(tmp_path):
    """Starts a training run as a program and waits until it has begun."""
    programs = []

    def begin(*words):
        command = [sys.executable, "-m", "cartograd", "train", *words]
        program = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        programs.append(program)
        metrics = tmp_path / "runs" / "mlp-moons-1" / "metrics.jsonl"
        end = time.monotonic() + 300
        while not (metrics.exists() and metrics.stat().st_size):
            assert program.poll() is None, program.stderr.read()
            assert time.monotonic() < end, "training did not begin within five minutes"
            time.sleep(0.05)
        return program

    yield begin
    for program in programs:
        program.kill()
        program.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(start, tmp_path, number):
    program = start(*WORDS, "--json")
    os.kill(program.pid, number)
    out, err = program.communicate(timeout=60)
    assert program.returncode == 128 + number, err
    assert json.loads(out)["stopped"] == "interrupted"
    again = "cartograd train runs/mlp-moons-1 --resume"
    assert json.loads(out)["resume"] == again
    assert again in err
    folder = tmp_path / "runs" / "mlp-moons-1"
    assert any((folder / "checkpoints").iterdir())
    assert not (folder / "bundle").exists()
    assert read_lines(folder / "events.jsonl")[-1]["event"] == "interrupted"


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
    from cartograd.engine import progress

    class Stopping(progress.Lines):
        def epoch(self, record, /):
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
    done = cli_run("train", "run", "--resume", "--seed", "5")
    assert done.code == 2
    assert "seed" in done.err
