"""A signal in the middle of a command's work: the exit code tells of it, and nothing is left."""

import importlib
import signal
import sys
import time

import pytest

from tests.programs import Program

pytestmark = pytest.mark.journey

WORK = {
    "evaluate": (signal.SIGTERM, "cartograd.apps.verbs.evaluate", "figures", ()),
    "explain": (signal.SIGINT, "cartograd.apps.verbs.explain", "build", ("0.5,0.25",)),
    "compress": (signal.SIGTERM, "cartograd.apps.verbs.compress", "_spec", ("--out", "small")),
}
"""For each command a signal, a part of its work that the test makes endless, and further words."""


def endless(words, module, name):
    """A command that tells when it is in the middle of its work, and never ends by itself."""
    from cartograd.apps.cli import main

    def work(*_, **__):
        print("at work", flush=True)
        while True:
            time.sleep(0.01)

    setattr(importlib.import_module(module), name, work)
    sys.exit(main(words))


def test_whatever_is_interrupted_says_so_and_leaves_nothing(cli_run, tmp_path):
    words = ("mlp:widths=[4]", "--data", "moons", "--epochs", "1", "--folder", "run")
    assert cli_run("train", *words).code == 0
    before = sorted(tmp_path.rglob("*"))
    programs = {
        verb: Program(endless, [verb, "run", *more], module, name, cwd=tmp_path)
        for verb, (_, module, name, more) in WORK.items()
    }
    for verb, program in programs.items():
        assert program.line() == "at work"
        program.send_signal(WORK[verb][0])
    for verb, program in programs.items():
        _, err = program.communicate()
        assert (program.returncode, err) == (128 + WORK[verb][0], "stopped\n"), verb
    assert sorted(tmp_path.rglob("*")) == before
