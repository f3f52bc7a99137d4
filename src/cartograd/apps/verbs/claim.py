"""A claim of the map put to the test again, with its picture and figures as files."""

import datetime
import json
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cartograd import __version__
from cartograd.apps.results.kept_claim import KeptClaim
from cartograd.core.errors import UsageError
from cartograd.core.files import write_folder
from cartograd.evidence.claim import claims as known
from cartograd.evidence.claim import find, stored

if TYPE_CHECKING:
    from cartograd.evidence.experiment import Outcome


def claim(
    name: str,
    /,
    *,
    seeds: Sequence[int] | None = None,
    folder: str | Path | None = None,
    said: Callable[[str], object] = lambda _: None,
) -> "Outcome":
    """Run the experiment of a claim.

    Args:
        name: its id, e.g. `gelu-approx`; `cartograd claim` lists all.
        seeds: by default those of the claim.
        folder: where to write `result.json` and `picture.svg`; nothing is written by default.
            An older result there is replaced.
        said: told of each seed when it is done.

    Raises:
        UsageError: no such claim, wrong seeds, data that were not fetched, or a folder that
            holds something else or cannot be written.
    """
    from cartograd.evidence.experiment import run  # torch, which the list does without

    found = find(name)
    target = None if folder is None else Path(folder)
    if target is not None and target.exists() and not (target / "result.json").is_file():
        raise UsageError(f"{target} holds something else than a claim's result; choose another")
    outcome = run(found, seeds=seeds, said=said)
    if target is not None:
        _write(outcome, target)
    return outcome


def claims() -> tuple[KeptClaim, ...]:
    """Every claim that has an experiment, in the order of the map, with its kept result."""
    return tuple(KeptClaim(one, stored(name)) for name, one in known().items())


def _write(outcome: "Outcome", folder: Path) -> None:
    import torch

    from cartograd.apps.report.claim import picture

    record = outcome.to_json() | {
        "versions": {
            "cartograd": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    with write_folder(folder, replace=True) as path:
        (path / "result.json").write_text(
            json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        (path / "picture.svg").write_text(picture(outcome), encoding="utf-8")
