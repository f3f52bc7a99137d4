"""`train --nproc 2`: one run, one line for what goes wrong, signals and lost processes."""

import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

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


def children(number):
    """The processes that a process has started."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(number)], capture_output=True)
    return [int(word) for word in found.stdout.split()]


def begun(program, tmp_path):
    """Wait until it trains and has a checkpoint."""
    end = time.monotonic() + 6000
    while not any((tmp_path / "run/checkpoints").glob("step-*")):
        assert program.poll() is None, program.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)
    return children(program.pid)


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
    assert "process 2 of 2 was ended by SIGKILL; go on with --resume --nproc 2" in err
    assert "Traceback" not in err
    again = start("run", "--resume", "--nproc", "2", "--set", "save_every=20")
    end = time.monotonic() + 600
    while read_lines(tmp_path / "run/events.jsonl")[-1]["event"] not in ("resumed", "checkpoint"):
        assert time.monotonic() < end
        time.sleep(0.1)
    again.terminate()
    _, err = again.communicate(timeout=600)
    assert "Traceback" not in err


def alive(numbers):
    """Those of these processes that still run; a zombie does not."""
    listed = subprocess.run(["ps", "-eo", "pid=,stat="], capture_output=True, text=True)
    states = dict(line.split() for line in listed.stdout.splitlines())
    return [one for one in numbers if states.get(str(one), "Z")[0] != "Z"]


def pictures(folder):
    """A few pictures in two classes."""
    for number in range(24):
        file = folder / ("light", "dark")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 255 * (number % 2)).save(file)


def test_processes_end_with_their_launcher(start, tmp_path):
    """They agree on a step, save there, and none is left; nor are those that read pictures."""
    pictures(tmp_path / "pictures")
    data = "folder:pictures,memory=0.000000001,workers=1"
    words = ["mlp:widths=[4]", "--data", data, "--folder", "run", "--nproc", "2"]
    program = start(*words, "--epochs", "1000000", "--set", "save_every=2", "batch_size=4")
    ranks = begun(program, tmp_path)
    end = time.monotonic() + 600
    while not (readers := [one for rank in ranks for one in children(rank)]):
        assert time.monotonic() < end
    program.kill()
    while left := alive([*ranks, *readers]):
        assert time.monotonic() < end, left
        time.sleep(0.1)
    last = read_lines(tmp_path / "run/events.jsonl")[-1]
    assert (last["event"], last["signal"]) == ("interrupted", "SIGTERM")
    assert (tmp_path / f"run/checkpoints/step-{last['step']:09d}").exists()
