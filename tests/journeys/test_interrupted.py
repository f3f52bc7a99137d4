"""A signal in the middle of a command's work: the exit code tells of it, and nothing is left."""

import importlib
import os
import signal
import sys
import time

import pytest

from tests.programs import Program, cartograd

pytestmark = pytest.mark.journey

WORK = {
    "evaluate run": (signal.SIGTERM, "apps.verbs.evaluate", "figures"),
    "explain run 0.5,0.25": (signal.SIGINT, "apps.verbs.explain", "build"),
    "compress run --out small": (signal.SIGTERM, "apps.verbs.compress", "_spec"),
    "generate drawn --out drawn.csv": (signal.SIGTERM, "apps.verbs.sample", "_drawing"),
    "augment texts.csv --target label --method eda --out more.csv": (
        signal.SIGTERM, "apps.verbs.augment_texts", "CounterRandom",
    ),
    "data get fashion-mnist": (signal.SIGTERM, "data.store.packages", "_fill"),
    "serve run --port 0": (signal.SIGTERM, "apps.server.run", "_server"),
}  # fmt: skip
"""For each command a signal, and a part of its work that the test makes endless."""


def endless(words, module, name):
    """A command that tells when it is in the middle of its work, and never ends by itself."""
    from cartograd.apps.cli import main

    def work(*_, **__):
        print("at work", flush=True)
        while True:
            time.sleep(0.01)

    os.environ["CARTOGRAD_CACHE"] = "cache"
    setattr(importlib.import_module(f"cartograd.{module}"), name, work)
    sys.exit(main(words))


def test_whatever_is_interrupted_says_so_and_leaves_nothing(cli_run, tmp_path):
    words = ("--data", "moons", "--epochs", "1", "--folder")
    assert cli_run("train", "mlp:widths=[4]", *words, "run").code == 0
    assert cli_run("train", "vae:widths=[4]", *words, "drawn").code == 0
    rows = [f"a {'good' if n % 2 else 'bad'} film of {n},{n % 2}" for n in range(40)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *rows]))
    (tmp_path / "cache").mkdir()
    before = sorted(tmp_path.rglob("*"))
    programs = {
        line: Program(endless, line.split(), module, name, cwd=tmp_path)
        for line, (_, module, name) in WORK.items()
    }
    for line, program in programs.items():
        assert program.line() == "at work", line
        program.send_signal(WORK[line][0])
    for line, program in programs.items():
        _, err = program.communicate()
        told = [x for x in err.splitlines() if not x.startswith("csv: ")]
        assert (program.returncode, told) == (128 + WORK[line][0], ["stopped"]), line
    left = sorted(tmp_path.rglob("*"))
    new = set(left) - set(before) - {tmp_path / "cache/layers.json"}  # which kernels are quick here
    assert new == {tmp_path / "cache/data"}
    server = cartograd("serve", "run", "--port", "0", cwd=tmp_path)  # which so has done its work
    assert "/predict" in server.line()
    server.terminate()
    _, err = server.communicate()
    assert (server.returncode, err) == (0, "")
