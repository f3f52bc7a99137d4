import os
import shutil
import stat
import subprocess
import sys

import pytest

from cartograd.engine.device import c_library as module
from cartograd.engine.device.c_library import c_library

SOURCE = "int twice(int x) { return 2 * x; }\n"
COMPILER = any(shutil.which(name) for name in module.USUAL) and sys.platform != "win32"
"""Without one there is no library, which every test below then asks for."""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(module.SWITCH)
    monkeypatch.delenv("CC", raising=False)
    c_library.cache_clear()
    path = tmp_path / "twice.c"
    path.write_text(SOURCE)
    yield path
    c_library.cache_clear()


def kept(tmp_path):
    return sorted((tmp_path / "cache/compiled").glob("*"))


def test_it_is_compiled_once_and_kept(file, tmp_path, monkeypatch, capsys):
    found = c_library(file)
    assert (found.library is not None) == COMPILER
    if not COMPILER:
        assert "no C compiler" in found.told
        return
    assert found.library.twice(21) == 42
    assert found.told.startswith("compiled by ")
    assert capsys.readouterr().err.count("\n") == 1
    (library,) = kept(tmp_path)
    assert stat.S_IMODE(library.parent.stat().st_mode) == 0o700
    monkeypatch.setattr(module, "_make", lambda *_: pytest.fail("it was there"))
    c_library.cache_clear()
    again = c_library(file)
    assert again.library.twice(4) == 8
    assert not capsys.readouterr().err


def test_another_source_is_another_library(file, tmp_path):
    c_library(file)
    file.write_text(SOURCE.replace("2 * x", "3 * x"))
    c_library.cache_clear()
    found = c_library(file)
    assert found.library is None or found.library.twice(4) == 12
    assert len(kept(tmp_path)) == 2 * COMPILER


def test_it_can_be_turned_off(file, tmp_path, monkeypatch):
    monkeypatch.setenv(module.SWITCH, "off")
    assert c_library(file) == module.Found(None, "CARTOGRAD_COMPILER=off")
    assert not (tmp_path / "cache").exists()


def test_without_a_compiler_there_is_none(file, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = c_library(file)
    assert found.library is None
    assert found.told == "no C compiler (cc, gcc, clang) is on the path"


def test_what_does_not_compile_is_told_in_a_line(file, tmp_path):
    file.write_text("int twice(int x) { return nothing; }\n")
    found = c_library(file)
    assert found.library is None
    assert "\n" not in found.told
    if COMPILER:
        assert "made no library" in found.told
        assert not kept(tmp_path)  # whole or absent


def test_a_compiler_that_hangs_is_told(file, monkeypatch):
    def hangs(command, **_):
        raise subprocess.TimeoutExpired(command, 60)

    monkeypatch.setattr(module.subprocess, "run", hangs)
    monkeypatch.setattr(module, "_compiler", lambda: ["cc"])
    assert c_library(file).library is None


def test_a_folder_that_others_write_to_is_not_used(file, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_compiler", lambda: ["cc"])
    monkeypatch.setattr(module, "_said", lambda _: "cc 1")
    folder = tmp_path / "cache/compiled"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    found = c_library(file)
    assert found.library is None
    assert "can be written to by others" in found.told


def test_a_library_that_is_broken_is_told(file, monkeypatch):
    monkeypatch.setattr(module, "_make", lambda *given: given[3].write_bytes(b"nothing"))
    found = c_library(file)
    assert found.library is None
    assert "made no library" in found.told or not COMPILER


def test_the_named_compiler_is_taken(file, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    assert "no C compiler" in c_library(file).told
    monkeypatch.setenv("CC", f"{sys.executable} -c pass")
    assert os.path.basename(sys.executable) in module._compiler()[0]
    c_library.cache_clear()
    assert c_library(file).library is None
