"""Run what the README shows, and compare: the output in it is the program's own.

    python -m tools.readme            prints where the README differs from what came out
    python -m tools.readme --write    puts what came out into both READMEs

Blocks that follow the comment `<!-- run -->` are run in order, those of the guides that go on from
the README as well, in one empty folder. A line `...` in what is shown stands for others. Each step
has a process of its own, forked from this one, which has imported once what they all need.
"""

import importlib
import multiprocessing
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from tools.source import ROOT

READMES = (ROOT / "README.md", ROOT / "README.zh.md")
GUIDES = tuple(
    ROOT / "docs/guides" / f"{name}.md"
    for name in ("a-models-life", "training", "statements", "kinds-of-data")
)
"""Pages whose blocks are run as well; each has a Chinese one beside it, NAME.zh.md."""
BLOCK = re.compile(r"<!-- run -->\n```(console|python)\n(.*?)```\n", re.DOTALL)
WARM = (
    "cartograd.apps.cli", "cartograd.apps.verbs.train", "matplotlib.backends.backend_agg", "onnx",
    "onnxruntime", "onnxscript", "sklearn.datasets", "torch._dynamo",
)  # fmt: skip
"""Modules that take long to import."""
SHOWN = {"COLUMNS": "100", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
NUMBER = re.compile(r"-?\d[\d.,]*(e[-+]?\d+)?( (µs|ms|s|kB|MB|GB)\b)?")
"""With the units that follow from its size."""


@dataclass(frozen=True)
class Step:
    """A command, or a piece of Python, with the output shown below it."""

    kind: str
    code: str
    output: str

    def __str__(self) -> str:
        return f"$ {self.code}\n{self.output}" if self.kind == "console" else self.code


def shown() -> str:
    """All that is run: the guides, then the README, whose Python would take their runs' names."""
    pages = (*GUIDES, READMES[0])
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def steps(text: str) -> Iterator[list[Step]]:
    """The steps of each block that is to be run."""
    for kind, body in BLOCK.findall(text):
        if kind == "python":
            yield [Step(kind, body, "")]
            continue
        parts = re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]
        pairs = (part.partition("\n") for part in parts)
        yield [Step(kind, command, output) for command, _, output in pairs]


def run(step: Step, folder: Path) -> str:
    """What a step prints, both streams together.

    Raises:
        subprocess.CalledProcessError: it fails (a command that shows an error is followed by
            `# exits with N`).
    """
    expected = re.search(r"# exits with (\d+)", step.code)
    with tempfile.TemporaryFile() as printed:
        process = multiprocessing.get_context("fork").Process(
            target=_take, args=(step, folder, printed.fileno())
        )
        process.start()
        process.join()
        printed.seek(0)
        output = printed.read().decode()
    if process.exitcode != (int(expected[1]) if expected else 0):
        error = subprocess.CalledProcessError(process.exitcode or 0, step.code, output)
        error.add_note(output)
        raise error
    lines = (line.strip() if not line.strip() else line.rstrip() for line in output.split("\n"))
    return re.sub(r"\n{2,}", "\n", "\n".join(lines)).lstrip("\n")


def _take(step: Step, folder: Path, printed: int) -> None:
    """Take a step, in a process that has been forked for it."""
    os.chdir(folder)
    os.environ.update(SHOWN)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(printed, stream.fileno())
    if step.kind == "python":
        exec(compile(step.code, "README", "exec"), {"__name__": "__main__"})
        return
    program, *words = shlex.split(step.code, comments=True)
    if program != "cartograd" or {"|", ">", "&&", ";"} & set(words):
        raise ValueError(f"{step.code}: expected one cartograd command, without the shell's signs")
    from cartograd.apps.cli import main as command

    sys.exit(command(words))


def stable(output: str) -> list[str]:
    """Lines without the numbers and their units, which differ from machine to machine."""
    lines = (NUMBER.sub("0", line) for line in output.splitlines())
    return [" ".join(re.sub("[─-]{3,}", "---", line).split()) for line in lines if line.strip()]


def differences(step: Step, output: str) -> list[str]:
    """Lines that are shown but did not come out."""
    came = stable(output)
    return [line for line in stable(step.output) if line not in came and line != "..."]


def prepare(folder: Path) -> None:
    """The files of a user that the README talks about."""
    shutil.copytree(ROOT / "docs/pictures", folder / "docs/pictures")
    rows = (f"{20 + i % 50},{('north', 'south')[i % 3 > 0]}" for i in range(300))
    cells = [f"{row},{('low', 'high')[i % 50 > 25]}" for i, row in enumerate(rows)]
    _reviews(folder / "reviews")
    (folder / "people.csv").write_text("\n".join(["age,town,income", *cells]) + "\n")
    draw = np.random.default_rng(0)
    for i in range(120):
        path = folder / "photos" / ("night", "day")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 128, (16, 16, 3)) + 100 * (i % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(path)


def _reviews(folder: Path) -> None:
    """Texts of two kinds."""
    draw = np.random.default_rng(0)
    things = ("The room", "The soup", "Our guide", "The bed", "The view", "Breakfast", "The film")
    said = {
        "good": ("was lovely", "was warm and quiet", "made us happy", "is the best in town"),
        "bad": ("was cold", "was dirty and loud", "made us sad", "is the worst in town"),
    }
    for i in range(180):
        label = ("bad", "good")[i % 2]
        parts = [f"{draw.choice(things)} {draw.choice(said[label])}" for _ in range(2)]
        path = folder / label / f"{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{parts[0]}, and {parts[1][0].lower()}{parts[1][1:]}.\n")


def outcomes(text: str) -> Iterator[tuple[Step, str]]:
    """Each step of a README with what came out."""
    os.environ.update(SHOWN)
    for module in WARM:
        importlib.import_module(module)
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        for block in steps(text):
            for step in block:
                yield step, run(step, Path(name))


def main() -> int:
    """Compare, or write."""
    results = list(outcomes(shown()))
    wrong = [(step, line) for step, output in results for line in differences(step, output)]
    wrong += [(step, "it shows no output") for step, _ in results if step.kind == "console"
              and not step.output.strip()]  # fmt: skip
    for step, line in wrong:
        print(f"$ {step.code}\n    {line}")
    print(f"{len(results)} steps, {len(wrong)} differences")
    if "--write" not in sys.argv[1:]:
        return 1 if wrong else 0
    for path in (*READMES, *GUIDES, *(guide.with_suffix(".zh.md") for guide in GUIDES)):
        text = path.read_text(encoding="utf-8")
        for step, output in results:
            if "..." not in step.output.splitlines():
                text = text.replace(str(step), str(replace(step, output=output)))
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
