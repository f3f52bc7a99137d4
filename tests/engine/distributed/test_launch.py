"""`train --nproc 2`: one run, one line for what goes wrong, signals and lost processes."""

import os
import signal
import subprocess
import time

import pytest

from cartograd.engine.logging.run_folder import read_lines
from tests.programs import cartograd

WORDS = ["mlp:widths=[16]", "--data", "moons", "--folder", "run", "--nproc", "2"]


@pytest.fixture
def start(tmp_path):
    programs = []

    def begin(*words):
        program = cartograd("train", *words, cwd=tmp_path)
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


def until(program, true):
    end = time.monotonic() + 6000
    while not true():
        assert program.poll() is None, program.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_mistake_is_one_line(start, tmp_path):
    program = start(*WORDS, "--set", "batch_size=1")
    _, err = program.communicate(timeout=6000)
    assert program.returncode == 2
    assert err.strip().count("\n") == 0
    assert "batches of 1 examples cannot be split over 2 processes" in err
    assert not (tmp_path / "run").exists()


def test_a_signal_to_one_process_stops_both_and_a_lost_one_ends_the_other(start, tmp_path):
    """A signal stops both at the same step; a loss leaves the checkpoint, also for one process."""
    words = ("--set", "save_every=20")
    events = tmp_path / "run/events.jsonl"

    def told():
        return [line["event"] for line in read_lines(events)]

    program = start(*WORDS, "--epochs", "1000000", *words)
    until(program, lambda: any((tmp_path / "run/checkpoints").glob("step-*")))
    _, second = workers(program)
    os.kill(second, signal.SIGTERM)
    _, err = program.communicate()
    assert program.returncode == 143, err
    (last,) = [line for line in read_lines(events) if line["event"] == "interrupted"]
    assert last["signal"] == "SIGTERM"
    assert (tmp_path / f"run/checkpoints/step-{last['step']:09d}").exists()
    assert "--resume" in err

    program = start("run", "--resume", "--nproc", "2", *words)
    until(program, lambda: "resumed" in told() and told()[-1] == "checkpoint")
    _, second = workers(program)
    os.kill(second, signal.SIGKILL)
    _, err = program.communicate()
    assert program.returncode == 2
    assert "process 2 of 2 was ended by SIGKILL" in err
    assert "Traceback" not in err

    program = start("run", "--resume", *words)
    until(program, lambda: told().count("resumed") == 2)
    program.terminate()
    _, err = program.communicate()
    assert "Traceback" not in err
