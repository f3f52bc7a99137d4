"""Newcomers, in both languages, who do what is printed and no more: each command in a process.

`cartograd` alone says how to begin, and the last line of a result what comes next. Who reads
Chinese meets no English sentence.
"""

import fcntl
import gc
import importlib
import json
import os
import pty
import re
import shlex
import signal
import struct
import sys
import termios
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cartograd.core.language import said, speaking
from tests.programs import Warm

pytestmark = pytest.mark.journey

NEXT = re.compile(
    r"^(?:next|what next|下一步|下一页) +cartograd (.*?)(?:  \(.*|（.*)?$", re.MULTILINE
)
LOCALES = {"en": "C.UTF-8", "zh": "zh_CN.UTF-8"}
HAN = re.compile(r"[\u4e00-\u9fff]")
ENGLISH = re.compile(r"(?:\b[A-Za-z][A-Za-z'-]*,? ){3,}[A-Za-z]+")
"""Four words in a row."""
OWN = re.compile(r"""cartograd .*|(['"]).*?\1|`.*?`""")
"""What is the same in every language: commands, and what somebody has written."""
YET = re.compile(
    "rows of a table|drift as a whole|Passes with|In relative terms|TF-IDF of its words|"
    "of what the texts hold|published sentences|is taken as|"
    "precision, recall and F1 are of|that are there already"
)
"""Of sentences that are put together of several, and have no Chinese yet."""
COLOURS = re.compile(r"\x1b\[[\d;]*m")

WARM = (
    "cartograd.apps.cli", "cartograd.apps.report.run", "cartograd.apps.replace.replace",
    "cartograd.apps.audit.audit", "cartograd.apps.check.check", "matplotlib.pyplot", "onnx",
    "onnxruntime", "onnxscript", "sklearn.ensemble", "sklearn.linear_model", "torch._dynamo",
    *(f"cartograd.apps.verbs.{name}" for name in ("train", "explain", "export", "compress")),
)  # fmt: skip
"""Modules that take long to import."""


def warmed():
    """What each command would import, and read, for itself; what other tests leave out, too."""
    for module in WARM:
        importlib.import_module(module)
    import torch
    from matplotlib import pyplot

    from cartograd.apps.report import theme
    from cartograd.core import catalogue, concepts, registry, vocabulary
    from cartograd.practice.deployment import in_turns
    from tests import exports

    exports.install()
    theme.written = lambda figure: "<svg></svg>\n"
    in_turns.SECONDS, in_turns.CALLS = 0.0, in_turns.LEAST
    torch.onnx.export(torch.nn.Linear(1, 1).eval(), (torch.zeros(1, 1),), verbose=False)
    with open(os.devnull, "wb") as nowhere:
        pyplot.figure().savefig(nowhere, format="svg")
    pyplot.close("all")
    for read_once in (registry.cards, concepts.coverage, vocabulary.words):
        read_once()
    _ = catalogue.catalogue().exact, catalogue.catalogue().templates
    gc.collect()
    gc.freeze()


def typed(words, lang, home, columns):
    """A command line in this process, which has been forked for it."""
    from cartograd.apps.cli import main

    os.environ |= {"LC_ALL": LOCALES[lang], "XDG_CACHE_HOME": home}
    sys.exit(main(words) if columns is None else shown(main, words, columns))


def shown(main, words, columns):
    """A command line at a terminal of so many columns; what that shows goes to standard output."""
    os.environ.pop("COLUMNS", None)
    screen, ours = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    file = os.dup(1)

    def copied():
        while part := read(screen):
            os.write(file, part)

    reader = threading.Thread(target=copied)
    reader.start()
    for stream in (1, 2):
        os.dup2(ours, stream)
    os.close(ours)
    code = main(words)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    for stream in (1, 2):
        os.dup2(file, stream)
    reader.join()
    return code


def read(screen):
    try:
        return os.read(screen, 4096)
    except OSError:  # nobody writes to it any more
        return b""


def served(words, lang, home, out, body):
    """A server that is asked once where it says that it answers, and is ended by Ctrl-C."""

    def ask():
        while not (found := re.search(r"http://\S+?/predict", Path(out).read_text())):
            time.sleep(0.02)
        request = urllib.request.Request(
            found[0], body.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            print(answer.read().decode(), file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=ask, daemon=True).start()
    with Path(out).open("a") as file:
        os.dup2(file.fileno(), 1)
    typed(words, lang, home, None)


@pytest.fixture(scope="module")
def warm():
    made = Warm(warmed)
    yield made
    made.close()


class Newcomer:
    """Someone in an empty folder."""

    def __init__(self, folder, lang, warm):
        self.folder, self.lang, self.warm = folder, lang, warm
        self.did, self.strange = [], []
        self.home = str(folder / "cache")

    def does(self, line="", code=0, columns=None):
        """Types `cartograd LINE`; what is printed."""
        words = shlex.split(line)
        self.did.append(" ".join(words[:2] if words[:1] == ["data"] else words[:1]))
        came, out, err = self.warm(typed, words, self.lang, self.home, columns, cwd=self.folder)
        assert came == code, (line, out, err)
        self.understands(words, out, err)
        return out

    def understands(self, words, out, err):
        """Looks whether all of it is in the language."""
        assert "Traceback" not in out + err
        if words[:1] in (["learn"], ["show"]):  # a heading is 003 一.2, a docstring English
            return
        if self.lang == "en":
            assert not HAN.search(out + err), (words, out, err)
            return
        with speaking("zh"):
            for text in map(str.strip, COLOURS.sub("", out + err).splitlines()):
                rest = OWN.sub("", text)
                if (said(text) != text or ENGLISH.search(rest)) and not YET.search(rest):
                    self.strange.append((*words[:2], text))

    def begins(self, until="serve"):
        """Looks at what `cartograd` alone says, and follows its first line to its end."""
        lines = re.findall(r"^  cartograd (.*?)(?:  .*)?$", self.does(), re.MULTILINE)
        assert len(lines) == 3
        return self.follows(lines[0], second=lines[1], until=until)

    def follows(self, line, second, until):
        """Does a line and each next one, until none is printed or one begins with a word."""
        while line is not None and not line.startswith(until):
            assert len(self.did) < 12
            found = NEXT.findall(self.does(line))
            line = found[-1] if found else None
            assert second in (None, line)
            second = None
        return line

    def serves(self, line, inputs):
        """Begins the server of a line, asks it once and ends it; what it answers."""
        words, out = [*shlex.split(line), "--port", "0"], self.folder / "served"
        out.touch()
        body = json.dumps({"inputs": inputs})
        came, _, err = self.warm(
            served, words, self.lang, self.home, str(out), body, cwd=self.folder
        )
        assert came == 0, err
        return json.loads(next(one for one in err.splitlines() if one.startswith("{")))


@pytest.fixture(params=list(LOCALES))
def newcomer(request, tmp_path, warm):
    made = Newcomer(tmp_path, request.param, warm)
    yield made
    assert made.strange == []


def pictures(folder):
    random = np.random.default_rng(0)
    for i in range(30):
        for name, channel in (("red apple", 0), ("sky", 2)):
            pixels = random.integers(0, 90, (8, 8, 3))
            pixels[2:6, 2:6, channel] = random.integers(160, 255)
            path = folder / "my photos" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)


def customers(path):
    random = np.random.default_rng(0)
    rows = [
        f'{age},"{("Bonn", "Lima")[i % 2]}",{("yes", "no")[int(age > 45)]}'
        for i, age in enumerate(random.integers(18, 80, 120))
    ]
    path.write_text("\n".join(["age,town,has left", *rows]))


def letters(path, lang):
    """Texts with a label: a table, or lines of JSON."""
    said = {
        "en": (("The soup was cold 😕", "Never again, sorry"), ("Lovely 🙂 room", "We come back")),
        "zh": (("汤是凉的😕", "再也不来了"), ("房间真好🙂", "我们还会来")),
    }[lang]
    rows = [(f"{said[i % 2][i // 2 % 2]} {i}", ("bad", "good")[i % 2]) for i in range(80)]
    if lang == "en":
        lines = ["what they wrote,verdict", *(f'"{text}",{label}' for text, label in rows)]
    else:
        lines = [json.dumps({"留言": text, "评价": label}, ensure_ascii=False)
                 for text, label in rows]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")


def test_own_pictures_from_a_folder_to_a_server(newcomer):
    pictures(newcomer.folder)
    line = newcomer.begins()
    assert newcomer.did == ["", "data check", "train", "evaluate", "explain", "export"]
    assert "sky" in newcomer.does("predict runs/lenet5-folder-1 'my photos/sky/1.png'")
    assert "lenet5-folder-1" in newcomer.does()
    assert line.startswith("serve runs/lenet5-folder-1/model.onnx")


@pytest.fixture(scope="module")
def tables():
    """Newcomers with a table and a model of it, by language."""
    return {}


def test_a_table_whose_target_nobody_named(newcomer, tables):
    customers(newcomer.folder / "customers.csv")
    again = NEXT.findall(newcomer.does("data check customers.csv", code=2))
    assert again == ["data check customers.csv --target 'has left'"]
    newcomer.did.clear()
    assert newcomer.begins(until="explain") == "explain runs/mlp-csv-1"
    assert newcomer.did == ["", "data check", "train", "evaluate"]
    told = newcomer.does("predict runs/mlp-csv-1 customers.csv")
    assert "has left" not in told.split("\n")[0]
    tables[newcomer.lang] = newcomer


@pytest.mark.parametrize("lang", list(LOCALES))
def test_a_model_that_goes_out(lang, tables):
    newcomer, run = tables[lang], "runs/mlp-csv-1"
    assert NEXT.findall(newcomer.does(f"compress {run}")) == [f"replace {run} {run}/int8-weights"]
    newcomer.does(f"replace {run} {run}/int8-weights", code=1)  # nothing follows from so few
    (line,) = NEXT.findall(newcomer.does(f"audit {run} --minutes 0.02 --examples 20"))
    assert line == f"export {run} --check"
    (line,) = NEXT.findall(newcomer.does(line))
    (answer,) = newcomer.serves(line, [{"age": 30, "town": "Bonn"}])["predictions"]
    assert answer["label"] == "yes"
    assert f"evaluate {run}" in newcomer.does()
    assert newcomer.strange == []


def test_own_texts_from_a_file_to_other_programs(newcomer):
    name = {"en": "letters.csv", "zh": "留言.jsonl"}[newcomer.lang]
    letters(newcomer.folder / name, newcomer.lang)
    newcomer.begins()
    assert newcomer.did == ["", "data check", "train", "evaluate", "explain", "export"]
    (run,) = (newcomer.folder / "runs").iterdir()
    text = {"en": "We come back 🙂", "zh": "我们还会来🙂"}[newcomer.lang]
    assert "good" in newcomer.does(f"predict runs/{run.name} '{text}'")


def test_a_student_by_the_notes(newcomer):
    _, out = newcomer.does(), newcomer.does("learn")
    for _ in range(2):
        (line,) = NEXT.findall(out)
        out = newcomer.does(line)
    newcomer.does("show backprop")
    (line,) = NEXT.findall(newcomer.does("show RMSProp"))
    newcomer.does(line)
    (line,) = NEXT.findall(newcomer.does("claim gelu-approx"))
    assert line.startswith("learn ")
    assert "gelu-approx" in newcomer.does(line)
    narrow = COLOURS.sub("", newcomer.does("list average", columns=40)).splitlines()
    assert narrow
    assert max(map(len, narrow)) <= 40


def test_two_methods_over_seeds(newcomer):
    customers(newcomer.folder / "customers.csv")
    told = "--data customers.csv --target 'has left' --epochs 3 --seeds 2"
    (line,) = NEXT.findall(newcomer.does(f"train mlp {told} --folder 'runs/[a]'"))
    assert line == "evaluate 'runs/[a]-seed0'"
    (line,) = NEXT.findall(newcomer.does(f"train 'mlp:widths=[]' {told} --folder runs/b"))
    assert "95 %" in newcomer.does(line)
    line = re.findall(r"^  cartograd (runs compare .*?)  ", newcomer.does(), re.MULTILINE)
    assert line
    newcomer.does(line[0])
