"""`train --nproc 2`: one run, one line for what goes wrong, signals and lost processes."""

import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from cartograd.apps.cli import launch as launcher
from cartograd.apps.cli import main
from cartograd.apps.cli.launch import MISTAKES, _told
from cartograd.engine.logging.run_folder import read_lines
from tests.programs import Program

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


def test_a_lost_process_ends_the_other_and_all_end_with_their_launcher(start, tmp_path):
    """The checkpoint of the first run is there, and the line that is told goes on from it; when
    that launcher is killed they agree on a step, save there, and none is left; nor are those that
    read pictures."""
    pictures(tmp_path / "pictures")
    data = "folder:pictures,memory=0.000000001,workers=1"
    words = ["mlp:widths=[4]", "--data", data, "--folder", "run", "--nproc", "2"]
    program = start(*words, "--epochs", "1000000", "--set", "save_every=2", "batch_size=4")
    _, second = begun(program, tmp_path)
    os.kill(second, signal.SIGKILL)
    _, err = program.communicate(timeout=600)
    assert program.returncode == 2
    way = "cartograd train run --resume --nproc 2"
    assert f"process 2 of 2 was ended by SIGKILL; go on with: {way}" in err
    assert "Traceback" not in err
    program = start("run", "--resume", "--nproc", "2", "--set", "save_every=2")
    end = time.monotonic() + 600
    while "resumed" not in [line["event"] for line in read_lines(tmp_path / "run/events.jsonl")]:
        assert program.poll() is None, program.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.1)
    ranks = children(program.pid)
    while not (readers := [one for rank in ranks for one in children(rank)]):
        assert time.monotonic() < end
    program.kill()
    while left := alive([*ranks, *readers]):
        assert time.monotonic() < end, left
        time.sleep(0.1)
    last = read_lines(tmp_path / "run/events.jsonl")[-1]
    assert (last["event"], last["signal"]) == ("interrupted", "SIGTERM")
    assert (tmp_path / f"run/checkpoints/step-{last['step']:09d}").exists()


STOPPING = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
open(sys.argv[1], "w").close()
time.sleep(600)
"""


def test_a_signal_to_the_launcher_is_passed_on(tmp_path, monkeypatch):
    """To programs that stand for the processes of a run, and take no time to start."""
    there, wait = [tmp_path / str(rank) for rank in range(2)], launcher._wait

    def begin(words, rank, *given):
        return subprocess.Popen([sys.executable, "-c", STOPPING, str(there[rank])])

    def signalled(programs):
        while not all(file.exists() for file in there):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        return wait(programs)

    monkeypatch.setattr(launcher, "_start", begin)
    monkeypatch.setattr(launcher, "_wait", signalled)
    assert launcher.launch(["train"], 2) == 143


FAULTY = """
import os

from torch import nn


class Net(nn.Linear):
    steps = 0

    def forward(self, x):
        self.steps += self.training
        if self.steps > 30 and os.environ["RANK"] == "1":
            raise LookupError("no such row: 17")
        return super().forward(x)


def make():
    return Net(2, 2)
"""


def ranked(rank, folder, words):
    """One of two processes of a run, as the launcher starts it."""
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, MISTAKES: folder}
    os.environ |= {key: str(value) for key, value in told.items()}
    os.environ["CARTOGRAD_STORE"] = f"{folder}/store"
    sys.path.insert(0, os.getcwd())
    sys.exit(main(words))


def test_a_fault_in_one_process_ends_the_other_and_is_told(tmp_path, capsys):
    (tmp_path / "faulty.py").write_text(FAULTY)
    words = ["train", "--model", "faulty:make", "--data", "moons", "--folder", "run",
             "--epochs", "1000000"]  # fmt: skip
    folder = tmp_path / "told"
    folder.mkdir()
    both = [Program(ranked, rank, str(folder), words, cwd=tmp_path) for rank in range(2)]
    errors = [program.communicate()[1] for program in both]
    assert "LookupError: no such row: 17" in errors[1]
    assert "Traceback" not in errors[0]
    (folder / "errors-1").write_text(errors[1])
    assert _told([program.returncode for program in both], set(), folder, words) == 1
    told = capsys.readouterr().err
    assert "LookupError: no such row: 17" in told
    assert told.splitlines()[-1] == (
        "cartograd: process 2 of 2 failed with exit code 1; no checkpoint was kept, so it has to "
        "begin anew"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("codes", "late", "mistakes", "code", "told"),
    [
        ((2, 1), (), {0: "LostError"}, 1, "process 2 of 2 failed with exit code 1; no checkp"),
        ((-9, 1), (0,), {}, 1, "process 2 of 2 failed with exit code 1; no checkpoint"),
        ((2, -9), (), {0: "LostError"}, 2, "process 2 of 2 was ended by SIGKILL; no checkpoint"),
        ((1, -11), (), {}, 2, "process 2 of 2 was ended by SIGSEGV; no checkpoint"),
        ((2, 2), (), {0: "LostError", 1: "UsageError"}, 2, "what went wrong in 1"),
        ((2, 143), (), {0: "LostError"}, 2, "what went wrong in 0"),
        ((143, 143), (), {}, 143, ""),
        ((0, 0), (), {}, 0, ""),
    ],
)  # fmt: skip
def test_what_came_first_is_told(tmp_path, capsys, codes, late, mistakes, code, told):
    """And not what followed from it, nor what the launcher ended itself."""
    (tmp_path / "errors-1").write_text("Traceback\n")
    for rank, kind in mistakes.items():
        (tmp_path / f"mistake-{rank}").write_text(f"{kind}\nwhat went wrong in {rank}")
    assert _told(codes, {*late}, tmp_path, ()) == code
    err = capsys.readouterr().err
    assert told in err
    assert ("Traceback" in err) == (code == 1)
