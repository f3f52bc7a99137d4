"""The rules of Windows and macOS, as far as another system can keep them."""

import errno
import io
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cartograd.apps import cli
from cartograd.apps.cli import output
from cartograd.core import locks, memory, screen, system
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file, write_folder
from cartograd.core.locks import FolderLock, abandoned
from cartograd.engine.logging.run_folder import RunFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def windows(monkeypatch):
    """Locks, folders and moves are those of Windows."""
    monkeypatch.setattr(system, "fcntl", None)
    monkeypatch.setattr(system, "WINDOWS", True)
    opened, replaced = os.open, Path.replace

    def open_(path, *rest, **named):
        if isinstance(path, str | os.PathLike) and Path(path).is_dir():
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *rest, **named)

    def replace(old, new):
        here = {os.path.realpath(one) for one in (old, new)}
        for link in Path("/proc/self/fd").iterdir():
            if os.path.realpath(link) in here:
                raise PermissionError(13, "The process cannot access the file", str(old))
        return replaced(old, new)

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(shutil, "_use_fd_functions", False)  # folders are removed by name there
    monkeypatch.setattr(Path, "replace", replace)


def test_files_and_folders_are_whole_or_absent_by_the_rules_of_windows(windows, tmp_path):
    assert write_file(tmp_path / "a", "old").read_text() == "old"
    assert write_file(tmp_path / "a", "new").read_text() == "new"
    for word in ("first", "second"):
        with write_folder(tmp_path / "b", replace=True) as folder:
            (folder / "one").write_text(word)
    assert (tmp_path / "b/one").read_text() == "second"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b"]


def test_a_file_that_another_reads_is_replaced_once_it_is_closed(windows, tmp_path, monkeypatch):
    path = write_file(tmp_path / "a", "old")
    reader, pauses = path.open(), []
    monkeypatch.setattr(system.time, "sleep", lambda s: (pauses.append(s), reader.close()))
    assert write_file(path, "new").read_text() == "new"
    assert pauses == [system.PAUSE]


def test_a_file_that_stays_open_is_a_line_and_stays_as_it_was(windows, tmp_path, monkeypatch):
    path = write_file(tmp_path / "a", "old")
    monkeypatch.setattr(system.time, "sleep", lambda _: None)
    with path.open(), pytest.raises(UsageError, match=r"cannot write .*cannot access the file"):
        write_file(path, "new")
    assert [one.read_text() for one in tmp_path.iterdir()] == ["old"]


def test_without_locks_nothing_counts_as_left_behind(windows, tmp_path):
    lock = FolderLock(tmp_path)
    assert lock.handle == -1
    lock.close()
    assert not abandoned(write_file(tmp_path / "a", "x"))
    with pytest.raises(OSError, match="no locks"):
        locks._lock(0)


def test_two_write_one_run_folder_in_turn_by_the_rules_of_windows(windows, tmp_path, monkeypatch):
    """A file says who writes; there none that is open can be removed."""
    removed, held = os.unlink, {}

    def unlink(path, **named):
        if str(path) in held and os.path.exists(f"/proc/self/fd/{held[str(path)]}"):
            raise PermissionError(13, "The process cannot access the file", str(path))
        removed(path, **named)

    monkeypatch.setattr(os, "unlink", unlink)
    first = RunFolder(tmp_path / "run")
    mark = tmp_path / ".run.cartograd-lock"
    held[str(mark)] = first._lock._mark.handle
    assert mark.read_text().split()[0] == str(os.getpid())
    with pytest.raises(UsageError, match=rf"another run is writing .*run \(process {os.getpid()}"):
        RunFolder(tmp_path / "run")
    first.close()
    assert not mark.exists()
    mark.write_text("999999 elsewhere\n")  # its writer has ended: nothing has it open
    with pytest.warns(UserWarning, match="process 999999 on elsewhere was writing .* taken over"):
        RunFolder(tmp_path / "run").close()
    assert not mark.exists()


@pytest.mark.parametrize(("number", "host", "ended"), [
    (os.getpid(), socket.gethostname(), False), (2**22 + 1, socket.gethostname(), True),
    (2**22 + 1, "elsewhere", False), ("", "", False),
])  # fmt: skip
def test_without_locks_of_the_file_system_a_process_is_asked_for(
    number, host, ended, tmp_path, monkeypatch
):
    def none(handle, how):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(locks.system, "fcntl", SimpleNamespace(flock=none, LOCK_EX=2, LOCK_NB=4))
    (tmp_path / "run").mkdir()
    mark = write_file(tmp_path / ".run.cartograd-lock", f"{number} {host}\n")
    if ended:
        with pytest.warns(UserWarning, match="has ended; its lock is taken over"):
            FolderLock(tmp_path / "run", marked=True).close()
        assert not mark.exists()
    else:
        with pytest.raises(UsageError, match=r"another run is writing .* remove .*lock"):
            FolderLock(tmp_path / "run", marked=True)
        assert mark.exists()
    FolderLock(tmp_path / "run").close()  # none is asked for


def test_labels_that_would_be_one_folder_are_refused(tmp_path, monkeypatch):
    import cartograd
    from cartograd.data.dataset.write_images import write_pictures

    data = cartograd.tensors(
        np.zeros((20, 1, 2, 2), np.float32), np.arange(20) % 2, labels=("cat", "Cat")
    )
    monkeypatch.setattr(system, "FOLDED", True)
    with pytest.raises(UsageError, match=r"the labels 'cat' and 'Cat', whose folders .* one name"):
        write_pictures(data, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("number", "file", "windows_", "gone"), [
    (errno.EPIPE, None, False, True), (errno.EINVAL, None, True, True),
    (errno.EINVAL, None, False, False), (errno.EINVAL, "a:b", True, False),
    (errno.ENOSPC, None, True, False),
])  # fmt: skip
def test_a_reader_that_has_gone_is_known(number, file, windows_, gone, monkeypatch):
    monkeypatch.setattr(system, "WINDOWS", windows_)
    assert system.unread(OSError(number, "said", file)) is gone
    assert not system.unread(None)


def test_a_command_ends_well_where_nobody_reads_it_on_windows(monkeypatch):
    heard = []
    monkeypatch.setattr(system, "WINDOWS", True)
    monkeypatch.setattr(cli, "unheard", lambda: heard.append(True))
    monkeypatch.setattr(cli, "_called", lambda _: raised(OSError(errno.EINVAL, "Invalid argument")))
    assert cli.main(["list"]) == 0
    assert heard == [True]


@pytest.mark.parametrize(("error", "told"), [
    (OSError(errno.ENOSPC, "No space left on device", "a/b"), "not let a/b be read or written: No"),
    (OSError(errno.EROFS, "Read-only file system"), "not let files be read or written: Read"),
    (FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"), "No usable temp"),
])  # fmt: skip
def test_a_disk_that_takes_nothing_is_a_line(error, told, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_called", lambda _: raised(error))
    assert cli.main(["list"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    other = FileNotFoundError(2, "No such file", "our/own.py")
    monkeypatch.setattr(cli, "_called", lambda _: raised(other))
    with pytest.raises(FileNotFoundError):
        cli.main(["list"])


def raised(error):
    raise error


@pytest.mark.parametrize("coding", ["cp1252", "cp936"])
def test_letters_that_a_screen_lacks_stop_nothing(coding, monkeypatch):
    screens = {
        name: io.TextIOWrapper(io.BytesIO(), encoding=coding) for name in ("stdout", "stderr")
    }
    for name, one in screens.items():
        monkeypatch.setattr(sys, name, one)
    assert screen.spoken(["list"])[1] == ("en" if coding == "cp1252" else "auto")
    output.emit({"label": "é 🦊", "n": float("nan")})
    output.say("fox 🦊")
    sys.stdout.seek(0)
    first, second = sys.stdout.read().splitlines()
    assert json.loads(first) == {"label": "é 🦊", "n": None}
    assert second == "fox ?"


@pytest.mark.parametrize(
    ("word", "there"),
    [
        ("CON", "CON-"), ("nul.txt", "nul-.txt"), ("com1", "com1-"), ("console", "console"),
        ("a:b*c", "a-b-c"), ("a\\b", "a-b"), ("end.", "end-"), ("猫", "猫"),
    ],
)  # fmt: skip
def test_names_that_windows_does_not_take_become_others(word, there):
    assert system.named(word, windows=True) == there
    assert system.named(word, windows=False) == word


def test_programs_are_started_without_what_the_system_lacks(monkeypatch):
    assert system.apart(3) == (True, 0, (3,))
    monkeypatch.delattr(os, "setsid")
    monkeypatch.setattr(system, "WINDOWS", True)
    assert system.apart(3) == (False, 0x200, ())
    monkeypatch.delattr(os, "register_at_fork")
    system.after_fork(lambda: None)


@pytest.mark.parametrize(("coding", "drawn"), [("cp1252", "-"), ("cp936", "─"), ("utf-8", "─")])
def test_tables_are_drawn_with_what_the_screen_has(coding, drawn, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=coding))
    output.table(("a", "b"), [["1", "2"]])
    sys.stdout.seek(0)
    lines = sys.stdout.read().splitlines()
    assert set(lines[1].strip()) == {drawn}


def test_without_proc_what_it_tells_is_not_known(monkeypatch):
    """As on macOS, which has neither it nor a count of free pages."""
    import torch

    from cartograd.engine.device import c_library, held, measured
    from cartograd.engine.loop import circumstances

    plain = Path.read_text

    def read(path, *rest, **named):
        if str(path).startswith("/proc"):
            raise FileNotFoundError(path)
        return plain(path, *rest, **named)

    monkeypatch.setattr(Path, "read_text", read)
    monkeypatch.setattr(held, "CLEAR", Path("/nowhere/clear_refs"))
    monkeypatch.setattr(os, "sysconf_names", {"SC_PAGE_SIZE": 30})
    assert memory.available() == 0
    assert held.peak(lambda: None) is None
    assert isinstance(measured.machine(torch.device("cpu")), str)
    assert circumstances._processor() == ""
    assert isinstance(c_library._processor.__wrapped__(), str)


def test_a_model_is_trained_and_asked_by_the_rules_of_windows(tmp_path):
    """In a process without `fcntl`, `fork` and most signals; on a screen of code page 1252."""
    rows = [f"{i % 7},{i % 2 * 3 + i % 3},{('yes', 'no')[i % 2]}" for i in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["x,y,class", *rows]))
    commands = (
        "train mlp --data a.csv --target class --epochs 1",
        "runs list --json", "predict runs/mlp-csv-1 a.csv --json",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", "-m", "tests.windows", *commands],
        cwd=tmp_path, capture_output=True, encoding="cp1252",
        env=os.environ | {
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "PYTHONIOENCODING": "cp1252",
            "CARTOGRAD_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"source": "a.csv row') == 60
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob(".*"))
