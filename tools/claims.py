"""Run claims of the map, keep what they found, and write the page of all results.

python -m tools.claims             runs every claim
python -m tools.claims ID ...      runs these
python -m tools.claims --judge     judges the kept figures by the rules that stand
python -m tools.claims --page      writes the page from the kept results alone

A claim is run under a design that stands in the journal (`python -m tools.designs`).
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
from cartograd.evidence.claim import RESULTS, Claim, claims, deciding, find, statements, stored
from cartograd.evidence.design import JOURNAL, Event, digest, history, standing
from cartograd.evidence.experiment import Outcome, run
from cartograd.evidence.registering import append, span
from cartograd.evidence.verdict import judge
from cartograd.evidence.words import between, number, reached
from tools.source import ROOT

OUT = ROOT / "docs/results"
LARGEST = 30_000
"""Bytes of a picture that is kept."""
PACKAGES = ("torch", "numpy")
SHORT = 10
"""Minutes of processor time that claims have."""
LONGER = "A longer claim: up to {} minutes of processor time."
HEAD = """# The map's statements, put to the test

Each section is an experiment of `src/cartograd/evidence/claims`, run by `cartograd claim ID` on one
thread. A check holds if the whole 95 % interval lies on the side that is claimed, fails if the
whole of it lies on the other, and is open otherwise; an open one says which effect could have been
seen: the smallest true distance from its bound that four of five such experiments would have found.
The unit is the seed, whose figure is paired where two things are compared, or the task, where the
statement speaks of tasks. A statement *holds* if all checks of its rule hold (or most, where the
rule says so), *does not hold* if one fails (or most), is *contested* if some checks hold and
others fail, and *undecided* if the figures are too few to tell, or if the experiment did not do
what it was to do. Verdicts speak of the experiment that is named, not of all networks.

Which came first, rule or result, is told by each section's history. Since the journal
(`src/cartograd/evidence/journal.tsv`) began, a design is registered with its digest before any of
its seeds is run, a mended one gets fresh seeds, and `python -m tools.designs` checks it. Results
from before name no design: there the order of commits is all there is, experiments had often been
run before their first commit, and where a look is told of, the rule was not fixed before it.
"""


def main() -> int:
    """0 if every claim that was asked for could be run."""
    parser = argparse.ArgumentParser(prog="python -m tools.claims", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ID", help="by default all")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page")
    parser.add_argument("--judge", action="store_true", help="run nothing, judge the kept figures")
    options = parser.parse_args()
    failed = 0
    if options.judge:
        _judge_again()
    for name in [] if options.page or options.judge else options.names or list(claims()):
        try:
            claim = find(name)
            if standing(history(claim.id), digest(claim)) is None:
                raise UsageError(
                    f"its design is not in the journal: python -m tools.designs {claim.id}"
                )
            _keep(run(claim, said=print))
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
    seeds = "" if outcome.claim.exact else span(list(outcome.seeds))
    event = Event(outcome.started, name, "run", outcome.design, seeds, outcome.verdict)
    append(event, JOURNAL)
    write_file(RESULTS / f"{name}.json", json.dumps(_round(record), indent=1) + "\n")
    drawn, path = picture(outcome), OUT / "claims" / f"{name}.svg"
    if len(drawn.encode()) < LARGEST:
        write_file(path, drawn)
    else:
        path.unlink(missing_ok=True)
    print(f"{name}: {outcome.verdict} ({outcome.cpu:.1f} s)", flush=True)
    for one in outcome.findings:
        print(f"  {one.check}: {one.value:.4g} [{one.low:.4g}, {one.high:.4g}] {one.state}")


def _judge_again() -> None:
    """Verdicts of all kept figures by the rules as they stand."""
    for name, claim in claims().items():
        result = stored(name)
        if result is None:
            continue
        verdict, findings = judge(
            claim.rule,
            result["figures"],
            decide=claim.decide,
            exact=claim.exact,
            requires=claim.requires,
        )
        found = {"verdict": verdict, "findings": [one.to_json() for one in findings]}
        result = {**found, "design": "", "started": "", **result, **found}
        write_file(RESULTS / f"{name}.json", json.dumps(_round(result), indent=1) + "\n")


def page() -> str:
    """The kept results as Markdown, in the order of the map."""
    kept = {name: result for name in claims() if (result := stored(name))}
    counts = ", ".join(
        f"{sum(result['verdict'] == verdict for result in kept.values())} {words}"
        for verdict, words in (
            ("holds", "hold"),
            ("does not hold", "do not hold"),
            ("contested", "are contested"),
            ("undecided", "are undecided"),
        )
    )
    lines = [
        "| claim | statement | verdict | decided by | figure | interval | could have seen |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, statement in statements().items():
        cells = [f"[{name}](#{name})" if name in claims() else name, statement.claim_en]
        if name in kept:
            cells += [f"**{kept[name]['verdict']}**", *_cells(deciding(kept[name]))]
        else:
            cells += ["not run yet" if name in claims() else "no experiment yet", *[""] * 4]
        lines.append(f"| {' | '.join(cells)} |")
    total = f"{len(kept)} of the map's {len(statements())} statements: {counts}."
    parts = [HEAD.strip(), total, "\n".join(lines), *map(_section, claims().values())]
    return "\n\n".join(parts) + "\n"


def _section(claim: Claim) -> str:
    """A claim: statement, hypothesis, what was found, and how it came about."""
    result = stored(claim.id)
    need = {
        "all": "",
        "majority": " The majority of the checks decides.",
        "each": " Each check is a cell with a verdict of its own.",
    }[claim.decide]
    verdict = "not run yet" if result is None else result["verdict"]
    parts = [
        f"## {claim.id}",
        f"{claim.en} ({claim.zh}). **{verdict.capitalize()}.**",
        claim.hypothesis + need,
        *([_checks(claim)] if result is None else _found(claim, result)),
        *([f"It needs {_fetched(claim)}."] if claim.data else []),
        *([LONGER.format(claim.minutes)] if claim.minutes > SHORT else []),
        "\n".join(["History:", "", *map(_told, history(claim.id))]),
    ]
    return "\n\n".join(parts)


def _checks(claim: Claim) -> str:
    """The rule of what was not run yet."""
    needed = [f"- `{text}` (needed)" for text in claim.requires]
    return "\n".join(["The rule:", "", *(f"- `{text}`" for text in claim.rule), *needed])


def _fetched(claim: Claim) -> str:
    return " and ".join(f"`cartograd data get {name}`" for name in claim.data.split(", "))


def _found(claim: Claim, result: dict[str, Any]) -> list[str]:
    """Figures, remark, picture, and the run, as paragraphs."""
    name = claim.id
    rows = [
        "| check | figure | interval | could have seen | state | how |",
        "|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {' | '.join([*_cells(one), _state(one), one['method']])} |"
        for one in result["findings"]
    ]
    used = ", ".join(f"{key} {value}" for key, value in result["versions"].items())
    parts = ["\n".join(rows), *([claim.remark] if claim.remark else [])]
    if (OUT / "claims" / f"{name}.svg").exists():
        parts.append(f"![{claim.en}](claims/{name}.svg)")
    seeds = "nothing random" if claim.exact else f"{len(result['seeds'])} seeds"
    parts.append(
        f"`cartograd claim {name}`: {seeds}, {result['cpu_seconds']:.0f} s of processor time; "
        f"{result['processor']}; {used}; {result['date']}."
    )
    return parts


def _told(event: Event) -> str:
    """An event as a point of a list."""
    words = [event.event]
    words += [f"`{event.design}`"] if event.design else []
    words += [f"seeds {event.seeds}"] if event.seeds else []
    return (
        f"- {event.date.replace('T', ' ').rstrip('Z')}: {', '.join(words)}. {event.note}".rstrip()
    )


def _state(finding: dict[str, Any]) -> str:
    return finding["state"] + (" (needed)" if finding["needed"] else "")


def _cells(finding: dict[str, Any]) -> list[str]:
    check = finding["check"].replace("|", "\\|")
    return [check, number(finding["value"]), between(finding), reached(finding)]


def _round(value: Any) -> Any:
    """Six digits are enough for what varies from seed to seed."""
    if isinstance(value, dict):
        return {key: _round(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_round(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
