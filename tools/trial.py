"""Try both wheels where there is nothing else: no compiler, no git, no apt.

    python -m tools.trial [--publish]    into environments of their own: how large they are, and
                                         whether they do what they are for (minutes)

In one environment the whole package runs its tour, trains three small models and exports them; in
the other, which has no torch, `cartograd-runtime` answers by those files. It fails where a command
does, where an answer differs, or where the runtime is larger than it may be. `--publish` writes
docs/results/install.md.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.source import ROOT
from tools.trial_page import page
from tools.trial_place import Place, clock, size
from tools.wheel import build

LARGEST = 150
"""Megabytes (of 10^6 bytes) that the runtime may take with all that it depends on."""
WITHIN = 1e-5
"""How far a number of an answer may be from the whole package's, as a share of the largest."""
EXTRAS = "[export,text]"
"""What the whole package wants besides to train on texts and to export."""

DATA = """
from pathlib import Path
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits, load_wine

digits, wine = load_digits(), load_wine()
for at, (picture, label) in enumerate(zip(digits.images[:600], digits.target)):
    folder = Path("pictures") / str(label)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray((picture * 15.9).astype(np.uint8)).save(folder / f"{at}.png")
heads = [name.replace("/", " ") for name in wine.feature_names]
rows = [[*map(str, row), f"grower {label}"] for row, label in zip(wine.data, wine.target)]
lines = [",".join(row) for row in [[*heads, "class"], *rows]]
Path("wine.csv").write_text("\\n".join(lines))
Path("others.csv").write_text("\\n".join([",".join(heads), *(",".join(r[:-1]) for r in rows[::9])]))
good, bad = ("warm", "clever", "moving", "funny"), ("dull", "long", "flat", "empty")
for at in range(240):
    name, words = (("good", good), ("bad", bad))[at % 2]
    folder = Path("films") / name
    folder.mkdir(parents=True, exist_ok=True)
    said = f"It's a {words[at % 4]} film, No. {at}: {words[at // 4 % 4]} and {words[at // 16 % 4]}."
    (folder / f"{at}.txt").write_text(said)
"""
"""Digits as pictures, wines as a table, and texts that are made up, of what scikit-learn brings."""

MODELS: dict[str, tuple[str, list[str]]] = {
    "picture": ("lenet5 --data folder:pictures --epochs 3", ["pictures/0/0.png", "pictures/7"]),
    "table": ("mlp --data wine.csv --target class --epochs 20", ["others.csv"]),
    "text": (
        "gru:dim=16 --data text-folder:films,vocabulary=400 --epochs 3",
        ["A moving film, and not dull.", "flat, 2 hours long", "Ça n'est pas drôle 电影"],
    ),
}
"""By kind of model: how it is trained, and what it is asked besides its kept examples."""


def whole(place: Place, wheel: Path) -> dict[str, Any]:
    """The whole package: installed, its tour, and three models that are exported."""
    told = {"bare": place.made(str(wheel)), "absent": place.absent()}
    place.run("cartograd", "--version")
    place.run("cartograd", "list", "model")
    place.run("cartograd", "tour")
    told["extras"] = place.made(f"{wheel}{EXTRAS}")
    place.run("python", "-c", DATA, shown="python (writes pictures, a table and texts)")
    for kind, (words, _) in MODELS.items():
        place.run("cartograd", "train", *words.split(), "--folder", f"runs/{kind}")
        place.run("cartograd", "export", f"runs/{kind}", "--out", f"models/{kind}/model.onnx")
    return told | {"cartograd": size(place.library / "cartograd")}


def asked(place: Place, folder: Path) -> dict[str, Any]:
    """What the runtime answers by the files that the whole package wrote."""
    found = {}
    for kind, (_, sources) in MODELS.items():
        given = [str(folder / one) if (folder / one).exists() else one for one in sources]
        file = str(folder / f"models/{kind}/model.onnx")
        named = f"models/{kind}/model.onnx"
        line = place.run(
            "cartograd-runtime", "check", file, shown=f"cartograd-runtime check {named}"
        )
        ours = place.run("cartograd-runtime", "predict", file, *given,
                         shown=f"cartograd-runtime predict {named} ...")  # fmt: skip
        found[kind] = {
            "checked": int(re.findall(r"(\d+) examples", line)[0]),
            "ours": [json.loads(one) for one in ours.splitlines()],
            "given": given,
        }
    return found


def compared(place: Place, answers: dict[str, Any]) -> dict[str, Any]:
    """How far the runtime's answers are from the whole package's.

    Raises:
        SystemExit: a word differs, or a number by more than rounding.
    """
    told = {}
    for kind, one in answers.items():
        lines = place.run("cartograd", "predict", f"runs/{kind}", *one["given"], "--json",
                          shown=f"cartograd predict runs/{kind} ... --json")  # fmt: skip
        theirs = [json.loads(line) for line in lines.splitlines()]
        pairs = list(_leaves(one["ours"], theirs))
        words = [pair for pair in pairs if not all(isinstance(x, float) for x in pair)]
        numbers = [pair for pair in pairs if all(isinstance(x, float) for x in pair)]
        wrong = next((pair for pair in words if pair[0] != pair[1]), None)
        worst = max((abs(a - b) for a, b in numbers), default=0.0)
        if wrong or not theirs or worst > WITHIN:
            raise SystemExit(f"{kind}: the runtime answers otherwise: {wrong or worst}")
        told[kind] = {"kept examples": one["checked"], "answers": len(theirs), "difference": worst}
    return told


def _leaves(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """Words and numbers at the same places of two answers."""
    if isinstance(one, dict) and isinstance(other, dict) and set(one) == set(other):
        for key in one:
            yield from _leaves(one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for pair in zip(one, other, strict=True):
            yield from _leaves(*pair)
    else:
        yield one, other


def served(place: Place, file: Path) -> str:
    """Whether the image's question after its health is answered by a server, and not without one.

    Raises:
        SystemExit: it is not.
    """
    text = (ROOT / "Dockerfile.runtime").read_text(encoding="utf-8")
    command: list[str] = json.loads(re.findall(r"HEALTHCHECK[^\[]*(\[.*\])", text)[0])
    words = [str(place.programs / "cartograd-runtime"), "serve", str(file), "--port", "0"]
    with subprocess.Popen(words, env=place.environment(), stdout=subprocess.PIPE, text=True) as run:
        line = run.stdout.readline() if run.stdout else ""
        port = re.findall(r":(\d+)/predict", line)
        health = [one.replace("8000", port[0]) for one in command] if port else []
        there = port and not _code(place, health)
        about = urllib.request.urlopen(line.split()[-1].replace("/predict", "/health"), timeout=9)
        run.terminate()
    if not there or about.status != 200 or run.returncode or not _code(place, health):
        raise SystemExit(f"the health check of Dockerfile.runtime does not tell: {line!r}")
    return " ".join(command[:1]) + " ... /health"


def _code(place: Place, words: Sequence[str]) -> int:
    """The exit code of a command of an environment."""
    command = [str(place.programs / words[0]), *words[1:]]
    return subprocess.run(command, env=place.environment(), capture_output=True).returncode


def tried(folder: Path) -> dict[str, Any]:
    """Build, install and run everything; what was found.

    Raises:
        SystemExit: something failed.
    """
    wheels: list[Path] = []
    cpu, wall = clock(lambda: wheels.extend(build(folder / "wheels")))
    big, slim = wheels
    places = {name: Place(folder / name) for name in ("whole", "runtime")}
    for place in places.values():
        place.folder.mkdir()
    runtime = places["runtime"]
    bare = runtime.made(str(slim))
    print(f"runtime: {bare['size'] / 1e6:.1f} MB", flush=True)
    if bare["size"] > LARGEST * 1e6:
        raise SystemExit(f"the runtime takes {bare['size'] / 1e6:.1f} MB; it may take {LARGEST}")
    runtime.absent()
    runtime.run("cartograd-runtime", "--version")
    runtime.run("cartograd-runtime", "--lang", "zh", "--help")
    told = {"wheels": {one.name: one.stat().st_size for one in wheels}, "built": [cpu, wall],
            "whole": whole(places["whole"], big), "runtime": {"bare": bare}}  # fmt: skip
    answers = asked(runtime, places["whole"].folder)
    told["answers"] = compared(places["whole"], answers)
    told["health"] = served(runtime, places["whole"].folder / "models/picture/model.onnx")
    told["runtime"]["text"] = runtime.made(f"{slim}[text]")
    told["commands"] = {
        name: [[one.said, one.cpu, one.wall] for one in place.done]
        for name, place in places.items()
    }
    return told


def main(words: list[str]) -> int:
    """Try; publish where that is asked for."""
    if words not in ([], ["--publish"]):
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory() as name:
        told = tried(Path(name))
    told |= {
        "python": sys.version.split()[0],
        "system": f"{os.uname().sysname} {os.uname().machine}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "most": LARGEST,
    }
    text = page(told)
    print(text)
    if words:
        out = ROOT / "docs/results"
        (out / "install.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        (out / "install.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
