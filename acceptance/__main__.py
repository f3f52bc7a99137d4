"""`python -m acceptance [NAME ...]`: run rows, print each with its verdict, publish the page.

A row that was stopped, only tried, or failed goes on with the training runs that are done.
"""

import argparse
import dataclasses
import shutil
import sys
from pathlib import Path

from acceptance import report
from acceptance.rows import MORE, NEEDS, ROWS
from acceptance.session import SEEDS, FailedError, Session, workplace
from benchmarks.probe import machine

ROOT = Path(__file__).parents[1]


def main() -> int:
    """0 if every row passed."""
    parser = argparse.ArgumentParser(prog="python -m acceptance", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, or: {', '.join(ROWS)}")
    parser.add_argument("--seeds", type=int, help="how many seeds; as many as the row wants")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results")
    parser.add_argument("--try", action="store_true", dest="trial", help="publish nothing")
    parser.add_argument("--pages", action="store_true", help="write the pages again, run nothing")
    options = parser.parse_args()
    if options.pages:
        report.pages(options.out)
        return 0
    names = list(ROWS) if options.names in ([], ["all"]) else options.names
    if wrong := [name for name in names if name not in ROWS]:
        parser.error(f"no row {wrong[0]!r}; there are {', '.join(ROWS)}")
    if missing := _fetched(names):
        print(missing, file=sys.stderr)
        return 1
    return max(_row(name, options) for name in names)


def _fetched(names: list[str]) -> str:
    """Fetch what the rows need; why it could not be had, or nothing."""
    from cartograd.data.store import packages

    for item, rows in NEEDS.items():
        if set(rows) & set(names):
            found = packages.get(item)
            if found.path is None:
                return f"{item}: {found.reason}"
    return ""


def _row(name: str, options: argparse.Namespace) -> int:
    work = workplace(ROOT, name)
    count = options.seeds or MORE.get(name, len(SEEDS))
    try:
        outcome = ROWS[name](Session(work, seeds=tuple(range(count))))
    except FailedError as error:
        print(f"{name}: FAILED, {error}", flush=True)
        return 1
    row = dataclasses.asdict(outcome)
    verdict = "passed" if outcome.passed else "FAILED"
    print(f"{name}: {verdict}, {report.measured(row)}; asked {outcome.asked}", flush=True)
    for what, value in outcome.beside.items():
        print(f"  {what}: {value}", flush=True)
    seconds = ", ".join(f"{one:.0f}" for one in outcome.cpu)
    print(f"  CPU seconds: {seconds}", *outcome.notes, sep="\n  ", flush=True)
    if not options.trial:
        report.publish(options.out, name, outcome, machine(_threads()))
        if outcome.passed:
            shutil.rmtree(work)
    return int(not outcome.passed)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


if __name__ == "__main__":
    sys.exit(main())
