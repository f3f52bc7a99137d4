"""Newcomers, in both languages, who do what is printed and no more: each in fresh processes.

`cartograd` alone says how to begin, and the last line of a result what comes next.
"""

import fcntl
import os
import pty
import re
import shlex
import signal
import struct
import sys
import termios
import threading

import numpy as np
import pytest
from PIL import Image

from tests.programs import Program

pytestmark = pytest.mark.journey

NEXT = re.compile(
    r"^(?:next|what next|下一步|下一页) +cartograd (.*?)(?:  \(.*|（.*)?$", re.MULTILINE
)
LOCALES = {"en": "C.UTF-8", "zh": "zh_CN.UTF-8"}
HAN = re.compile(r"[\u4e00-\u9fff]")


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


class Newcomer:
    """Someone in an empty folder."""

    def __init__(self, folder, lang):
        self.folder, self.lang, self.did = folder, lang, []

    def does(self, line="", code=0, columns=None):
        """Types `cartograd LINE`; what is printed."""
        words = shlex.split(line)
        self.did.append(" ".join(words[:2] if words[:1] == ["data"] else words[:1]))
        program = Program(
            typed, words, self.lang, str(self.folder / "cache"), columns, cwd=self.folder
        )
        out, err = program.communicate()
        assert program.returncode == code, (line, out, err)
        assert "Traceback" not in out + err
        if words[:1] in (["learn"], ["show"]):  # a heading is 003 一.2, a docstring English
            return out
        if self.lang == "en":
            assert not HAN.search(out + err), (line, out, err)
        elif out and words:
            assert HAN.search(out), (line, out)
        return out

    def begins(self, *, whole):
        """Looks at what `cartograd` alone says, and follows its first line, to the end or once."""
        lines = re.findall(r"^  cartograd (.*?)(?:  .*)?$", self.does(), re.MULTILINE)
        assert len(lines) == 3
        if whole:
            return self.follows(lines[0])
        assert NEXT.findall(self.does(lines[0])) == [lines[1]]
        return None

    def follows(self, line):
        """Does a line and each next one, until none is printed or one serves."""
        while line is not None and not line.startswith("serve"):
            assert len(self.did) < 12
            out = self.does(line)
            found = NEXT.findall(out)
            line = found[-1] if found else None
        return line


@pytest.fixture(params=list(LOCALES))
def newcomer(request, tmp_path):
    return Newcomer(tmp_path, request.param)


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


def test_own_pictures_from_a_folder_to_a_server(newcomer):
    pictures(newcomer.folder)
    line = newcomer.begins(whole=newcomer.lang == "zh")  # the other is the table's
    if line is None:
        return
    assert newcomer.did == ["", "data check", "train", "evaluate", "explain", "export"]
    assert "sky" in newcomer.does("predict runs/lenet5-folder-1 'my photos/sky/1.png'")
    assert "lenet5-folder-1" in newcomer.does()
    server = Program(
        typed, [*shlex.split(line), "--port", "0"], newcomer.lang, "cache", None,
        cwd=newcomer.folder,
    )  # fmt: skip
    assert "http://" in server.line()
    server.send_signal(signal.SIGINT)
    server.communicate()
    assert server.returncode == 0


def test_a_table_whose_target_nobody_named_and_a_smaller_model(newcomer):
    customers(newcomer.folder / "customers.csv")
    again = NEXT.findall(newcomer.does("data check customers.csv", code=2))
    assert again == ["data check customers.csv --target 'has left'"]
    if newcomer.lang == "zh":
        newcomer.begins(whole=False)
        return
    newcomer.did.clear()
    newcomer.begins(whole=True)
    assert newcomer.did[:4] == ["", "data check", "train", "evaluate"]
    (run,) = (newcomer.folder / "runs").iterdir()
    assert "has left" not in newcomer.does(f"predict runs/{run.name} customers.csv").split("\n")[0]
    small = NEXT.findall(newcomer.does(f"compress runs/{run.name}"))
    assert small == [f"replace runs/{run.name} runs/{run.name}/int8-weights"]
    assert run.name in newcomer.does(small[0], code=1)  # nothing follows from so few examples


def test_a_student_by_the_notes(newcomer):
    _, out = newcomer.does(), newcomer.does("learn")
    for _ in range(3):
        (line,) = NEXT.findall(out)
        out = newcomer.does(line)
    newcomer.does("show backprop")
    newcomer.does("show RMSProp")
    narrow = newcomer.does("list average", columns=40)
    lines = re.sub(r"\x1b\[[\d;]*m", "", narrow).splitlines()  # colours take no room
    assert lines
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize("newcomer", ["zh"], indirect=True)
def test_two_methods_over_seeds(newcomer):
    customers(newcomer.folder / "customers.csv")
    told = "--data customers.csv --target 'has left' --epochs 3 --seeds 2"
    for model, name in (("mlp", "a"), ("mlp:widths=[]", "b")):
        newcomer.does(f"train '{model}' {told} --folder runs/{name}")
    seeds = [f"runs/{name}-seed{i}" for name in "ab" for i in (0, 1)]
    assert "95 %" in newcomer.does(f"runs compare {' '.join(seeds)}")
    line = re.findall(r"^  cartograd (runs compare .*?)  ", newcomer.does(), re.MULTILINE)
    assert line
    newcomer.does(line[0])
