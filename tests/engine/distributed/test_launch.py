"""`train --nproc 2`: one run, one line for what goes wrong, signals and lost processes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from cartograd.engine.logging.run_folder import read_lines

WORDS = ["mlp:widths=[16]", "--data", "moons", "--folder", "run", "--nproc", "2"]


@pytest.fixture
def start(tmp_path):
    programs = []

    def begin(*words):
        program = subprocess.Popen(
            [sys.executable, "-m", "cartograd", "train", *words], cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        programs.append(program)
        return program

    yield begin
    for program in programs:
        program.terminate()
        program.communicate()


def workers(program):
    """The processes that a program has started."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(program.pid)], capture_output=True)
    return [int(word) for word in found.stdout.split()]


def begun(program, tmp_path):
    """Wait until it trains and has a checkpoint."""
    end = time.monotonic() + 6000
    while not any((tmp_path / "run/checkpoints").glob("step-*")):
        assert program.poll() is None, program.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)
    return workers(program)


def test_a_mistake_is_one_line(start, tmp_path):
    program = start(*WORDS, "--set", "batch_size=1")
    _, err = program.communicate(timeout=6000)
    assert program.returncode == 2
    assert err.strip().count("\n") == 0
    assert "batches of 1 examples cannot be split over 2 processes" in err
    assert not (tmp_path / "run").exists()


def test_a_signal_to_one_process_stops_both_at_the_same_step(start, tmp_path):
    program = start(*WORDS, "--epochs", "1000000", "--set", "save_every=20")
    _, second = begun(program, tmp_path)
    os.kill(second, signal.SIGTERM)
    _, err = program.communicate(timeout=600)
    assert program.returncode == 143, err
    (last,) = [x for x in read_lines(tmp_path / "run/events.jsonl") if x["event"] == "interrupted"]
    assert last["signal"] == "SIGTERM"
    assert (tmp_path / f"run/checkpoints/step-{last['step']:09d}").exists()
    assert "--resume" in err


def test_a_lost_process_ends_the_other_and_leaves_the_checkpoint(start, tmp_path):
    program = start(*WORDS, "--epochs", "1000000", "--set", "save_every=20")
    _, second = begun(program, tmp_path)
    os.kill(second, signal.SIGKILL)
    _, err = program.communicate(timeout=600)
    assert program.returncode == 2
    assert "process 2 of 2 was ended by SIGKILL" in err
    assert "Traceback" not in err
    again = start("run", "--resume", "--set", "save_every=20")
    end = time.monotonic() + 600
    while read_lines(tmp_path / "run/events.jsonl")[-1]["event"] not in ("resumed", "checkpoint"):
        assert time.monotonic() < end
        time.sleep(0.1)
    again.terminate()
    _, err = again.communicate(timeout=600)
    assert "Traceback" not in err
