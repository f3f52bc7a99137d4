import math
import os
import signal
import subprocess
import sys

import pytest

from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.engine.logging import run_folder


def test_new_runs_are_numbered(tmp_path):
    made = [run_folder.new_run(tmp_path / "runs", "mlp-digits").name for _ in range(3)]
    assert made == ["mlp-digits-1", "mlp-digits-2", "mlp-digits-3"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot make"):
        run_folder.new_run(tmp_path / "file", "x")


def test_configuration_comes_back_with_its_origins(tmp_path):
    values = {
        "model": Spec("mlp", {"widths": (64, 32)}), "epochs": 5, "lr": 1e-3, "resume": False,
        "metrics": ("accuracy", "f1"), "patience": None,
        "optimizers": {"critic": "adam", "x": None},
        "folder": tmp_path, "odd": "a \"quote\" and\nlines",
    }  # fmt: skip
    run_folder.write_config(
        tmp_path, values, {"epochs": "flag", "lr": "default", "patience": "default"}
    )
    back, origins = run_folder.read_config(tmp_path)
    assert back == {
        "model": "mlp:widths=[64,32]", "epochs": 5, "lr": 1e-3, "resume": False,
        "metrics": ["accuracy", "f1"], "optimizers": {"critic": "adam"}, "folder": str(tmp_path),
        "odd": "a \"quote\" and\nlines",
    }  # fmt: skip
    assert origins == {"epochs": "flag", "lr": "default"}
    assert run_folder.read_config(tmp_path / "config.toml") == (back, origins)


def test_a_configuration_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*config.toml"):
        run_folder.read_config(tmp_path)
    (tmp_path / "config.toml").write_text("epochs = ")
    with pytest.raises(UsageError, match="cannot read"):
        run_folder.read_config(tmp_path)


def test_lines(tmp_path):
    folder = run_folder.RunFolder(tmp_path / "run")
    run_folder.append(folder.path / "metrics.jsonl", {"step": 1, "loss": 0.5})
    size = folder.metrics_size()
    run_folder.append(folder.path / "metrics.jsonl", {"step": 2, "loss": math.nan})
    assert run_folder.read_lines(folder.path / "metrics.jsonl")[1] == {"step": 2, "loss": None}
    folder.cut_metrics(size)
    assert run_folder.read_lines(folder.path / "metrics.jsonl") == [{"step": 1, "loss": 0.5}]
    with pytest.raises(UsageError, match=f"was cut short: {size} bytes, 1000"):
        folder.cut_metrics(1000)
    assert run_folder.read_lines(tmp_path / "absent.jsonl") == []
    (tmp_path / "bad.jsonl").write_text("{}\nnot json\n")
    with pytest.raises(UsageError, match="is damaged"):
        run_folder.read_lines(tmp_path / "bad.jsonl")


def test_a_half_written_line_is_dropped(tmp_path):
    folder = run_folder.RunFolder(tmp_path)
    folder.event("started")
    folder.close()
    path = tmp_path / "events.jsonl"
    path.write_text(path.read_text() + '{"ev')
    assert len(run_folder.read_lines(path)) == 1
    run_folder.RunFolder(tmp_path, resume=True).event("resumed")
    assert [line["event"] for line in run_folder.read_lines(path)] == ["started", "resumed"]


HOLD = """
import sys
from cartograd.engine.logging.run_folder import RunFolder
folder = RunFolder(sys.argv[1])
folder.event("started")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_has_one_run_at_a_time(tmp_path):
    """Also for a second process; `kill -9` of the first frees it."""
    path = tmp_path / "run"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout.readline() == b"held\n"
    before = (path / "events.jsonl").read_bytes()
    for resume in (False, True):
        with pytest.raises(UsageError, match=r"another run is writing .*run; wait until it ends"):
            run_folder.RunFolder(path, resume=resume)
    assert (path / "events.jsonl").read_bytes() == before
    other.kill()
    other.communicate()
    first = run_folder.RunFolder(path, resume=True)
    with pytest.raises(UsageError, match="another run is writing"):
        run_folder.RunFolder(path, resume=True)
    first.close()
    run_folder.RunFolder(path, resume=True).close()
    assert sorted(item.name for item in path.iterdir()) == ["checkpoints", "events.jsonl"]


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_process_does_not_keep_the_folder(tmp_path):
    """A DataLoader's workers may outlive a killed run by seconds."""
    folder = run_folder.RunFolder(tmp_path)
    begun, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tell, b"!")
        signal.pause()
    try:
        os.read(begun, 1)
        folder.close()
        run_folder.RunFolder(tmp_path).close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_line_that_the_disk_takes_half_of_is_an_error(tmp_path, monkeypatch):
    folder = run_folder.RunFolder(tmp_path)
    monkeypatch.setattr(os, "write", lambda handle, data: len(data) // 2)
    with pytest.raises(UsageError, match=r"cannot write .*events.jsonl: No space left"):
        folder.event("started")
    folder.close()


def test_folders_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file; a run needs a folder"):
        run_folder.RunFolder(tmp_path / "file")
    with pytest.raises(UsageError, match="cannot write"):
        run_folder.RunFolder(tmp_path / "file" / "below")
