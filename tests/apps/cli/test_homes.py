"""Where nothing can be written: no home, no folder for temporary files, a folder that is closed."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from cartograd.core.at_work import scratch_folder
from cartograd.core.cache import cache_folder
from cartograd.core.errors import UsageError
from cartograd.core.paths import expanded
from cartograd.engine.device import measured
from cartograd.engine.logging.run_folder import RunFolder, note


@pytest.fixture
def closed(tmp_path, monkeypatch):
    """A home in which nothing can be made, and no other place for what is kept."""
    home = tmp_path / "home"
    home.write_text("no folder")
    for name in ("CARTOGRAD_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return home


@pytest.fixture
def homeless(closed, tmp_path, monkeypatch):
    """A user by number, of whom the system knows no home."""

    def none():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


def nowhere():
    raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")


@pytest.mark.parametrize("words", ["list average", "learn 1.2", "data", "show relu", "", "doctor"])
def test_who_only_looks_needs_no_home(words, closed, cli_run):
    done = cli_run(*words.split())
    assert (done.code, "Traceback" in done.err) == (0, False)
    assert closed.read_text() == "no folder"


def test_figures_that_cannot_be_kept_are_measured_again(closed):
    measured.keep("figures", {"a": 1.0})
    assert measured.known("figures") == {}


def test_who_has_no_home_has_a_folder_of_their_own(homeless):
    folder = cache_folder()
    assert folder.parent == homeless
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert cache_folder() == folder
    folder.chmod(0o777)
    with pytest.raises(UsageError, match=r"is not this user's alone; name .* CARTOGRAD_CACHE"):
        cache_folder()


def test_without_a_place_for_temporary_files_it_is_a_line(homeless, monkeypatch, cli_run):
    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    with (
        pytest.raises(UsageError, match="make room, or name one with TMPDIR"),
        scratch_folder(),
    ):
        pass
    assert cli_run("learn", "1.2").code == 0


def test_a_home_of_nobody_is_a_path_like_any_other(cli_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expanded("~no-such-user/a") == Path("~no-such-user/a")
    done = cli_run("train", "mlp", "--data", "~no-such-user/a.csv")
    assert done.code == 2
    assert "there is no file or folder ~no-such-user/a.csv" in done.err


def test_a_run_whose_folder_is_closed_is_refused_in_a_line(closed, cli_run, monkeypatch):
    (closed.parent / "runs").write_text("no folder")
    lines = [f"{i % 7},{i % 3},{('yes', 'no')[i % 2]}" for i in range(40)]
    (closed.parent / "a.csv").write_text("\n".join(["x,y,class", *lines]))
    done = cli_run("train", "mlp", "--data", "a.csv", "--target", "class", "--epochs", "1")
    assert done.code == 2
    assert "cartograd: cannot make runs/mlp-csv-1: Not a directory" in done.err
    (closed.parent / "run").mkdir()
    note(closed.parent / "run", "started")

    def closed_(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "truncate", closed_)
    with pytest.raises(UsageError, match=r"cannot write .*run: Permission denied"):
        RunFolder(closed.parent / "run", resume=True)
