"""The page of a claim: statement, rule, what was found, seed by seed, and what was fixed when."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.report.claim import picture
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section, Table, note, table
from cartograd.evidence.words import between, number, reached

if TYPE_CHECKING:
    from cartograd.evidence.design import Event
    from cartograd.evidence.experiment import Outcome


def claim_page(
    path: str | Path,
    outcome: "Outcome",
    events: "Sequence[Event]" = (),
    source: Path | None = None,
    /,
) -> Path:
    """Write a claim's result as one self-contained HTML file.

    Args:
        path: of the page.
        outcome: what was found.
        events: of the claim, in its journal.
        source: the file of a claim of a user's own, which is shown.

    Raises:
        UsageError: the file cannot be written.
    """
    claim = outcome.claim
    seeds = "nothing random" if claim.exact else f"seeds {', '.join(map(str, outcome.seeds))}"
    code = None if source is None else _code(source)
    return write_report(
        path,
        [_findings(outcome), _figures(outcome), _history(events), code],
        title=claim.en,
        summary=f"{claim.hypothesis} {units.heading(outcome.verdict)}. {claim.remark}".strip(),
        figures=[
            Figure("Verdict", outcome.verdict, f"design {outcome.design}; {seeds}"),
            Figure("Processor time", units.seconds(outcome.cpu), ""),
        ],
        seal=outcome.design,
    )


def _findings(outcome: "Outcome") -> Section:
    rows = [
        [
            one.check,
            number(one.value),
            between(vars(one)),
            reached(vars(one)),
            one.state + (" (needed)" if one.needed else ""),
            one.method,
        ]
        for one in outcome.findings
    ]
    head = ["check", "figure", "interval", "could have seen", "state", "method"]
    body = Markup(picture(outcome)) + table(Table(head, rows, text=frozenset({2, 3, 4, 5})))
    lead = (
        "A check holds if its whole interval is on the side that is claimed, fails if the whole of "
        "it is on the other, and is open otherwise."
    )
    return Section("checks", "Checks", lead, body)


def _figures(outcome: "Outcome") -> Section:
    names = list(outcome.figures)
    rows = [
        [str(seed), *(number(outcome.figures[name][at]) for name in names)]
        for at, seed in enumerate(outcome.seeds)
    ]
    return Section("seeds", "Seed by seed", "", table(Table(["seed", *names], rows)))


def _history(events: "Sequence[Event]") -> Section | None:
    if not events:
        return None
    rows = [[one.date, one.event, one.design, one.seeds, one.note] for one in events]
    body = table(Table(["when (UTC)", "event", "design", "seeds", "note"], rows,
                       text=frozenset({1, 2, 3, 4})))  # fmt: skip
    lead = (
        "What was fixed when. A design that is changed after figures were seen is another one, and "
        "gets seeds that nobody saw."
    )
    return Section("history", "History", lead, body)


def _code(source: Path) -> Section:
    text = source.read_text(encoding="utf-8")
    body = Markup("<pre><code>{}</code></pre>").format(text)
    return Section("code", "Experiment", "", note(str(source)) + body)
