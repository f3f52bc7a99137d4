"""`python -m benchmarks.resume`: the table of who resumes exactly, and who survives damage."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.probe import machine
from benchmarks.resume.damage import WAYS
from benchmarks.resume.runs import DAMAGED, EXACT
from benchmarks.resume.sides import SIDES
from benchmarks.resume.workload import STEPS
from benchmarks.runner import QUIETENED
from cartograd.core.files import write_file

RESULTS = Path(__file__).parents[2] / "docs" / "results"
PACKAGES = ("torch", "lightning", "torchdata", "transformers", "accelerate")
INTRO = f"""# Exact resume

A run of {STEPS} steps (shuffled data, AdamW, cosine schedule) gets SIGKILL in the middle of an
epoch and is resumed in a new process from its newest checkpoint, in the way that each engine's
documentation shows. Its weights are compared with those of a run that was never stopped: `exact`
means equal to the last bit, a number is the largest difference between two weights. Weights that
differ are not wrong, but nobody can tell whether a change of the results comes from the idea or
from the restart."""
DAMAGE = f"""## A damaged checkpoint

Saved at the end of each epoch and killed at step {DAMAGED.kill_at}; then the newest of the two
checkpoints (that of step 16) is damaged and the run is resumed. Every engine has the older one
of step 8 to fall back to. Where a flipped bit gives a number, the run went on from the spoilt
weight without a word."""


def main() -> int:
    """0 if ours was exact everywhere."""
    found = {name: _outcomes(name) for name in SIDES}
    parts = [INTRO, _table(found, "exact", EXACT), DAMAGE]
    facts = machine(1)
    versions = ", ".join(f"{name} {facts['versions'][name]}" for name in PACKAGES)
    parts += [
        _table(found, "damaged", ("not damaged", *WAYS)),
        f"{versions}, Python {facts['python']}. {facts['date']}.",
        "Made by `python -m benchmarks.resume`.",
    ]
    record = {"machine": facts, "outcomes": found}
    write_file(RESULTS / "exact_resume.json", json.dumps(record, indent=1) + "\n")
    print(write_file(RESULTS / "exact_resume.md", "\n\n".join(parts) + "\n"))
    ours = next(iter(found.values()))
    cells = [cell for row in ours.values() for cell in row.values()]
    return 0 if all(cell["ended"] and cell["difference"] == 0 for cell in cells) else 1


def _outcomes(name: str) -> dict[str, Any]:
    """All runs of one engine, in a process that imports only it."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", "benchmarks.resume.runs", name, folder]
        variables = os.environ | QUIETENED | {"OMP_NUM_THREADS": "1"}
        subprocess.run(argv, env=variables, check=True)
        return json.loads((Path(folder) / "outcomes.json").read_text())


def _table(found: dict[str, Any], which: str, columns: Any) -> str:
    lines = [f"| engine | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, tables in found.items():
        cells = (_cell(tables[which][column]) for column in columns)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(outcome: dict[str, Any]) -> str:
    """What happened, in a few words.

    >>> _cell({"ended": True, "difference": 0.0, "steps": 14})
    'exact'
    """
    if not outcome["ended"]:
        return f"ends: `{outcome['said'].replace('|', '/')}`"
    again = ", from the very start" if outcome["steps"] >= STEPS else ""
    return f"{outcome['difference']:.1e}" + again if outcome["difference"] else "exact" + again


if __name__ == "__main__":
    sys.exit(main())
