"""The journal of the claims' designs: write to it, and check that rules came before results.

python -m tools.designs                               lists what is wrong; exit 1 if anything is
python -m tools.designs ID --note TEXT                registers the design of a claim as it stands
python -m tools.designs ID --carried --note TEXT      the same design under another digest
python -m tools.designs ID --look 9000-9002 --note TEXT   figures that were seen and are not kept
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cartograd.core.errors import UsageError
from cartograd.evidence.claim import RESULTS, Claim, claims, find, stored
from cartograd.evidence.design import (
    JOURNAL,
    Event,
    digest,
    journal,
    now,
    standing,
)
from cartograd.evidence.registering import SEEN, append, fixed
from tools.source import ROOT

PICTURES = ROOT / "docs/results/claims"


def main() -> int:
    """0 if there is nothing to complain of."""
    parser = argparse.ArgumentParser(prog="python -m tools.designs", description=__doc__)
    parser.add_argument("name", nargs="?", metavar="ID")
    parser.add_argument("--note", default="")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--carried", action="store_true", help="a renaming, no other design")
    kinds.add_argument("--look", metavar="SEEDS", help="figures of these seeds were seen")
    options = parser.parse_args()
    if options.name is not None:
        return _write(options)
    found = [*problems(journal()), *out_of_order()]
    print("\n".join(found) or "every result was run under a design that stood before it")
    return 1 if found else 0


def _write(options: argparse.Namespace) -> int:
    """One event in the journal. A mended design has no result until it is run."""
    try:
        claim = find(options.name)
        if options.look:
            event = Event(now(), claim.id, "look", "", options.look, options.note)
        else:
            event = fixed(claim, digest(claim), journal(), options.note, carried=options.carried)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    append(event, JOURNAL)
    if event.event == "mended":
        (RESULTS / f"{claim.id}.json").unlink(missing_ok=True)
        (PICTURES / f"{claim.id}.svg").unlink(missing_ok=True)
    print(f"{claim.id}: {event.event} {event.design}")
    return 0


def problems(events: tuple[Event, ...], /) -> Iterator[str]:
    """What is wrong by the journal's own dates, in a sentence each."""
    for claim in claims().values():
        mine = tuple(event for event in events if event.claim == claim.id)
        yield from _seeds_twice(claim, mine)
        if standing(mine, digest(claim)) is None:
            yield (
                f"{claim.id}: its design {digest(claim)} is not in the journal; "
                f"python -m tools.designs {claim.id} --note ..."
            )
        result = stored(claim.id)
        if result is not None:
            yield from _of_result(claim, mine, result["design"], result["started"])


def _of_result(claim: Claim, events: tuple[Event, ...], design: str, started: str) -> Iterator[str]:
    """What is wrong with a kept result's place in the journal."""
    now_stands = standing(events, digest(claim))
    if not design:  # run before there were digests: only what the journal took over may be
        if now_stands is None or now_stands.event != "taken":
            yield f"{claim.id}: its kept result names no design"
        return
    fixed_by = standing(events, design)
    if fixed_by is None:
        yield f"{claim.id}: its result was run under {design}, which is not in the journal"
    elif fixed_by.date > started or not started:
        yield f"{claim.id}: run at {started}, before its design was registered ({fixed_by.date})"
    elif now_stands is not None and now_stands != fixed_by:
        yield f"{claim.id}: its result is of {design}, the design that stands now is another"


def _seeds_twice(claim: Claim, events: tuple[Event, ...]) -> Iterator[str]:
    """A mended design whose seeds had been seen."""
    for rank, event in enumerate(events):
        known = {seed for one in events[:rank] if one.event in SEEN for seed in one.chosen}
        if event.event in ("registered", "mended") and known & event.chosen:
            yield f"{claim.id}: the design {event.design} was given seeds that had been seen"


def out_of_order(root: Path = ROOT, /) -> Iterator[str]:
    """Results that were committed before, or together with, the design that they name.

    Where the history does not reach back that far (a shallow clone, an archive) nothing is said:
    there the dates of the journal stand alone.
    """
    if not (root / ".git").exists():
        return
    began = {*_git(root, "rev-list", "--max-parents=0", "HEAD").split()}
    for path in sorted(RESULTS.glob("*.json")):
        result = stored(path.stem)
        design = "" if result is None else result["design"]
        event = standing(tuple(one for one in journal() if one.claim == path.stem), design)
        if not design or event is None:
            continue
        rule, figures = (
            _first(root, text, where)
            for text, where in (
                (f"{path.stem}\t{event.event}\t{event.design}", JOURNAL),
                (f'"design": "{design}"', path),
            )
        )
        if not figures or rule in began or figures in began:
            continue
        if rule == figures or not _is_before(root, rule, figures):
            yield f"{path.stem}: result {figures[:7]} is no later than design {rule[:7]}"


def _first(root: Path, text: str, where: Path) -> str:
    """The commit that brought a text into a file; empty if none has."""
    file = str(where.relative_to(ROOT))
    found = _git(root, "log", "--reverse", "--format=%H", f"-S{text}", "--", file).split()
    return found[0] if found else ""


def _is_before(root: Path, one: str, other: str) -> bool:
    words = ["git", "merge-base", "--is-ancestor", one, other]
    return bool(one) and subprocess.run(words, cwd=root, check=False).returncode == 0


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
