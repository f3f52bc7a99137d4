"""Build the wheels `cartograd` and `cartograd-runtime`.

    python -m tools.wheel FOLDER        into FOLDER; `python -m tools.trial` tries them

Both are pure Python, of the same tree. `cartograd-runtime` holds the files that `cartograd-runtime
predict` and `serve` import, and depends on no torch; it stands instead of `cartograd`, not beside
it, as both bring the package `cartograd`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tools.source import ROOT

HOME = ROOT / "src/cartograd"
WHOLE = ("core",)
"""Rooms that are in the runtime with all files, as some are found by their names."""
STARTS = (
    "apps.runtime.__main__", "apps.runtime.command", "apps.runtime.app", "apps.answers.classify",
    "apps.answers.regress", "data.text.plain_tokens",
)  # fmt: skip
"""What the runtime's commands import."""
LOADED = """
import importlib, json, sys
sys.modules["torch"] = None
for name in sys.argv[1:]:
    importlib.import_module("cartograd." + name)
found = (module for name, module in sys.modules.items() if name.partition(".")[0] == "cartograd")
print(json.dumps(sorted(module.__file__ for module in found)))
"""


def runtime_files() -> list[Path]:
    """What the runtime consists of, below the package's folder."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *STARTS], check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    files = {Path(name).relative_to(HOME) for name in json.loads(done.stdout)}
    for room in WHOLE:
        every = (path.relative_to(HOME) for path in (HOME / room).rglob("*") if path.is_file())
        files |= {path for path in every if "__pycache__" not in path.parts}
    return sorted(files)


def project() -> str:
    """The runtime's `pyproject.toml`: that of the package with other names and needs."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needs = tomllib.loads(text)["tool"]["cartograd"]["runtime"]
    head, _, rest = text.partition("[project.optional-dependencies]")
    head = head.replace('name = "cartograd"', 'name = "cartograd-runtime"')
    head = re.sub(r"^dependencies = \[.*?^\]", _listed("dependencies", needs["dependencies"]),
                  head, flags=re.DOTALL | re.MULTILINE)  # fmt: skip
    tail = rest[rest.index("[project.urls]") : rest.index("[tool.ruff]")]
    script = 'cartograd-runtime = "cartograd.apps.runtime.__main__:main"'
    texts = _listed("text", needs["text"])
    return (
        f"{head}[project.optional-dependencies]\n{texts}\n\n[project.scripts]\n{script}\n\n{tail}"
    )


def _listed(name: str, items: list[str]) -> str:
    return f"{name} = {json.dumps(items)}"


def build(folder: Path) -> tuple[Path, Path]:
    """Both wheels, made of copies, so that nothing is left in the tree."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = [path.relative_to(HOME) for path in HOME.rglob("*") if path.is_file()]
    whole = [path for path in everything if "__pycache__" not in path.parts]
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return _built(folder, whole, text), _built(folder, runtime_files(), project())


def _built(folder: Path, files: list[Path], described: str) -> Path:
    with tempfile.TemporaryDirectory() as name:
        root, out = Path(name) / "source", Path(name) / "out"
        for file in files:
            place = root / "src/cartograd" / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HOME / file, place)
        for page in ("README.md", "LICENSE"):
            shutil.copyfile(ROOT / page, root / page)
        (root / "pyproject.toml").write_text(described, encoding="utf-8")
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(root)],
            check=True,
        )
        (wheel,) = out.glob("*.whl")
        return Path(shutil.move(wheel, folder / wheel.name))


def main(words: list[str]) -> int:
    """Build both."""
    if len(words) != 1 or words[0].startswith("-"):
        print(__doc__)
        return 2
    for wheel in build(Path(words[0])):
        print(f"{wheel} {wheel.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
