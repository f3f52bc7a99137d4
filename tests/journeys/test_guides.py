"""Guides: their commands run on small files, and with short trainings, as they stand there."""

import glob
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import cartograd
from tests.commands import command
from tools.blocks import blocks, words
from tools.source import ROOT

OWN = "tests/journeys/test_guides.py"
RUNS = ("mlp-digits-1", "lenet5-digits-1")
"""Runs that guides go on from; RUN is the first."""

SHORT = {
    "your-own-data": (),
    "without-torch": (),
    "forecasting": (),
    "rare-classes": (),
    "segmentation": (("width=16", "width=4"), ('4", "cells")', '4", "cells", epochs=1)')),
    "small-changes": ((" --eps 0.05 --eps 0.1", " --eps 0.1 --examples 8"),
                      ("--method crown --eps 0.1", "--method crown --eps 0.1 --examples 8"),
                      ("--method autoattack", "--method fgsm")),
    "smaller-and-faster": (("epochs=2", "epochs=1"),),
    "replacing-a-model": (),
}  # fmt: skip
"""Each guide with what is made smaller in it, besides its trainings, which take one epoch."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Small files of the names in the guides, and two runs."""
    folder = tmp_path_factory.mktemp("guides")
    draw = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{('ok', 'fraud')[int(a > 0.75)]}" for a, b in draw.random((240, 2))]
    (folder / "fraud.csv").write_text("\n".join(["amount,hour,fraud", *rows]))
    months = [f"{1990 + i // 12}-{i % 12 + 1:02},{10 + i % 12 + i / 50:.2f}" for i in range(240)]
    (folder / "sales.csv").write_text("\n".join(["month,sold", *months]))
    for i in range(48):
        save(folder / f"photos/{('night', 'day')[i % 2]}/{i}.png", draw.random((24, 24, 3)))
    for i in range(4):
        save(folder / f"new/{i}.jpg", draw.random((24, 24, 3)))
        save(folder / f"new/{i + 4}.png", draw.random((32, 32)))
    for i in range(24):
        save(folder / f"cells/images/{i}.png", draw.random((32, 32)))
        save(folder / f"cells/masks/{i}.png", draw.random((32, 32)) > 0.5)
    save(folder / "photo.png", draw.random((8, 8)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in RUNS:
            cartograd.train(name.partition("-")[0], "digits", epochs=1, folder=f"runs/{name}")
    return folder


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((255 * pixels).astype(np.uint8)).save(path)


def shortened(text, changes):
    for old, new in changes:
        text = text.replace(old, new)
    text = re.sub(r"--epochs \d+", "--epochs 1", text)
    text = re.sub(r"\bRUN\b", f"runs/{RUNS[0]}", text)
    if text.startswith("cartograd train") and "--epochs" not in text:
        text += " --epochs 1"
    return text


@pytest.mark.journey
@pytest.mark.parametrize("name", SHORT)
def test_the_commands_of_a_guide_run(name, place, capsys, monkeypatch):
    page = (ROOT / f"docs/guides/{name}.md").read_text(encoding="utf-8")
    chosen = [one for one in blocks(page) if (one.mark, one.why) == ("run", OWN)]
    assert chosen
    monkeypatch.chdir(place)
    run = command(capsys, monkeypatch)
    for block in chosen:
        if block.language == "python":
            exec(shortened(block.text, SHORT[name]), {"cg": cartograd})
            continue
        for line in block.commands():
            program, *given = words(shortened(line, SHORT[name]))
            given = [one for word in given for one in sorted(glob.glob(word)) or [word]]
            if given[0] == "serve":
                continue
            if program == "cartograd-runtime":
                done = subprocess.run([sys.executable, "-m", "cartograd.apps.runtime", *given])
                assert done.returncode == 0
                continue
            assert program == "cartograd", line
            done = run(*given)
            assert done.code in (0, 1 if "--margin" in given else 0), (line, done.err)
            assert done.out, shlex.join(given)
