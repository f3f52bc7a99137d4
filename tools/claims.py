"""Run claims of the map, keep what they found, and write the page of all results.

python -m tools.claims             runs every claim
python -m tools.claims ID ...      runs these
python -m tools.claims --page      writes the page from the kept results alone
"""

import argparse
import datetime
import json
import sys
from typing import Any

from benchmarks.probe import machine
from cartograd.apps.report.claim import picture
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.evidence.claim import RESULTS, claims, deciding, find, statements, stored
from cartograd.evidence.experiment import Outcome, run
from tools.source import ROOT

OUT = ROOT / "docs/results"
LARGEST = 30_000
"""Bytes of a picture that is kept."""
PACKAGES = ("torch", "numpy")
HEAD = """# The map's statements, put to the test

Each row is an experiment of `src/cartograd/evidence/claims`, run by `cartograd claim ID` on one
thread. Its rule was fixed before it was run: a check holds if the whole 95 % interval lies on the
side that is claimed, fails if the whole of it lies on the other, and is open otherwise. The seed is
the unit: each gives one figure, paired where two things are compared. A statement *holds* if all
checks of its rule hold (or most, where the rule says so), *does not hold* if one fails (or most),
and is *contested* otherwise. Verdicts speak of the experiment that is named, not of all networks.
Where a first look showed that a design could not answer (a training that broke down, a teacher
worse than its student), it was changed once, and the remark says so.
"""


def main() -> int:
    """0 if every claim that was asked for could be run."""
    parser = argparse.ArgumentParser(prog="python -m tools.claims", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ID", help="by default all")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page")
    options = parser.parse_args()
    failed = 0
    for name in [] if options.page else options.names or list(claims()):
        try:
            _keep(run(find(name)))
        except UsageError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = 1
    write_file(OUT / "claims.md", page())
    return failed


def _keep(outcome: Outcome) -> None:
    """The result beside the others, and its picture if it is small."""
    facts = machine(1)
    record = outcome.to_json(curves=False) | {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "processor": facts["processor"],
        "versions": {"python": facts["python"]} | {x: facts["versions"][x] for x in PACKAGES},
    }
    del record["claim"]
    name = outcome.claim.id
    write_file(RESULTS / f"{name}.json", json.dumps(_round(record), indent=1) + "\n")
    drawn, path = picture(outcome), OUT / "claims" / f"{name}.svg"
    if len(drawn.encode()) < LARGEST:
        write_file(path, drawn)
    else:
        path.unlink(missing_ok=True)
    print(f"{name}: {outcome.verdict} ({outcome.cpu:.1f} s)", flush=True)
    for one in outcome.findings:
        print(f"  {one.check}: {one.value:.4g} [{one.low:.4g}, {one.high:.4g}] {one.state}")


def page() -> str:
    """The kept results as Markdown, in the order of the map."""
    kept = [(name, result) for name in claims() if (result := stored(name))]
    counts = ", ".join(
        f"{sum(result['verdict'] == verdict for _, result in kept)} {words}"
        for verdict, words in (
            ("holds", "hold"),
            ("does not hold", "do not hold"),
            ("contested", "are contested"),
        )
    )
    lines = [
        "| claim | statement | verdict | decided by | figure | interval |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in kept:
        first = deciding(result)
        cells = [f"[{name}](#{name})", find(name).en, f"**{result['verdict']}**"]
        lines.append(f"| {' | '.join([*cells, *_cells(first)[:3]])} |")
    total = f"{len(kept)} of the map's {len(statements())} statements: {counts}."
    parts = [HEAD.strip(), total, "\n".join(lines), *(_section(*one) for one in kept)]
    return "\n\n".join(parts) + "\n"


def _section(name: str, result: dict[str, Any]) -> str:
    claim = find(name)
    rows = ["| check | figure | interval | state | how |", "|---|---|---|---|---|"]
    rows += [
        f"| {' | '.join([*_cells(one), one['state'], one['method']])} |"
        for one in result["findings"]
    ]
    used = ", ".join(f"{key} {value}" for key, value in result["versions"].items())
    need = "" if claim.decide == "all" else " The majority of the checks decides."
    parts = [
        f"## {name}",
        f"{claim.en} ({claim.zh}). **{result['verdict'].capitalize()}.**",
        claim.hypothesis + need,
        "\n".join(rows),
        *([claim.remark] if claim.remark else []),
    ]
    if (OUT / "claims" / f"{name}.svg").exists():
        parts.append(f"![{claim.en}](claims/{name}.svg)")
    if claim.data:
        parts.append(f"It needs `cartograd data get {claim.data}`.")
    seeds = "nothing random" if claim.exact else f"{len(result['seeds'])} seeds"
    parts.append(
        f"`cartograd claim {name}`: {seeds}, {result['cpu_seconds']:.0f} s of processor time; "
        f"{result['processor']}; {used}; {result['date']}."
    )
    return "\n\n".join(parts)


def _cells(finding: dict[str, Any]) -> list[str]:
    value, low, high = (finding[key] for key in ("value", "low", "high"))
    span = "" if low == high else f"{_number(low)} to {_number(high)}"
    return [finding["check"].replace("|", "\\|"), _number(value), span]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _round(value: Any) -> Any:
    """Six digits are enough for what varies from seed to seed."""
    if isinstance(value, dict):
        return {key: _round(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_round(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
