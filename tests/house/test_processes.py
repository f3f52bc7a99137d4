"""Tests in forked processes: each is run once, and what becomes of it is told."""

import re
import sys

import pytest

from tests.processes import MOST
from tests.programs import Program
from tools.source import ROOT

HEAD = """
import os
from pathlib import Path

import pytest

def note(word):
    with open("log", "a") as log:
        log.write(f"{word} {os.getpid()}\\n")
"""
SHARING = """
@pytest.fixture(scope="module")
def made(tmp_path_factory):
    note("made")
    return tmp_path_factory.mktemp("made")

@pytest.mark.parametrize("number", range(40))
def test_it(number, made, capfd):
    assert made.is_dir()
    print("said aloud")
    os.write(1, b"and written\\n")
    assert capfd.readouterr().out.split() == ["said", "aloud", "and", "written"]
    note(f"sharing{number}")
"""
LOOSE = """
@pytest.mark.parametrize("number", range(60))
def test_it(number, tmp_path):
    note(f"loose{number}")
    print("a word of", number)
    assert number != 33, "wrong number"

def test_skipped(): pytest.skip("no time")
def test_expected(): pytest.xfail("differs")
"""
DEADLY = """
def test_it(): os._exit(7)
"""


def run():
    """Pytest with our harness, in the working folder."""
    sys.path.insert(0, str(ROOT))
    given = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", ".", "-p", "tests.conftest",
             "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning",
             "--processes", "2"]  # fmt: skip
    sys.exit(pytest.main([*given, "."]))


@pytest.fixture
def tested(tmp_path):
    """The output and the exit code of these files' tests, and what they noted."""

    def outcome(**files):
        for name, text in files.items():
            (tmp_path / f"test_{name}.py").write_text(HEAD + text)
        program = Program(run, cwd=tmp_path)
        out, err = program.communicate()
        log = tmp_path / "log"
        noted = log.read_text().splitlines() if log.exists() else []
        return out + err, program.returncode, [line.split() for line in noted]

    return outcome


def test_each_test_is_run_once_and_told(tested):
    out, code, noted = tested(sharing=SHARING, loose=LOOSE)
    assert code == 1
    assert "1 failed, 99 passed, 1 skipped, 1 xfailed" in out
    assert re.findall(r"^FAILED .*::(\S+)", out, re.MULTILINE) == ["test_it[33]"]
    assert "wrong number" in out
    assert "a word of 33" in out
    assert "a word of 32" not in out
    words = [word for word, _ in noted]
    assert sorted(words) == sorted(
        ["made", *(f"sharing{n}" for n in range(40)), *(f"loose{n}" for n in range(60))]
    )
    assert len({process for word, process in noted if not word.startswith("loose")}) == 1
    for start in range(0, 60, MOST):
        part = {f"loose{n}" for n in range(start, min(start + MOST, 60))}
        assert len({process for word, process in noted if word in part}) == 1
    assert re.search(r"\d  test_loose.py", out), "processor seconds are those of the processes"


def test_a_process_that_dies_is_told_and_fails(tested):
    out, code, _ = tested(deadly=DEADLY, sharing=SHARING)
    assert code == 1
    assert "a process has died within test_deadly.py::test_it" in out
