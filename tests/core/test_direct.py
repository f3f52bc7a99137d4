"""Files written straight to the disk: the same bytes and digest, wherever parts end."""

import errno
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from blake3 import blake3

from cartograd.core import direct
from cartograd.core.files import write_hashed

SIZES = (
    (0,), (1,), (4096,), (8192,), (8191, 1), (8192, 8192), (3, 20_000, 0, 12_288, 7), (100_000,),
)  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Buffers that a few numbers fill, so that they are used again and again."""
    monkeypatch.setattr(direct, "PIECE", 8192)
    monkeypatch.setattr(direct, "LARGE", 0)
    monkeypatch.setattr(direct, "_KEPT", [])


def parts(sizes):
    return [memoryview(os.urandom(size)) for size in sizes]


@pytest.mark.parametrize("sizes", SIZES)
def test_what_is_written_is_what_was_given(sizes, tmp_path):
    given = parts(sizes)
    path = tmp_path / "file"
    path.write_bytes(b"an older and longer one" * 9000)
    found = write_hashed(path, given, once=True)
    assert path.read_bytes() == b"".join(given)
    assert found == blake3(path.read_bytes()).hexdigest()


def test_buffers_are_used_again_and_by_one_file_at_a_time(tmp_path):
    def write(number):
        given = parts((5000 + 999 * number, 60_000))
        found = write_hashed(tmp_path / str(number), given, once=True)
        return found == blake3(b"".join(given)).hexdigest() and (
            (tmp_path / str(number)).read_bytes() == b"".join(given)
        )

    assert write(0)
    kept = [id(one) for buffers in direct._KEPT for one in buffers]
    with ThreadPoolExecutor(4) as several:
        assert all(several.map(write, range(1, 13)))
    assert len(direct._KEPT) <= 1
    assert len(kept) in {0, direct.DEPTH}


def test_a_write_that_takes_less_than_it_is_given_goes_on(tmp_path, monkeypatch):
    given, put = parts((50_000,)), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, buffer, at: put(file, buffer[:4096], at))
    write_hashed(tmp_path / "file", given, once=True)
    assert (tmp_path / "file").read_bytes() == given[0]


@pytest.mark.parametrize("lacks", ["system", "opening", "writing"])
def test_where_it_cannot_be_the_file_is_written_as_any_other(lacks, tmp_path, monkeypatch):
    given, opened = parts((30_000, 5)), os.open

    def refused(*args):
        raise OSError(errno.EINVAL, "Invalid argument")

    def plain_only(path, flags, *args, **more):
        return refused() if flags & os.O_DIRECT else opened(path, flags, *args, **more)

    if lacks == "system":
        monkeypatch.setattr(sys, "platform", "other")
    elif lacks == "opening":
        monkeypatch.setattr(os, "open", plain_only)
    else:
        monkeypatch.setattr(os, "pwrite", refused)
    found = write_hashed(tmp_path / "file", given, once=True)
    assert (tmp_path / "file").read_bytes() == b"".join(given)
    assert found == blake3(b"".join(given)).hexdigest()


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    if direct.write_direct(tmp_path / "tried", parts((9000,))) is None:
        pytest.skip("this file system has no such writing")

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        write_hashed(tmp_path / "file", parts((30_000,)), once=True)
