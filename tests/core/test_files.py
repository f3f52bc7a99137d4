"""Files are whole or absent, whatever fails; damage is found before anything is read."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from blake3 import blake3

from cartograd.core.errors import UsageError
from cartograd.core.files import check_manifest, write_file, write_folder, write_manifest


def no_space(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("content", ["", "two\nlines\n", "中文", b"\x00\xff"])
def test_write_file(tmp_path, content):
    path = write_file(tmp_path / "new" / "folder" / "a.txt", content)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert names(tmp_path) == ["new", "new/folder", "new/folder/a.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("there", [True, False])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step, there):
    path = tmp_path / "a.txt"
    if there:
        path.write_text("old")
    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), no_space)
    with pytest.raises(UsageError, match=r"cannot write .*a\.txt: No space left on device"):
        write_file(path, "new")
    assert names(tmp_path) == (["a.txt"] if there else [])
    assert not there or path.read_text() == "old"


def test_a_disk_that_is_really_full(tmp_path):
    """The kernel itself refuses the write: a process that may write 1,000 bytes a file."""
    code = (
        "import resource, signal, sys\n"
        "from cartograd.core.files import write_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_file(sys.argv[1], 'x' * 5000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.txt")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "UsageError: cannot write" in done.stderr
    assert names(tmp_path) == []


def test_the_folder_is_a_file(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        write_file(tmp_path / "a" / "b.txt", "new")


def test_write_folder(tmp_path):
    with write_folder(tmp_path / "deep" / "run") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "a.txt").write_text("a")
        assert not (tmp_path / "deep" / "run").exists()
    assert names(tmp_path) == ["deep", "deep/run", "deep/run/inner", "deep/run/inner/a.txt"]
    assert (tmp_path / "deep" / "run").stat().st_mode & 0o777 == 0o755


def test_an_existing_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="exists already"), write_folder(tmp_path):
        pytest.fail("the block must not run")


def test_an_existing_folder_is_replaced_where_that_is_asked_for(tmp_path):
    path = tmp_path / "run"
    for content in ("old", "new"):
        with write_folder(path, replace=True) as folder:
            (folder / content).write_text(content)
    assert names(tmp_path) == ["run", "run/new"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_in_the_block_leaves_nothing(tmp_path, error):
    def fill(folder):
        (folder / "a.txt").write_text("a")
        raise error

    with pytest.raises(error), write_folder(tmp_path / "run") as folder:
        fill(folder)
    assert names(tmp_path) == []


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failed_replacement_leaves_the_old_folder(tmp_path, monkeypatch, failing):
    """Moving a folder aside and moving the new one in: the second may fail as well."""
    path = tmp_path / "run"
    path.mkdir()
    (path / "old").write_text("old")
    replace, calls = Path.replace, []

    def flaky(self, target):
        calls.append(target)
        return no_space() if len(calls) == failing else replace(self, target)

    monkeypatch.setattr(Path, "replace", flaky)
    with (
        pytest.raises(UsageError, match="No space left"),
        write_folder(path, replace=True) as folder,
    ):
        (folder / "new").write_text("new")
    assert names(tmp_path) == ["run", "run/old"]


def test_a_killed_writer_leaves_the_old_or_the_new_file(tmp_path):
    """SIGKILL before any call that touches the disk: the file holds one of the versions, wholly.

    One program forks a writer for each call, which ends by that signal or is told.
    """
    calls = (1, 2, 3, 5, 8, 40, 41, 42, 43, 44, 45, 46, 47, 48)
    code = (
        "import itertools, os, signal, sys\n"
        "from cartograd.core.files import write_file\n"
        "for left in map(int, sys.argv[2:]):\n"
        "    writer = os.fork()\n"
        "    if writer == 0:\n"
        "        break\n"
        "    assert os.waitpid(writer, 0)[1] == signal.SIGKILL\n"
        "else:\n"
        "    sys.exit()\n"
        "path = f'{sys.argv[1]}/{left}.txt'\n"
        "def count(frame, event, function):\n"
        "    global left\n"
        "    left -= event == 'c_call' and function.__name__ in CALLS\n"
        "    if left == 0:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "CALLS = {'write', 'flush', 'fsync', 'replace', 'open', 'close', 'rename', '__exit__'}\n"
        "sys.setprofile(count)\n"
        "for n in itertools.count():\n"
        "    write_file(path, str(n % 10) * 200_000)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path), *map(str, calls)]
    assert subprocess.run(words).returncode == 0
    for call in calls:
        path = tmp_path / f"{call}.txt"
        if not path.exists():
            assert call < 20, "nothing was written in the end"
            continue
        text = path.read_text()
        assert len(text) == 200_000
        assert len(set(text)) == 1


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.bin").write_bytes(bytes(range(100)))
    (folder / "inner" / "b.txt").write_text("b")
    write_manifest(folder)
    return folder


def test_a_whole_folder_passes(bundle):
    assert check_manifest(bundle) == blake3((bundle / "manifest.json").read_bytes()).hexdigest()
    assert write_manifest(bundle) == check_manifest(bundle), "writing anew changes nothing"


@pytest.mark.parametrize("position", range(0, 100, 9))
def test_one_changed_byte_is_found(bundle, position):
    data = bytearray((bundle / "a.bin").read_bytes())
    data[position] ^= 1
    (bundle / "a.bin").write_bytes(data)
    with pytest.raises(UsageError, match=r"'a\.bin' was changed or damaged"):
        check_manifest(bundle)


def test_a_longer_shorter_or_missing_file_is_found(bundle):
    for content in (b"", bytes(range(101))):
        (bundle / "a.bin").write_bytes(content)
        with pytest.raises(UsageError, match="changed or damaged"):
            check_manifest(bundle)
    (bundle / "a.bin").unlink()
    with pytest.raises(UsageError, match=r"'a\.bin' is missing"):
        check_manifest(bundle)


def test_a_missing_manifest_is_found(bundle):
    (bundle / "manifest.json").unlink()
    with pytest.raises(UsageError, match="missing or unreadable"):
        check_manifest(bundle)


def test_any_changed_byte_of_the_manifest_changes_the_digest_or_is_refused(bundle):
    path = bundle / "manifest.json"
    text, digest = path.read_bytes(), check_manifest(bundle)
    for position in range(len(text)):
        path.write_bytes(text[:position] + bytes([text[position] ^ 1]) + text[position + 1 :])
        try:
            assert check_manifest(bundle) != digest
        except UsageError:
            continue


@pytest.mark.parametrize(
    "manifest",
    [[], {}, 3, {"files": []}, {"files": {"a.bin": 3}}, {"files": {"a.bin": {"size": 100}}}],
)
def test_a_manifest_of_another_shape_is_refused(bundle, manifest):
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="missing or unreadable"):
        check_manifest(bundle)


def test_a_manifest_of_before_is_named(bundle):
    (bundle / "manifest.json").write_text(json.dumps({"format": 1, "files": {}}))
    with pytest.raises(UsageError, match="an older Cartograd wrote it"):
        check_manifest(bundle)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "inner/../../secret"])
def test_a_manifest_cannot_point_outside_of_its_folder(bundle, name):
    shutil.copy(bundle / "a.bin", bundle.parent / "secret")
    entry = {"size": 100, "blake3": blake3((bundle / "a.bin").read_bytes()).hexdigest()}
    (bundle / "manifest.json").write_text(json.dumps({"files": {name: entry}}))
    with pytest.raises(UsageError):
        check_manifest(bundle)
