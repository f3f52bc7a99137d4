"""What is installed is what is needed, pinned, and set up by `make` alone."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.source import ROOT, File, tracked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
PINS = {
    line.partition("==")[0].lower().replace("_", "-"): line.partition("==")[2]
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if "==" in line
}
MODULES = {"pillow": "PIL", "scikit-learn": "sklearn", "tomli-w": "tomli_w", "protobuf": "google"}
MODULES |= {"mlflow-skinny": "mlflow", "pyyaml": "yaml", "rouge-score": "rouge_score"}
"""Packages whose module has another name."""

NOT_IMPORTED = {
    "onnxscript": "torch.onnx translates with it",
    "alembic": "mlflow makes its tables with it",
    "sqlalchemy": "mlflow keeps its runs with it",
    "tensorboard": "torch.utils.tensorboard writes with it",
}
"""Dependencies that nothing imports, and what they are for."""


OPTIONAL = (
    "export", "tables", "text", "tensorboard", "mlflow", "ray", "wandb", "executorch",
    "coremltools",
)  # fmt: skip
"""Extras whose packages the library imports where they are."""


def declared(lines):
    names = (re.match(r"[\w-]+", line)[0].lower() for line in lines)
    return {name for name in names if name != "cartograd"}


def imported(paths):
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.partition(".")[0]


def test_every_dependency_is_declared_and_used():
    sources = [path for path in tracked() if File(path).in_package and path.suffix == ".py"]
    used = set(imported(sources)) - set(sys.stdlib_module_names) - {"cartograd"}
    names = declared(PROJECT["project"]["dependencies"])
    for extra in OPTIONAL:
        names |= declared(EXTRAS[extra])
    wanted = {MODULES.get(name, name) for name in names - set(NOT_IMPORTED)}
    assert used == wanted


def test_every_dependency_is_pinned():
    lines = [*PROJECT["project"]["dependencies"], *(line for e in EXTRAS.values() for line in e)]
    assert not declared(lines) - set(PINS)
    assert not [pin for pin in PINS.values() if "+" in pin], "a local build is no pin for others"


def test_what_is_installed_is_what_is_pinned():
    from importlib.metadata import distributions

    have = {d.name.lower().replace("_", "-"): d.version for d in distributions()}
    off = {
        name: (pin, have[name])
        for name, pin in PINS.items()
        if name in have and have[name].partition("+")[0] != pin
    }
    assert not off


def test_ci_calls_make_test_and_nothing_else():
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec make test"]


@pytest.mark.parametrize(
    "target",
    ["help", "tour", "test", "check", "acceptance", "claims", "bench", "golden", "docs", "clean"],
)
def test_make_knows_its_targets(target):
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_make_finds_every_file_with_a_test_that_does_without_the_hook():
    """The second call of `make test` collects only test files that name a mark themselves."""
    found = re.search(r"UNTYPED = .*grep -rlE '(.+?)' tests", (ROOT / "Makefile").read_text())
    naming = [
        path for path in (ROOT / "tests").rglob("*.py")
        if re.search(found[1], path.read_text(encoding="utf-8"))
    ]  # fmt: skip
    assert len(naming) > 20
    assert all(path.name.startswith("test_") for path in naming)


def test_make_alone_shows_the_list():
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True)
    assert all(f"make {target}" in done.stdout for target in ("tour", "test", "check", "clean"))


def test_a_missing_system_package_is_named(tmp_path):
    """Without the rights to install, one line says what is missing."""
    fake = tmp_path / "bin"
    fake.mkdir()
    for name, code in {"id": "echo 1000", "python3": "exit 1"}.items():
        (fake / name).write_text(f"#!/bin/sh\n{code}\n")
        (fake / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "tools/system.sh")],
        env={"PATH": f"{fake}"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("missing system packages; install them first: sudo apt-get")
    assert "python3-venv" in done.stderr


def test_no_large_file_is_kept():
    assert not [
        str(path)
        for path in ROOT.rglob("docs/**/*")
        if path.is_file() and path.stat().st_size > 1e6
    ]


def test_packaged_files_are_the_ones_in_the_tree():
    """Whatever is not Python in the package is named in the package data."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["cartograd"]
    others = [p for p in tracked() if File(p).in_package and p.suffix != ".py"]
    home = ROOT / "src/cartograd"
    lost = [
        p
        for p in others
        if not any(Path(p).relative_to(home).match(x.removeprefix("**/")) for x in patterns)
    ]
    assert not lost
