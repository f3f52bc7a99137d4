"""What a writer that was killed or stopped leaves, and who takes it away."""

import os
import signal
from contextlib import suppress

import pytest

from cartograd.core.at_work import scratch_folder
from cartograd.core.files import write_file, write_folder
from cartograd.core.interrupt import Stopped, stoppable
from cartograd.core.locks import FolderLock, abandoned


def killed(work):
    """Run something in a forked process that kills itself within it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_a_killed_writer_leaves_nothing_that_the_next_one_does_not_take(tmp_path, monkeypatch):
    def folder():
        with write_folder(tmp_path / "a") as made:
            (made / "half").write_text("x")
            die()

    def file():
        monkeypatch.setattr(os, "fsync", lambda _: die())
        write_file(tmp_path / "b", "half")

    for work, name in ((folder, "a"), (file, "b")):
        killed(work)
        (left,) = names(tmp_path)
        assert left.startswith(f".{name}.cartograd-")
        if name == "a":
            with write_folder(tmp_path / "a"):
                pass
            (tmp_path / "a").rmdir()
        else:
            write_file(tmp_path / "b", "whole").unlink()
        assert names(tmp_path) == []


def test_what_is_at_work_or_a_users_own_stays(tmp_path):
    (tmp_path / ".a.backup01").mkdir()
    with write_folder(tmp_path / "a") as first, write_folder(tmp_path / "a", replace=True):
        assert first.is_dir()
    assert names(tmp_path) == [".a.backup01", "a"]


def test_scratch_of_a_killed_process_is_taken_away(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def work():
        with scratch_folder():
            die()

    killed(work)
    assert len(names(tmp_path)) == 1
    with scratch_folder() as (folder, _):
        assert names(tmp_path) == [folder.name]
    assert names(tmp_path) == []


def test_a_lock_that_was_let_go_takes_no_other_with_it(tmp_path):
    """The system gives its number to the next one."""
    first = FolderLock(tmp_path)
    first.close()
    second = FolderLock(tmp_path)
    first.close()
    del first
    assert not abandoned(tmp_path)
    second.close()
    assert abandoned(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_raised_once_and_then_ends_at_once(number, tmp_path):
    before = signal.getsignal(number)

    def work():
        with stoppable(), write_folder(tmp_path / "a") as made:
            (made / "half").write_text("x")
            try:
                os.kill(os.getpid(), number)
            finally:
                assert signal.getsignal(number) is signal.SIG_DFL

    with pytest.raises(Stopped) as caught:
        work()
    assert caught.value.code == 128 + number
    assert signal.getsignal(number) is before
    assert names(tmp_path) == []


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_that_a_library_swallows_is_what_ended_the_work():
    def library():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException:
            raise ValueError("cannot be traced") from None

    with pytest.raises(Stopped) as caught, stoppable():
        library()
    assert caught.value.code == 143
    with pytest.raises(ValueError, match="another"), stoppable():
        raise ValueError("another")


def test_a_signal_that_a_library_swallows_for_good_is_told_at_the_end():
    """Once: whoever is around the command hears of it by the exception alone."""
    with pytest.raises(Stopped) as caught, stoppable(), suppress(BaseException):
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 143
    with stoppable(), pytest.raises(Stopped), stoppable():
        os.kill(os.getpid(), signal.SIGINT)
