"""The same run on Ray's workers; one of them is killed, and it goes on from the checkpoint."""

import os
import signal
import subprocess
import time

import pytest

from cartograd.engine.logging.run_folder import read_lines
from tests.programs import cartograd


def train(*words, cwd):
    return cartograd("train", "mlp:widths=[16]", "--data", "moons", *words, cwd=cwd)


@pytest.mark.parametrize("address", ["ray://127.0.0.1:9", "ray://nowhere", "slurm"])
def test_an_address_that_does_not_answer_is_one_line(address, tmp_path):
    program = train("--on", address, "--folder", "run", cwd=tmp_path)
    _, err = program.communicate(timeout=600)
    assert program.returncode == 2
    assert err.strip().count("\n") == 0
    assert address in err
    assert not (tmp_path / "run").exists()


def test_a_lost_worker_is_replaced(tmp_path):
    pytest.importorskip("ray")
    words = ("--epochs", "150", "--set", "save_every=50", "--folder", "run")
    program = train("--on", "ray", *words, cwd=tmp_path)
    folder = tmp_path / "run"
    try:
        end = time.monotonic() + 600
        while not any((folder / "checkpoints").glob("step-*")):
            assert program.poll() is None, program.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.1)
        found = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True)
        workers = [line for line in found.stdout.splitlines() if "ray::RayTrainWorker" in line]
        os.kill(int(workers[-1].split()[0]), signal.SIGKILL)
        _, err = program.communicate(timeout=600)
    finally:
        program.terminate()
        program.communicate()
    assert program.returncode == 0, err
    events = [line["event"] for line in read_lines(folder / "events.jsonl")]
    assert events.count("started") == 1
    assert events.count("resumed") >= 1
    assert (folder / "bundle").exists()
