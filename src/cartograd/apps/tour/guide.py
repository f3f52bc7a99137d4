"""From the first step of the tour to its last, in a folder that is whole or absent."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import cartograd
from cartograd.apps.load.target import name_of
from cartograd.apps.tour import steps
from cartograd.apps.tour.state import Tour
from cartograd.apps.tour.summary import write
from cartograd.apps.verbs.plan import planned
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file, write_folder

MARK = "tour.json"
"""The file that says that a folder is a tour's, which the next tour may replace."""

STEPS: dict[str, Callable[[Tour], str]] = {
    "train": steps.train,
    "compare": steps.compare,
    "evaluate": steps.evaluate,
    "predict": steps.predict,
    "export": steps.export,
    "serve": steps.serve,
    "explain": steps.explain,
    "attack": steps.attack,
    "report": write,
}
"""Each step adds its part to the tour and says in a line what came of it."""

Say = Callable[[str, str], None]
"""Told of each step's name when it begins, with no text, and again with what came of it."""


def tour(
    folder: str | Path = "tour",
    /,
    *,
    data: str = "digits",
    model: str = "lenet5",
    epochs: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Any = None,
    say: Say | None = None,
) -> Tour:
    """Take a model through its whole life, from training to attack, and write a report of it.

    Each step is the verb that users call; what makes no sense for the data is left out. The same
    seed gives the same numbers (but for times).

    Args:
        folder: where to; the folder of an earlier tour is replaced once this one is complete.
        data: spec of a data source.
        model: spec of a model.
        epochs: how often training goes through the data; chosen for the data by default.
        seed: of all random numbers.
        device: `auto`, `cpu`, `cuda` or `mps`.
        progress: how training is shown (see `cartograd.engine.loop.fit`).
        say: told of each step.

    Raises:
        UsageError: the folder holds something else, or model, data or settings are wrong.
        KeyboardInterrupt: it was stopped; nothing is left behind.
    """
    folder = Path(folder)
    _check_own(folder)
    plan = planned(model, data, epochs=epochs, seed=seed, device=device)
    name = f"{name_of(plan.model)}-{plan.data.name}"
    with write_folder(folder, replace=True) as place, _one_thread():
        found = Tour(place, place / name, plan, progress)
        for step, take in STEPS.items():
            if say is not None:
                say(step, "")
            start = time.perf_counter()
            result = take(found)
            found.seconds[step] = round(time.perf_counter() - start, 3)
            if say is not None:
                say(step, result)
        write_file(place / MARK, json.dumps(_record(found), indent=1))
    found.folder, found.run = folder, folder / name
    return found


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small models are no faster on more; and sums come out the same on any number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _check_own(folder: Path) -> None:
    """Refuse to replace what is not an earlier tour."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        ours = "tour" in json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        ours = False
    if not ours:
        raise UsageError(
            f"{folder} is not the folder of a tour, and a tour would replace it; choose another"
        )


def _record(found: Tour) -> dict[str, Any]:
    """The table for programs."""
    settings = {key: item.value for key, item in found.plan.words().items()}
    return {
        "tour": 1,
        "cartograd": cartograd.__version__,
        "model": settings["model"],
        "data": settings["data"],
        "seed": settings["seed"],
        "numbers": found.numbers,
        "table": [[row.name, row.value, row.remark] for row in found.rows],
        "seconds": found.seconds,
    }
