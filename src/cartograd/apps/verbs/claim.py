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
from cartograd.evidence.claim import find, is_own, stored
from cartograd.evidence.design import Event, digest, history, history_of
from cartograd.evidence.kept_seeds import KeptSeeds

if TYPE_CHECKING:
    from cartograd.evidence.experiment import Outcome


def claim(
    name: str | Path,
    /,
    *,
    seeds: Sequence[int] | None = None,
    folder: str | Path | None = None,
    said: Callable[[str], object] = lambda _: None,
) -> "Outcome":
    """Run the experiment of a claim.

    Args:
        name: its id, e.g. `gelu-approx` (`cartograd claim` lists all); or a file of your own with
            `CLAIM = Claim(...)` and `measure(seed)`, whose rule and code are registered by their
            digest in a journal beside it before they are run.
        seeds: by default those of the claim.
        folder: where to write `result.json`, `picture.svg` and `page.html`; nothing is written by
            default. An older result there is replaced. What was stopped goes on there.
        said: told of each seed when it is done.

    Raises:
        UsageError: no such claim, wrong seeds, data that were not fetched, a folder that holds
            something else or cannot be written; of a file of your own, that it cannot be read or
            run, or was changed after figures of these seeds had been seen.
    """
    target = None if folder is None else Path(folder)
    if target is not None and target.exists() and not (target / "result.json").is_file():
        raise UsageError(f"{target} holds something else than a claim's result; choose another")
    if is_own(name):
        return _own(Path(name), seeds, target, said)
    from cartograd.evidence.experiment import run  # torch, which the list does without

    found = find(str(name))
    kept = _kept(target, digest(found))
    outcome = run(found, seeds=seeds, kept=kept, said=said)
    if target is not None:
        _write(outcome, target, history(found.id))
    if kept is not None:
        kept.remove()
    return outcome


def _own(
    path: Path,
    seeds: Sequence[int] | None,
    target: Path | None,
    said: Callable[[str], object],
) -> "Outcome":
    """A claim of a user's own file: registered, run, and told in its journal."""
    from cartograd.evidence import own
    from cartograd.evidence.experiment import chosen_seeds, run

    found = own.read_own(path)
    chosen = chosen_seeds(found, seeds)
    measure = own.experiment_of(path, found)
    design = own.digest_own(found, path)
    kept = _kept(target, design)
    own.begin(found, path, design, chosen, kept)
    journal = own.journal_of(path)
    if own.is_look(found, chosen):
        said(f"a look, told in {journal}: seed {chosen[0]} is spent for designs fixed after it")
    else:
        said(f"design {design}, fixed in {journal}")
    outcome = run(found, seeds=chosen, measure=measure, design=design, kept=kept, said=said)
    for line in own.lost(outcome):
        said(line)
    if not own.is_look(found, chosen):
        own.end(found, path, design, chosen, outcome.verdict)
    if target is not None:
        _write(outcome, target, history_of(journal, found.id), path)
    if kept is not None:
        kept.remove()
    return outcome


def _kept(target: Path | None, design: str) -> KeptSeeds | None:
    """What a run that was stopped has left."""
    return None if target is None else KeptSeeds(Path(f"{target}.seeds.jsonl"), design)


def claims() -> tuple[KeptClaim, ...]:
    """Every claim that has an experiment, in the order of the map, with its kept result."""
    return tuple(KeptClaim(one, stored(name)) for name, one in known().items())


def _write(
    outcome: "Outcome", folder: Path, events: tuple[Event, ...], source: Path | None = None
) -> None:
    import torch

    from cartograd.apps.report.claim import picture
    from cartograd.apps.report.claim_page import claim_page

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
        claim_page(path / "page.html", outcome, events, source)
