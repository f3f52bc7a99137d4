"""Run one engine through every scenario, each run in a forked process of its own.

`python -m benchmarks.resume.runs SIDE FOLDER`: forking after the engine is imported makes a run
cost a second or two. The answers go to FOLDER/outcomes.json.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child import hide
from benchmarks.resume import damage
from benchmarks.resume.workload import Scenario, Task

EXACT = {
    "shuffled data": Scenario(),
    "and dropout": Scenario(dropout=True),
    "and augmentation": Scenario(augment=True),
    "and both": Scenario(dropout=True, augment=True),
    "and both, 2 workers": Scenario(dropout=True, augment=True, workers=2),
}
"""Killed in the middle of an epoch, two steps after a checkpoint."""

DAMAGED = Scenario(save_every=8, kill_at=20)
"""Saved at the ends of epochs, nothing random but the order: where most engines are exact."""


@dataclass(frozen=True)
class Outcome:
    """How a resumed run ended.

    Attributes:
        ended: whether it reached the last step.
        difference: the largest between its weights and those of the run that was not killed.
        steps: how many it took.
        said: the last line of its error.
    """

    ended: bool
    difference: float = 0.0
    steps: int = 0
    said: str = ""


def outcomes(train: Callable[[Task], Any], folder: Path, /) -> dict[str, dict[str, Outcome]]:
    """By table and column."""
    from benchmarks.resume.sides import answer as answered

    def reached(task: Task, name: str) -> tuple[int, Path]:
        answer = folder / f"{name}.npy"
        answer.unlink(missing_ok=True)
        return _forked(lambda: np.save(answer, answered(train(task))), folder / name), answer

    def resumed(scenario: Scenario, name: str, spoil: Any = None) -> Outcome:
        code, answer = reached(Task(scenario, folder / f"{name}-whole"), "whole")
        assert code == 0, (folder / "whole").read_text()
        whole = np.load(answer)
        place = folder / f"{name}-killed"
        code, _ = reached(Task(scenario, place, killed=True), "killed")
        assert code == -9, (folder / "killed").read_text()
        if spoil is not None:
            spoil(damage.newest(place))
        code, answer = reached(Task(scenario, place, resume=True), "resumed")
        if code:
            said = (folder / "resumed").read_text(errors="replace").strip().splitlines()
            return Outcome(False, said=(said or ["no message"])[-1].replace(f"{place}/", "")[:200])
        *found, steps = np.load(answer)
        return Outcome(True, float(np.abs(found - whole[:-1]).max()), int(steps))

    exact = {name: resumed(one, f"exact-{i}") for i, (name, one) in enumerate(EXACT.items())}
    ways = {"not damaged": None} | damage.WAYS
    spoilt = {
        name: resumed(DAMAGED, f"damaged-{i}", spoil)
        for i, (name, spoil) in enumerate(ways.items())
    }
    return {"exact": exact, "damaged": spoilt}


def _forked(work: Callable[[], object], said: Path) -> int:
    """The exit code of a child that does the work; what it says goes to a file."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    hide("torchvision")
    name, folder = sys.argv[1], Path(sys.argv[2])
    from benchmarks.resume.sides import PREPARE, SIDES

    importlib.import_module("torch._dynamo")  # what every optimizer of torch imports later
    importlib.import_module(PREPARE[name])
    found = outcomes(SIDES[name], folder)
    plain = {table: {key: asdict(one) for key, one in row.items()} for table, row in found.items()}
    (folder / "outcomes.json").write_text(json.dumps(plain))


if __name__ == "__main__":
    main()
